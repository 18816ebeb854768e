"""Costs of the house that tenants share."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from metering.books.entries import Entry, read_entries
from metering.books.policy import SplitRule
from metering.books.split import split
from tests.fakes.books import CENT, FEBRUARY, JANUARY, START_US, Office, assert_adds_up, share, used


@pytest.fixture
def office(tmp_path: Path) -> Office:
    """acme used 6 s of gpu1 and beta 3 s, 10 cents' worth of it stood idle."""
    office = Office(f"sqlite:///{tmp_path / 'weir.db'}")
    office.hold(used("acme", 6 * CENT), used("beta", 3 * CENT), used("corp", CENT, backend="openai"))
    shares = [share("request", "acme", 6, 6 * CENT), share("request", "beta", 3, 3 * CENT)]
    office.window([*shares, share("idle", "", 10, 10 * CENT)], start_us=START_US[JANUARY])
    return office


def rule(by: str, cost: str = "idle", backend: str | None = "gpu1", **weights: str) -> SplitRule:
    parts = {tenant: Decimal(weight) for tenant, weight in weights.items()}
    return SplitRule(cost, by, backend, parts)  # type: ignore[arg-type]


def splits(office: Office, *rules: SplitRule) -> dict[str, Entry]:
    """By tenant, of January as it would be closed."""
    office.policy = type(office.policy)(splits=rules)
    return {entry.tenant: entry for entry in office.draft(JANUARY).new_entries}


def amounts(found: dict[str, Entry]) -> dict[str, int]:
    return {tenant: entry.amount_nanos for tenant, entry in found.items()}


def test_by_use_is_by_gpu_time_on_that_backend(office: Office) -> None:
    found = splits(office, rule("use"))
    assert amounts(found) == {"": -10 * CENT, "acme": 66_666_667, "beta": 33_333_333}
    assert found["acme"].reference == found[""].reference == "split:2026-01:idle:gpu1"
    assert found["acme"].cost_center == "CC-acme"
    assert found["acme"].description == "idle GPU time of gpu1, a share by use"
    details = json.loads(found["beta"].details)
    assert details == {
        "method": "gw-use-v1",
        "origin": {"month": JANUARY, "category": "idle", "backend": "gpu1", "amount_nanos": 10 * CENT},
        "backend": "gpu1",
        "ratio": "0.333333333333",
        "usage": "3",
        "usage_unit": "gpu_ns",
    }
    ratios = [Decimal(json.loads(found[tenant].details)["ratio"]) for tenant in ("acme", "beta")]
    assert sum(ratios) == 1


def test_evenly_is_over_those_who_used_the_backend(office: Office) -> None:
    assert amounts(splits(office, rule("even"))) == {"": -10 * CENT, "acme": 5 * CENT, "beta": 5 * CENT}


def test_fixed_weights_are_proportions(office: Office) -> None:
    found = splits(office, rule("fixed", acme="0.7", corp="0.3", nobody="0"))
    assert amounts(found) == {"": -10 * CENT, "acme": 7 * CENT, "corp": 3 * CENT}
    assert amounts(splits(office, rule("fixed", acme="7", corp="3"))) == amounts(found)


def test_the_first_rule_that_covers_a_cost_splits_it_once(office: Office) -> None:
    other = rule("even", backend="gpu2")
    assert amounts(splits(office, other)) == {}
    assert amounts(splits(office, other, rule("even", backend=None), rule("use"))) == {
        "": -10 * CENT,
        "acme": 5 * CENT,
        "beta": 5 * CENT,
    }


def test_without_gpu_time_use_is_what_was_charged(office: Office) -> None:
    office.entry("", 8 * CENT, JANUARY, category="vendor", kind="reconciliation")
    found = splits(office, rule("use", "vendor", None))
    assert amounts(found) == {"": -8 * CENT, "acme": 48_000_000, "beta": 24_000_000, "corp": 8_000_000}
    assert json.loads(found["acme"].details)["usage_unit"] == "nanos"
    assert found[""].description == "model inference, handed on to tenants"


def test_a_cost_that_nobody_can_carry_stays_with_the_house(tmp_path: Path) -> None:
    office = Office(f"sqlite:///{tmp_path / 'idle.db'}")
    office.window([share("idle", "", 10, 10 * CENT)], start_us=START_US[JANUARY])
    assert splits(office, rule("use")) == {}


def test_splits_are_entries_of_the_month_and_late_idle_time_is_split_in_the_next(office: Office) -> None:
    office.policy = type(office.policy)(splits=(rule("use"),))
    statements = office.close(JANUARY)
    assert_adds_up(statements, 20 * CENT, 20)
    assert {each.head.tenant: each.head.total_cents for each in statements} == {
        "acme": 13,
        "beta": 6,
        "corp": 1,
        "": 0,
    }
    entries = read_entries(office.reader, month=JANUARY)
    assert {entry.tenant: entry.statement_number for entry in entries} == {
        "acme": "2026-01-0001",
        "beta": "2026-01-0002",
        "": "2026-01-0004",
    }
    office.window([share("idle", "", 2, 2 * CENT)], start_us=START_US[JANUARY] + 10**10)
    office.hold(used("corp", CENT, month=FEBRUARY))
    february = office.close(FEBRUARY)
    found = [(line.kind, line.tenant, line.amount_nanos) for each in february for line in each.lines]
    assert found == [
        ("charge", "corp", CENT),
        ("split", "corp", 2 * CENT),
        ("late", "", 2 * CENT),
        ("split", "", -2 * CENT),
    ]


def test_parts_of_a_negative_amount_add_up_too() -> None:
    assert [part.amount_nanos for part in split(-100, {"a": 1, "b": 1, "c": 1})] == [-34, -33, -33]


@pytest.mark.parametrize("weights", [{}, {"a": 0}])
def test_nobody_is_no_one_to_split_among(weights: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="nobody"):
        split(1, weights)


def test_weights_below_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        split(1, {"a": -1, "b": 2})
