from __future__ import annotations

from decimal import Decimal

import pytest

from metering.money import (
    apply_markup,
    divide_half_even,
    format_usd,
    places_to_show,
    round_to_places,
    split_by_largest_remainder,
    usd_to_nanos,
)


@pytest.mark.parametrize(
    ("numerator", "denominator", "quotient"),
    [(5, 2, 2), (7, 2, 4), (-5, 2, -2), (-7, 2, -4), (4, 3, 1), (5, 3, 2), (0, 7, 0), (-1, 3, 0)],
)
def test_ties_go_to_the_even_neighbour(numerator: int, denominator: int, quotient: int) -> None:
    assert divide_half_even(numerator, denominator) == quotient


@pytest.mark.parametrize(
    ("usd", "nanos"),
    [("1", 10**9), ("0.0000000005", 0), ("0.0000000015", 2), ("-0.25", -250_000_000), ("1e-9", 1)],
)
def test_dollars_become_nanos_with_one_rounding(usd: str, nanos: int) -> None:
    assert usd_to_nanos(Decimal(usd)) == nanos


@pytest.mark.parametrize("usd", ["NaN", "Infinity"])
def test_what_is_no_amount_is_refused(usd: str) -> None:
    with pytest.raises(ValueError, match="not an amount"):
        usd_to_nanos(Decimal(usd))


def test_markup_is_rounded_once() -> None:
    assert apply_markup(1000, Decimal("1.1")) == 1100
    assert apply_markup(5, Decimal("1.1")) == 6  # 5.5, to even
    assert apply_markup(15, Decimal("0.1")) == 2  # 1.5, to even
    assert apply_markup(25, Decimal("0.1")) == 2  # 2.5, to even
    assert apply_markup(123, Decimal(0)) == 0


def test_a_negative_markup_is_refused() -> None:
    with pytest.raises(ValueError, match="markup"):
        apply_markup(1, Decimal("-1"))


def test_the_largest_remainders_get_what_is_left() -> None:
    assert split_by_largest_remainder(100, [1, 1, 1]) == [34, 33, 33]
    assert split_by_largest_remainder(10, [Decimal("0.5"), Decimal("0.26"), Decimal("0.24")]) == [5, 3, 2]
    assert split_by_largest_remainder(-100, [1, 1, 1]) == [-34, -33, -33]
    assert split_by_largest_remainder(0, [0, 0]) == [0, 0]
    assert split_by_largest_remainder(7, [0, 3, 0]) == [0, 7, 0]


@pytest.mark.parametrize(("total", "weights"), [(1, []), (1, [0, 0]), (1, [2, -1])])
def test_a_total_that_nothing_can_carry_is_refused(total: int, weights: list[int]) -> None:
    with pytest.raises(ValueError, match="weight"):
        split_by_largest_remainder(total, weights)


@pytest.mark.parametrize(
    ("nanos", "places", "text"),
    [
        (None, None, "-"),
        (0, None, "0.00"),
        (1, None, "0.000000001"),
        (1_234_500_000, None, "1.2345"),
        (-2_500_000_000, None, "-2.50"),
        (1_005_000_000, 2, "1.00"),
        (1_015_000_000, 2, "1.02"),
        (999_999_999, 2, "1.00"),
        (-1, 2, "0.00"),
        (-10_000_000, 2, "-0.01"),
        (1_600_000_000, 0, "2"),
    ],
)
def test_dollars_are_shown_plainly(nanos: int | None, places: int | None, text: str) -> None:
    assert format_usd(nanos, places) == text


def test_places_outside_nanos_are_refused() -> None:
    with pytest.raises(ValueError, match="between 0 and 9"):
        format_usd(1, 10)


@pytest.mark.parametrize(
    ("amounts", "places"),
    [([], 2), ([0], 2), ([5_000_000_000], 2), ([12_345_678], 3), ([120_000, 10**9], 5), ([7], 9)],
)
def test_small_amounts_get_the_places_they_need(amounts: list[int], places: int) -> None:
    assert places_to_show(amounts) == places


def test_a_printed_column_adds_up_to_its_last_line() -> None:
    thirds = [3_333_333, 3_333_333, 3_333_334]
    assert round_to_places(thirds, 2) == ([0, 0, 10_000_000], 10_000_000)
