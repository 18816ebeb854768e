from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from hypothesis import assume, given
from hypothesis import strategies as st

from metering.money import (
    NANOS_PER_USD,
    apply_markup,
    divide_half_even,
    format_usd,
    round_to_places,
    split_by_largest_remainder,
    usd_to_nanos,
)

amounts = st.integers(min_value=-(10**18), max_value=10**18)
weights = st.one_of(
    st.integers(min_value=0, max_value=10**12),
    st.fractions(min_value=0, max_value=10**6),
    st.decimals(min_value=0, max_value=10**6, allow_nan=False, allow_infinity=False, places=6),
)


@given(amounts, st.integers(min_value=1, max_value=10**12))
def test_division_is_python_s_own_exact_rounding(numerator: int, denominator: int) -> None:
    assert divide_half_even(numerator, denominator) == round(Fraction(numerator, denominator))


@given(st.decimals(min_value=-(10**9), max_value=10**9, allow_nan=False, allow_infinity=False))
def test_dollars_to_nanos_is_exact_then_rounded(usd: Decimal) -> None:
    assert usd_to_nanos(usd) == round(Fraction(usd) * NANOS_PER_USD)


@given(amounts, st.decimals(min_value=0, max_value=100, allow_nan=False, allow_infinity=False))
def test_markup_is_exact_then_rounded(nanos: int, factor: Decimal) -> None:
    assert apply_markup(nanos, factor) == round(nanos * Fraction(factor))


@given(amounts, st.lists(weights, min_size=1, max_size=30))
def test_a_split_conserves_and_is_fair_to_one_unit(total: int, parts: list[int | Fraction | Decimal]) -> None:
    weight_sum = sum((Fraction(part) for part in parts), Fraction(0))
    assume(weight_sum > 0)
    shares = split_by_largest_remainder(total, parts)
    assert sum(shares) == total
    for share, part in zip(shares, parts, strict=True):
        assert abs(share - total * Fraction(part) / weight_sum) < 1
        assert share == 0 or part > 0


@given(st.lists(amounts, max_size=30), st.integers(min_value=0, max_value=9))
def test_a_rounded_column_adds_up(column: list[int], places: int) -> None:
    rounded, total = round_to_places(column, places)
    unit = 10 ** (9 - places)
    assert sum(rounded) == total
    assert total == round(Fraction(sum(column), unit)) * unit
    assert all(abs(shown - exact) < unit for shown, exact in zip(rounded, column, strict=True))


@given(amounts)
def test_exact_text_reads_back_as_the_same_amount(nanos: int) -> None:
    assert usd_to_nanos(Decimal(format_usd(nanos))) == nanos
