"""Published examples of tiered prices, each by the name of who published it."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest

from metering.gpu_rates import NS_PER_HOUR, GpuRate, GpuRates
from metering.terms import Terms
from metering.tiers import Tier, graduated, nanos, package, volume


def tiers(*steps: tuple[int | None, str] | tuple[int | None, str, str]) -> list[Tier]:
    return [Tier(step[0], *map(Decimal, step[1:])) for step in steps]


ZUPLO = tiers((1_000, "0.10"), (10_000, "0.05"), (None, "0.01"))
AUTUMN = tiers((1_000, "0.01"), (10_000, "0.008"), (None, "0.005"))
FLEXPRICE = tiers((1_000, "0.001"), (50_000, "0.0008"), (None, "0.0006"))
LAGO = tiers((500, "0.01", "200"), (None, "0.02", "100"))


def test_zuplo_graduated_15000_units_cost_600() -> None:
    assert graduated(15_000, ZUPLO) == 600


def test_zuplo_volume_15000_units_cost_150() -> None:
    assert volume(15_000, ZUPLO) == 150


def test_autumn_graduated_15000_units_cost_107() -> None:
    assert graduated(15_000, AUTUMN) == 107


def test_flexprice_volume_65000_units_cost_39() -> None:
    assert volume(65_000, FLEXPRICE) == 39


def test_lago_graduated_percentage_of_500_costs_205() -> None:
    assert graduated(500, LAGO) == 205


def test_lago_graduated_percentage_of_550_costs_306() -> None:
    assert graduated(550, LAGO) == 306


def test_a_tier_ends_with_its_last_unit() -> None:
    assert volume(1_000, ZUPLO) == 100
    assert volume(1_001, ZUPLO) == Fraction(1_001, 20)
    assert graduated(1_001, ZUPLO) == Fraction(2001, 20)
    assert graduated(0, LAGO) == volume(0, LAGO) == 0


def test_a_package_is_sold_whole() -> None:
    assert package(1, 1_000, Decimal(2)) == package(1_000, 1_000, Decimal(2)) == 2
    assert package(1_001, 1_000, Decimal(2)) == 4
    assert package(1_001, 1_000, Decimal(2), free_units=1) == 2
    assert package(0, 1_000, Decimal(2)) == 0


def test_an_amount_is_rounded_once_half_to_even() -> None:
    assert nanos(Fraction(1, 2_000_000_000)) == 0
    assert nanos(Fraction(3, 2_000_000_000)) == 2
    assert nanos(Fraction(205)) == 205 * 10**9


@pytest.mark.parametrize(
    "wrong", [[], tiers((10, "1")), tiers((10, "1"), (5, "1"), (None, "1")), tiers((None, "1"), (None, "1"))]
)
@pytest.mark.parametrize("kind", [graduated, volume])
def test_tiers_out_of_order_are_refused(kind: type, wrong: list[Tier]) -> None:
    with pytest.raises(ValueError, match="ascend"):
        kind(3, wrong)
    with pytest.raises(ValueError, match="cannot be charged"):
        kind(-1, ZUPLO)


def test_a_gpu_hour_is_dated_and_unknown_is_none() -> None:
    old, new = GpuRate("g", Decimal("2.10")), GpuRate("g", Decimal("1.95"), date(2026, 7, 1))
    rates = GpuRates([new, old])
    assert rates.find("g", date(2026, 6, 30)) is old
    assert rates.find("g", date(2026, 7, 1)) is new
    assert rates.find("other", date(2026, 7, 1)) is None
    assert old.cost_nanos(NS_PER_HOUR) == 2_100_000_000
    assert old.cost_nanos(1_000_000_000) == 583_333
    assert sum(old.exact_nanos(NS_PER_HOUR // 3) for _ in range(3)) == 2_100_000_000
    assert old.version.startswith("gpu:g:undated:")
    assert old.version != new.version
    with pytest.raises(ValueError, match="two GPU rates"):
        GpuRates([old, GpuRate("g", Decimal(1))])


def test_markup_and_discount_make_one_exact_factor() -> None:
    terms = Terms(Decimal("1.2"), Decimal("0.1"), {"a": Decimal("1.1")}, {"b": Decimal("0.15")})
    assert terms.factor("a") == Decimal("0.99")
    assert terms.factor("b") == Decimal("1.02")
    assert terms.factor("anyone") == Decimal("1.08")
    assert terms.charge(1_000_000_005, "b") == 1_020_000_005


@pytest.mark.parametrize("discount", ["-0.1", "1.1", "NaN"])
def test_a_discount_beyond_all_or_nothing_is_refused(discount: str) -> None:
    with pytest.raises(ValueError, match="discount"):
        Terms(discount=Decimal(discount))
