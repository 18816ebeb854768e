"""Reconciliation against bills that differ from the ledger in known ways, and against any bill at all."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metering.reconcile.adjust import Options, plan_entries, source_of, wanted_amounts
from metering.reconcile.detect import read_file
from metering.reconcile.ledger_side import LedgerCell, Paid, Payer, Place
from metering.reconcile.line import TOTAL, LineKind, NanoRounder, VendorLine, merged
from metering.reconcile.names import ModelNames
from metering.reconcile.reconcile import Own, Result, reconcile
from metering.reconcile.variance import Variance, whole_parts
from tests.fakes.vendor_bill import CLASSES, FORMS, Extra, Use, day_at

PRICES = {"input": 250, "cache_read": 50, "cache_write": 300, "output": 2000}
"""Nano-dollars per token."""
OURS = Own(projects={"ours"})
SLOT_DAYS = 3
"""Each difference has its day, the next for what is late, and a day between it and the following one."""

tokens = st.fixed_dictionaries({meter: st.integers(1, 10**7) for meter in CLASSES})
part = st.integers(1, 10**6)


class Difference(NamedTuple):
    kind: str
    """none | missing | gone | bypassed | late | stranger | free"""
    factor: int
    """The vendor's price, in percent of the ledger's."""
    part: Mapping[str, int]
    """Tokens of each class that are concerned."""


differences = st.builds(
    Difference,
    st.sampled_from(["none", "missing", "gone", "bypassed", "late", "stranger", "free"]),
    st.sampled_from([100, 100, 50, 120, 200]),
    st.fixed_dictionaries(dict.fromkeys(CLASSES, part)),
)
slots = st.lists(st.tuples(tokens, differences), min_size=1, max_size=4)
extras = st.lists(
    st.builds(Extra, st.builds(day_at, st.integers(0, 5)), st.just("other charges"), st.integers(1, 10**10)),
    max_size=2,
)


class Bill:
    """A ledger and a bill that differ as they are told, and the sums of the classes that must come out."""

    def __init__(self) -> None:
        self.ledger: dict[Place, LedgerCell] = {}
        self.uses: list[Use] = []
        self.expected: dict[Variance, int] = dict.fromkeys(Variance, 0)

    def slot(self, vendor: str, model: str, number: int, base: Mapping[str, int], what: Difference) -> None:
        day, other = day_at(number * SLOT_DAYS), day_at(number * SLOT_DAYS + 1)
        of_part = sum(what.part[meter] * PRICES[meter] for meter in CLASSES)
        whole = {meter: base[meter] + what.part[meter] for meter in CLASSES}
        shown = base if what.kind in ("missing", "late") else whole
        metered = base if what.kind == "bypassed" else whole
        factor = 0 if what.kind == "free" else what.factor
        if what.kind != "stranger":
            self._metered(vendor, day, model, metered)
        if what.kind != "gone":
            self._shown(day, model, shown, factor)
        if what.kind == "late":
            self._shown(other, model, what.part, 100)
        same = sum(base[meter] * PRICES[meter] for meter in CLASSES)
        all_of_it = same + of_part
        match what.kind:
            case "gone":
                self._expect(Variance.MISSING, -all_of_it)
                return
            case "stranger":
                self._expect(Variance.BYPASSED, all_of_it * factor // 100)
                return
            case "free":
                self._expect(Variance.FREE, -all_of_it)
                return
            case "missing":
                self._expect(Variance.MISSING, -of_part)
            case "bypassed":
                self._expect(Variance.BYPASSED, of_part * factor // 100)
            case "none":
                same = all_of_it
        self._expect(Variance.PRICED, same * factor // 100 - same)

    def _expect(self, kind: Variance, nanos: int) -> None:
        self.expected[kind] += nanos

    def _metered(self, vendor: str, day: date, model: str, amounts: Mapping[str, int]) -> None:
        nanos = sum(amounts[meter] * PRICES[meter] for meter in CLASSES)
        self.ledger[vendor, day, model] = LedgerCell(tokens=dict(amounts), list_nanos=nanos, attempts=1)

    def _shown(self, day: date, model: str, amounts: Mapping[str, int], factor: int) -> None:
        for meter in CLASSES:
            nanos = amounts[meter] * PRICES[meter] * factor // 100
            self.uses.append(Use(day, model, meter, amounts[meter], nanos))


def no_rates(vendor: str, model: str, day: date) -> None:
    return None


def our_rates(vendor: str, model: str, day: date) -> Mapping[str, Fraction]:
    return {meter: Fraction(price) for meter, price in PRICES.items()}


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=30, deadline=None)
@given(first=slots, second=slots, charged=extras, rated=st.booleans())
def test_known_differences_are_named_with_their_amounts_and_nothing_is_left(
    form: str,
    first: list[tuple[Mapping[str, int], Difference]],
    second: list[tuple[Mapping[str, int], Difference]],
    charged: list[Extra],
    rated: bool,
) -> None:
    bill = Bill()
    vendor = "anthropic" if form == "anthropic" else "openai"
    for model, found in (("gpt-5-mini", first), ("gpt-5", second)):
        for number, (base, what) in enumerate(found):
            bill.slot(vendor, model, number, base, what)
    bill._expect(Variance.OTHER, sum(extra.nanos for extra in charged))
    lines = merged(read_file(file, form) for file in FORMS[form](bill.uses, charged)).lines
    result = reconcile(lines, bill.ledger, ModelNames(), our_rates if rated else no_rates)
    assert {kind: result.classes.get(kind, 0) for kind in Variance} == bill.expected
    assert result.classes[Variance.UNEXPLAINED] == 0
    assert sum(result.classes.values()) == result.variance_nanos
    explained = result.usage_nanos - bill.expected[Variance.BYPASSED] - bill.expected[Variance.OTHER]
    assert result.explained_nanos == explained


classes_of_tokens = st.sampled_from([*CLASSES, TOTAL, None])
any_line = st.builds(
    VendorLine,
    vendor=st.sampled_from(["openai", "anthropic"]),
    day=st.builds(day_at, st.integers(0, 4)),
    kind=st.sampled_from([LineKind.TOKENS] * 4 + list(LineKind)),
    model=st.sampled_from(["a", "a", "b", "b", "c", None]),
    meter=classes_of_tokens,
    quantity=st.none() | st.integers(-5, 1000).map(Decimal),
    cost_nanos=st.none() | st.integers(-100, 10**6),
    project=st.sampled_from(["", "ours", "theirs"]),
)
amounts = st.dictionaries(st.sampled_from(CLASSES), st.integers(0, 1000))
any_cell = st.builds(
    LedgerCell,
    tokens=amounts,
    unreported=amounts,
    crossing=amounts,
    list_nanos=st.integers(-100, 10**6),
    attempts=st.integers(0, 20),
    unpriced=st.integers(0, 3),
    unknown_usage=st.integers(0, 3),
)
any_ledger = st.dictionaries(
    st.tuples(st.just("openai"), st.builds(day_at, st.integers(0, 4)), st.sampled_from(["a", "b"])), any_cell
)


def any_result(
    lines: list[VendorLine], ledger: Mapping[Place, LedgerCell], rated: bool = False, places: int = 0
) -> Result:
    rates = our_rates if rated else no_rates
    return reconcile(lines, ledger, ModelNames(), rates, own=OURS, places_nanos=places)


@settings(max_examples=120, deadline=None)
@given(st.lists(any_line, max_size=8), any_ledger, st.booleans(), st.integers(0, 1000))
def test_classes_add_up_to_the_difference_whatever_the_bill(
    lines: list[VendorLine], ledger: Mapping[Place, LedgerCell], rated: bool, places: int
) -> None:
    result = any_result(lines, ledger, rated, places)
    assert result.vendor_nanos == sum(line.cost_nanos or 0 for line in lines)
    assert result.ledger_nanos == sum(cell.list_nanos for cell in ledger.values())
    assert sum(result.classes.values()) == result.vendor_nanos - result.ledger_nanos
    for row in result.rows:
        assert sum(row.classes.values()) == row.variance_nanos


payers = st.dictionaries(
    st.builds(
        Payer,
        st.just("2026-10"),
        st.just("openai"),
        st.sampled_from(["a", "b"]),
        st.sampled_from(["acme", "globex", "initech"]),
        st.sampled_from(["", "CC-1"]),
        st.sampled_from(["", "site"]),
    ),
    st.builds(Paid, st.integers(-100, 10**6), st.integers(0, 10**6)),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(any_line, max_size=10), any_ledger, payers)
def test_entries_make_the_sum_equal_the_invoice(
    lines: list[VendorLine], ledger: Mapping[Place, LedgerCell], who: Mapping[Payer, Paid]
) -> None:
    result = any_result(lines, ledger)
    wanted = wanted_amounts(result, who)
    assert sum(wanted.values()) == result.variance_nanos
    of_tenant = wanted_amounts(result, who, Options(bypassed_to="acme"))
    assert sum(of_tenant.values()) == result.variance_nanos
    charged = wanted_amounts(result, who, Options(charged=True))
    markup = sum(paid.cost_nanos - paid.list_nanos for paid in who.values())
    assert sum(charged.values()) == result.variance_nanos - markup


@settings(max_examples=50, deadline=None)
@given(st.lists(any_line, max_size=8), st.lists(any_line, max_size=8), any_ledger, payers)
def test_an_invoice_counts_once_and_a_new_issue_of_it_by_what_changed(
    first: list[VendorLine],
    again: list[VendorLine],
    ledger: Mapping[Place, LedgerCell],
    who: Mapping[Payer, Paid],
) -> None:
    results = [any_result(lines, ledger) for lines in (first, again)]
    sources = [
        source_of(["openai", "anthropic"], day_at(0), day_at(4), [content])
        for content in (b"first", b"again")
    ]
    booked = plan_entries(results[0], who, sources[0], [], 1).entries
    assert sum(entry.amount_nanos for entry in booked) == results[0].variance_nanos
    assert plan_entries(results[0], who, sources[0], booked, 2).entries == []
    more = plan_entries(results[1], who, sources[1], booked, 3).entries
    assert sum(entry.amount_nanos for entry in (*booked, *more)) == results[1].variance_nanos
    assert len({entry.id for entry in (*booked, *more)}) == len(booked) + len(more)


@settings(max_examples=50)
@given(st.lists(st.decimals(-(10**6), 10**6, allow_nan=False, allow_infinity=False, places=12)))
def test_a_file_is_rounded_once_however_many_lines_it_has(usd: list[Decimal]) -> None:
    rounder = NanoRounder()
    nanos = [rounder.nanos(amount) for amount in usd]
    assert sum(nanos) == round(Fraction(sum(usd, Decimal(0))) * 10**9)
    assert all(abs(made - exact * 10**9) <= 1 for made, exact in zip(nanos, usd, strict=True))


@settings(max_examples=50)
@given(st.dictionaries(st.sampled_from(Variance), st.fractions(-(10**9), 10**9)))
def test_parts_become_integers_that_add_up(parts: dict[Variance, Fraction]) -> None:
    exact = sum(parts.values(), Fraction(0))
    parts[Variance.ROUNDING] = parts.get(Variance.ROUNDING, Fraction(0)) + round(exact) - exact
    whole = whole_parts(parts, round(exact))
    assert sum(whole.values()) == round(exact)
    assert all(abs(whole.get(kind, 0) - amount) < 1 for kind, amount in parts.items())
