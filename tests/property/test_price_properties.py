from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from metering.model_price import LongContextTier, ModelPrice, TokenRates
from metering.money import apply_markup
from metering.price_bound import price_bound
from metering.prices import ceiling
from metering.terms import Terms
from metering.tiers import Tier, graduated, volume
from metering.usage import TokenUsage

rates = st.decimals(min_value=0, max_value=1000, allow_nan=False, allow_infinity=False)
optional_rates = st.none() | rates
token_rates = st.builds(TokenRates, rates, rates, *[optional_rates] * 4)


@st.composite
def usages(draw: st.DrawFn) -> TokenUsage:
    tokens = st.integers(min_value=0, max_value=10**7)
    output = draw(tokens)
    reasoning = draw(st.integers(min_value=0, max_value=output))
    written = draw(tokens)
    long = draw(st.integers(min_value=0, max_value=written))
    return TokenUsage(draw(tokens), draw(tokens), written, output, reasoning, cache_write_1h=long)


@st.composite
def prices(draw: st.DrawFn) -> ModelPrice:
    starts = sorted(draw(st.sets(st.integers(min_value=0, max_value=2 * 10**7), max_size=3)))
    tiers = tuple(LongContextTier(start, draw(token_rates)) for start in starts)
    return ModelPrice(draw(token_rates), "test", per_request=draw(rates), tiers=tiers, per_second=draw(rates))


def by_the_book(price: ModelPrice, usage: TokenUsage, duration_us: int = 0) -> Fraction:
    """The contract in exact fractions of nano-dollars, as plainly as it can be said."""
    rates = price.rates
    for tier in price.tiers:
        if usage.input_total > tier.over_input_tokens:
            rates = tier.rates
    read = rates.input if rates.cache_read is None else rates.cache_read
    write = rates.input if rates.cache_write is None else rates.cache_write
    reasoning = rates.output if rates.reasoning is None else rates.reasoning
    write_1h = write if rates.cache_write_1h is None else rates.cache_write_1h
    timed = Fraction(price.per_second) * duration_us / 1_000_000
    usd = (
        Fraction(price.per_request)
        + timed
        + Fraction(1, 1_000_000)
        * (
            usage.input_uncached * Fraction(rates.input)
            + usage.cache_read * Fraction(read)
            + (usage.cache_write - usage.cache_write_1h) * Fraction(write)
            + usage.cache_write_1h * Fraction(write_1h)
            + (usage.output - usage.reasoning) * Fraction(rates.output)
            + usage.reasoning * Fraction(reasoning)
        )
    )
    return usd * 10**9


@given(prices(), usages(), st.integers(min_value=0, max_value=10**10))
def test_cost_is_exact_and_rounded_once(price: ModelPrice, usage: TokenUsage, duration_us: int) -> None:
    assert price.cost_nanos(usage, duration_us) == round(by_the_book(price, usage, duration_us))


@given(token_rates, usages())
def test_cost_is_additive_over_classes(rates: TokenRates, usage: TokenUsage) -> None:
    """Each class alone, added up, is the whole: off by the roundings of the parts and no more."""
    price = ModelPrice(rates, "test")
    alone = [
        TokenUsage(usage.input_uncached),
        TokenUsage(0, usage.cache_read),
        TokenUsage(0, 0, usage.cache_write, cache_write_1h=usage.cache_write_1h),
        TokenUsage(output=usage.output, reasoning=usage.reasoning),
    ]
    assert sum(by_the_book(price, part) for part in alone) == by_the_book(price, usage)
    assert abs(sum(map(price.cost_nanos, alone)) - price.cost_nanos(usage)) <= 2


factors = st.decimals(min_value=0, max_value=10, places=4, allow_nan=False)
shares = st.decimals(min_value=0, max_value=1, places=4, allow_nan=False)


@given(st.integers(min_value=0, max_value=10**15), factors, shares)
def test_markup_and_discount_are_exact(nanos: int, markup: Decimal, discount: Decimal) -> None:
    terms = Terms(markup, tenant_discount={"t": discount})
    assert terms.charge(nanos, "t") == round(nanos * Fraction(markup) * (1 - Fraction(discount)))
    assert terms.charge(nanos, "other") == round(nanos * Fraction(markup))


@given(prices(), factors, usages())
def test_a_service_factor_scales_every_rate_exactly(
    price: ModelPrice, factor: Decimal, usage: TokenUsage
) -> None:
    scaled = ModelPrice(price.rates.times(factor), "test")
    plain = ModelPrice(price.rates, "test")
    assert by_the_book(scaled, usage) == by_the_book(plain, usage) * Fraction(factor)


tier_ends = st.lists(st.integers(1, 10**6), max_size=4, unique=True).map(sorted)


@given(tier_ends, st.data(), st.integers(0, 10**7))
def test_graduated_is_the_sum_of_its_units_and_volume_is_one_rate(
    ends: list[int], data: st.DataObject, units: int
) -> None:
    steps = [Tier(end, data.draw(shares)) for end in (*ends, None)]
    by_band, lower = Fraction(0), 0
    for step in steps:
        upper = units if step.up_to is None else min(units, int(step.up_to))
        by_band += max(0, upper - lower) * Fraction(step.usd_per_unit)
        lower = max(lower, upper)
    assert graduated(units, steps) == by_band
    reached = next(step for step in steps if step.up_to is None or units <= step.up_to)
    assert volume(units, steps) == units * Fraction(reached.usd_per_unit)


@given(prices(), usages())
def test_no_usage_ever_earns_money(price: ModelPrice, usage: TokenUsage) -> None:
    assert price.cost_nanos(usage) >= 0


@given(st.lists(prices(), min_size=1, max_size=4), usages())
def test_the_ceiling_is_never_below_a_known_price(known: list[ModelPrice], usage: TokenUsage) -> None:
    top = ceiling(known)
    assert top is not None
    assert all(top.cost_nanos(usage) >= price.cost_nanos(usage) for price in known)


@given(prices(), usages(), factors, st.integers(0, 10**9))
def test_nothing_costs_more_than_its_bound(
    price: ModelPrice, usage: TokenUsage, markup: Decimal, duration_us: int
) -> None:
    charged = apply_markup(price.cost_nanos(usage, duration_us), markup)
    bound = price_bound(price, markup)
    assert charged <= bound.nanos(usage.input_total, usage.output, duration_us)
    assert charged <= bound.nanos(usage.input_total + 7, usage.output + 3, duration_us + 1)


@given(st.decimals(min_value=0, max_value=10, allow_nan=False, allow_infinity=False))
def test_cost_never_falls_when_tokens_are_added(rate: Decimal) -> None:
    price = ModelPrice(TokenRates(rate, rate), "test")
    costs = [price.cost_nanos(TokenUsage(input_uncached=count)) for count in (0, 1, 10, 1000, 10**6)]
    assert costs == sorted(costs)
