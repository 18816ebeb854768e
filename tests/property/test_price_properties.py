from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from metering.model_price import LongContextTier, ModelPrice, TokenRates
from metering.prices import ceiling
from metering.usage import TokenUsage

rates = st.decimals(min_value=0, max_value=1000, allow_nan=False, allow_infinity=False)
optional_rates = st.none() | rates
token_rates = st.builds(TokenRates, rates, rates, optional_rates, optional_rates, optional_rates)


@st.composite
def usages(draw: st.DrawFn) -> TokenUsage:
    tokens = st.integers(min_value=0, max_value=10**7)
    output = draw(tokens)
    reasoning = draw(st.integers(min_value=0, max_value=output))
    return TokenUsage(draw(tokens), draw(tokens), draw(tokens), output, reasoning)


@st.composite
def prices(draw: st.DrawFn) -> ModelPrice:
    starts = sorted(draw(st.sets(st.integers(min_value=0, max_value=2 * 10**7), max_size=3)))
    tiers = tuple(LongContextTier(start, draw(token_rates)) for start in starts)
    return ModelPrice(draw(token_rates), "test", per_request=draw(rates), tiers=tiers)


def by_the_book(price: ModelPrice, usage: TokenUsage) -> Fraction:
    """The contract in exact fractions of nano-dollars, as plainly as it can be said."""
    rates = price.rates
    for tier in price.tiers:
        if usage.input_total > tier.over_input_tokens:
            rates = tier.rates
    read = rates.input if rates.cache_read is None else rates.cache_read
    write = rates.input if rates.cache_write is None else rates.cache_write
    reasoning = rates.output if rates.reasoning is None else rates.reasoning
    usd = Fraction(price.per_request) + Fraction(1, 1_000_000) * (
        usage.input_uncached * Fraction(rates.input)
        + usage.cache_read * Fraction(read)
        + usage.cache_write * Fraction(write)
        + (usage.output - usage.reasoning) * Fraction(rates.output)
        + usage.reasoning * Fraction(reasoning)
    )
    return usd * 10**9


@given(prices(), usages())
def test_cost_is_exact_and_rounded_once(price: ModelPrice, usage: TokenUsage) -> None:
    assert price.cost_nanos(usage) == round(by_the_book(price, usage))


@given(prices(), usages())
def test_no_usage_ever_earns_money(price: ModelPrice, usage: TokenUsage) -> None:
    assert price.cost_nanos(usage) >= 0


@given(st.lists(prices(), min_size=1, max_size=4), usages())
def test_the_ceiling_is_never_below_a_known_price(known: list[ModelPrice], usage: TokenUsage) -> None:
    top = ceiling(known)
    assert top is not None
    assert all(top.cost_nanos(usage) >= price.cost_nanos(usage) for price in known)


@given(st.decimals(min_value=0, max_value=10, allow_nan=False, allow_infinity=False))
def test_cost_never_falls_when_tokens_are_added(rate: Decimal) -> None:
    price = ModelPrice(TokenRates(rate, rate), "test")
    costs = [price.cost_nanos(TokenUsage(input_uncached=count)) for count in (0, 1, 10, 1000, 10**6)]
    assert costs == sorted(costs)
