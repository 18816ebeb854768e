"""Whatever is charged, credited and split: lines add up to statements and statements to the month, to the
cent, and what is frozen is what the ledger says."""

from __future__ import annotations

import tempfile
from decimal import Decimal
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from metering.books.charges import known_nanos, monthly_charges
from metering.books.draft import make_statements
from metering.books.entries import Entry, entry_id
from metering.books.policy import SplitRule
from metering.books.split import RATIO_DIGITS, split
from metering.books.statement import StatementLine, entry_line
from metering.money import divide_half_even, split_units
from tests.fakes.books import CENT, FEBRUARY, JANUARY, START_US, Office, assert_adds_up, share, used

NANOS = st.integers(-(10**14), 10**14) | st.integers(-3 * CENT, 3 * CENT)
TENANTS = st.sampled_from(["", "acme", "beta", "corp", "delta"])


def line_of(tenant: str, nanos: int) -> StatementLine:
    entry = Entry(entry_id(1), JANUARY, tenant, "", "", "adjustment", "", nanos, "what", "", 1, "who")
    return entry_line(entry)


@given(st.lists(st.tuples(TENANTS, NANOS), max_size=40))
def test_cents_add_up_from_lines_to_the_month(parts: list[tuple[str, int]]) -> None:
    made = make_statements(JANUARY, "UTC", (0, 1), [line_of(*part) for part in parts], 5, "who")
    total = sum(nanos for _, nanos in parts)
    assert_adds_up(made, total, divide_half_even(total, CENT))
    assert [each.head.number for each in made] == [f"2026-01-{n:04}" for n in range(1, len(made) + 1)]
    for statement in made:
        assert abs(statement.head.total_cents * CENT - statement.head.total_nanos) < CENT
        for line in statement.lines:
            assert abs((line.cents or 0) * CENT - (line.amount_nanos or 0)) < CENT


@given(st.lists(NANOS, max_size=30), st.booleans())
def test_units_add_up_to_a_total_rounded_either_way(amounts: list[int], up: bool) -> None:
    total = sum(amounts)
    units = -(-total // CENT) if up else total // CENT
    parts = split_units(amounts, units, CENT)
    assert sum(parts) == units
    assert all(abs(part * CENT - amount) < CENT for part, amount in zip(parts, amounts, strict=True))


WEIGHTS = st.integers(0, 10**15) | st.decimals(0, 1, places=4)


@given(NANOS, st.dictionaries(TENANTS, WEIGHTS, min_size=1).filter(lambda w: any(w.values())))
def test_a_split_adds_up_and_its_ratios_add_up_to_one(nanos: int, weights: dict[str, int | Decimal]) -> None:
    parts = split(nanos, weights)
    assert sum(part.amount_nanos for part in parts) == nanos
    assert sum(Decimal(part.ratio) for part in parts) == 1
    whole = sum(Decimal(weight) for weight in weights.values())
    for part in parts:
        assert abs(Decimal(part.ratio) - Decimal(part.weight) / whole) < Decimal(10) ** -RATIO_DIGITS


COSTS = st.none() | st.integers(0, 5 * CENT) | st.integers(0, 100)
NAMED = st.sampled_from(["acme", "beta", "corp"])


@settings(max_examples=10, deadline=None)
@given(
    st.lists(st.tuples(NAMED, COSTS), max_size=12),
    st.lists(st.tuples(TENANTS, NANOS.filter(bool)), max_size=4),
    st.integers(0, 10 * CENT),
    st.lists(st.tuples(NAMED, st.integers(1, CENT)), max_size=5),
)
def test_what_is_frozen_is_what_the_ledger_says(
    usage: list[tuple[str, int | None]],
    entered: list[tuple[str, int]],
    idle: int,
    late: list[tuple[str, int]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        rules = (SplitRule("idle", "use"),)
        office = Office(f"sqlite:///{Path(folder) / 'weir.db'}", splits=rules)
        office.hold(*(used(tenant, cost) for tenant, cost in usage))
        office.window([share("idle", "", 9, idle)], start_us=START_US[JANUARY])
        for tenant, nanos in entered:
            office.entry(tenant, nanos, JANUARY)
        january = office.close(JANUARY)
        ledger = known_nanos(monthly_charges(office.reader, JANUARY, "UTC"))
        assert ledger == idle + sum(cost or 0 for _, cost in usage)
        total = ledger + sum(nanos for _, nanos in entered)
        assert_adds_up(january, total, divide_half_even(total, CENT))
        charged = [line for each in january for line in each.lines if line.kind == "charge"]
        assert sum(line.amount_nanos or 0 for line in charged) == ledger
        splits = [line for each in january for line in each.lines if line.kind == "split"]
        assert sum(line.amount_nanos or 0 for line in splits) == 0
        office.hold(*(used(tenant, cost) for tenant, cost in late))
        february = office.close(FEBRUARY)
        assert sum(each.head.total_nanos for each in february) == sum(cost for _, cost in late)
