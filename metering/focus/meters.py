"""From sums of one price to a row per meter: a quantity, a unit price, and the part of what was charged.

Each attempt was rounded once to a nano-dollar, so what was charged differs from price times quantity by less
than a nano-dollar per attempt. List cost and contracted cost are the exact products; billed cost is what the
ledger charged, handed out over the meters by largest remainder, so that its sum is the ledger's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from metering.focus.row import Priced
from metering.focus.values import decimal_of, unit_price
from metering.model_price import ModelPrice, TokenRates
from metering.money import NANOS_PER_USD, split_by_largest_remainder

TOKENS, REQUESTS, SECONDS = "Tokens", "Requests", "Seconds"
_TOKENS_PER_RATE = 1_000_000
_US_PER_SECOND = 1_000_000


class Sums(NamedTuple):
    """Of attempts that were priced alike: one price version, one tier of context, one tenant."""

    attempts: int
    uncached: int
    cache_read: int
    cache_write: int
    cache_write_1h: int
    """Part of `cache_write`."""
    output: int
    reasoning: int
    """Part of `output`."""
    duration_us: int
    list_nanos: int
    cost_nanos: int

    @property
    def tokens(self) -> int:
        return self.uncached + self.cache_read + self.cache_write + self.output


class Meter(NamedTuple):
    name: str
    """As in SkuMeter."""
    token_type: str
    cache_ttl: str = ""


INPUT, CACHED = Meter("Input Tokens", "input"), Meter("Cached Input Tokens", "cached_input")
WRITE, WRITE_1H = (
    Meter("Cache Write Tokens", "cache_write"),
    Meter("Cache Write Tokens", "cache_write", "1h"),
)
OUTPUT, REASONING = Meter("Output Tokens", "output"), Meter("Reasoning Tokens", "reasoning")
REQUEST, DURATION = Meter("Requests", ""), Meter("Request Time", "")
ANY_TOKENS = Meter("Tokens", "")


class Metered(NamedTuple):
    meter: Meter
    priced: Priced
    billed_nanos: int
    basis: str
    """rates: the price stands in the price list. average-terms: it does, but the tenant's factor is that of
    what was charged. average: no price list explains the rows any more, and the price is cost by quantity."""


class _Item(NamedTuple):
    meter: Meter
    unit: str
    quantity: Fraction
    usd: Fraction
    """For one unit, at list."""


def metered(sums: Sums, price: ModelPrice | None, over_tokens: int, factor: Decimal) -> list[Metered]:
    """`over_tokens`: the size that the attempts' inputs exceed, for prices with long-context tiers. `factor`
    is the tenant's. Nothing for sums without anything to show: no quantity and no cost."""
    items = list(_items(sums, price, over_tokens)) if price is not None else []
    exact = sum((item.quantity * item.usd for item in items), Fraction(0)) * NANOS_PER_USD
    if not items or not _explains(exact, sums.list_nanos, sums.attempts):
        return _average(sums)
    terms, basis = Fraction(factor), "rates"
    if not _explains(terms * sums.list_nanos, sums.cost_nanos, sums.attempts):
        terms, basis = Fraction(sums.cost_nanos, sums.list_nanos or 1), "average-terms"
    weights = [item.quantity * item.usd for item in items]
    if not any(weights) and sums.cost_nanos:
        return _average(sums)
    billed = split_by_largest_remainder(sums.cost_nanos, weights)
    return [
        Metered(item.meter, _priced(item, terms), nanos, basis)
        for item, nanos in zip(items, billed, strict=True)
    ]


def _explains(exact_nanos: Fraction, stored_nanos: int, attempts: int) -> bool:
    """Each attempt was rounded once, by half a nano-dollar at most."""
    return 2 * abs(exact_nanos - stored_nanos) <= attempts


def _items(sums: Sums, price: ModelPrice, over_tokens: int) -> Iterator[_Item]:
    rates = _rates(price, over_tokens)
    for meter, tokens, rate in _classes(sums, rates):
        if tokens:
            yield _Item(meter, TOKENS, Fraction(tokens), Fraction(rate) / _TOKENS_PER_RATE)
    if price.per_request:
        yield _Item(REQUEST, REQUESTS, Fraction(sums.attempts), Fraction(price.per_request))
    if price.per_second and sums.duration_us:
        yield _Item(DURATION, SECONDS, Fraction(sums.duration_us, _US_PER_SECOND), Fraction(price.per_second))


def _classes(sums: Sums, rates: TokenRates) -> Iterator[tuple[Meter, int, Decimal]]:
    """What a class costs decides whether it is one: reasoning at the price of output is output."""
    uncached, read, write, output, reasoning, write_1h = rates.resolved()
    yield INPUT, sums.uncached, uncached
    yield CACHED, sums.cache_read, read
    hour = sums.cache_write_1h if write_1h != write else 0
    yield WRITE, sums.cache_write - hour, write
    yield WRITE_1H, hour, write_1h
    thought = sums.reasoning if reasoning != output else 0
    yield OUTPUT, sums.output - thought, output
    yield REASONING, thought, reasoning


def _rates(price: ModelPrice, over_tokens: int) -> TokenRates:
    reached = [tier.rates for tier in price.tiers if tier.over_input_tokens <= over_tokens]
    return reached[-1] if over_tokens and reached else price.rates


def _priced(item: _Item, terms: Fraction) -> Priced:
    quantity = decimal_of(item.quantity, 9)
    return Priced(quantity, item.unit, unit_price(item.usd), unit_price(item.usd * terms))


def _average(sums: Sums) -> list[Metered]:
    quantity = sums.tokens or sums.attempts
    if not quantity or not (sums.tokens or sums.cost_nanos or sums.list_nanos):
        return []
    meter, unit = (ANY_TOKENS, TOKENS) if sums.tokens else (REQUEST, REQUESTS)
    priced = average_price(Decimal(quantity), unit, sums.list_nanos, sums.cost_nanos)
    return [Metered(meter, priced, sums.cost_nanos, "average")]


def average_price(quantity: Decimal, unit: str, list_nanos: int, cost_nanos: int) -> Priced:
    """Cost by quantity, rounded as unit prices are."""
    each = Fraction(quantity) * NANOS_PER_USD
    return Priced(quantity, unit, unit_price(list_nanos / each), unit_price(cost_nanos / each))


def thresholds(prices: Sequence[ModelPrice]) -> tuple[int, ...]:
    """Every size of input, ascending, at which one of these prices steps up."""
    return tuple(
        sorted(
            {
                tier.over_input_tokens
                for price in prices
                for each in price.every()
                for tier in each.tiers
                if tier.over_input_tokens
            }
        )
    )
