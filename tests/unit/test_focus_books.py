"""Credits, adjustments, late usage, splits and statements in the export, on both databases."""

from __future__ import annotations

from contextlib import closing
from datetime import date
from pathlib import Path

import pytest

from metering.days import US_PER_DAY
from metering.focus.books_read import BookEntry, Statement
from metering.focus.columns import Version
from metering.focus.datasets import billing_periods, cost_and_usage, invoice_details
from metering.focus.export import Export, export, months_of
from metering.focus.render import Cell, Issuer
from metering.focus.splits import allocations, method_details
from metering.ledger_url import open_ledger, open_reader
from metering.periods import ReportError
from tests.fakes.book_tables import entry, write_books
from tests.fakes.events import NEW_YEAR_2026_US, make_event
from tests.fakes.focus_prices import FixedPrices

JANUARY = months_of(date(2026, 1, 1), date(2026, 1, 31), "UTC")
BILLING = JANUARY[0].billing
ISSUER = Issuer("acme-platform", "Acme Platform")
SPLIT = {"reference": "split:2026-01:idle:gpu1", "category": "idle"}
ENTRIES = [
    entry(1, "credit", -500, description="goodwill"),
    entry(2, "adjustment", 40),
    entry(3, "late", 70),
    entry(4, "reconciliation", 3, tenant=""),
    entry(5, "split", -100, tenant="", **SPLIT),
    entry(6, "split", 67, details='{"method": "fixed"}', **SPLIT),
    entry(7, "split", 33, tenant="beta", details='{"method": "fixed"}', **SPLIT),
]


def with_one_attempt(url: str) -> str:
    """A ledger with one attempt of acme that cost 1,100 nano-dollars."""
    with closing(open_ledger(url)) as ledger:
        ledger.append([make_event(1)])
    return url


@pytest.fixture
def url(tmp_path: Path) -> str:
    return with_one_attempt(f"sqlite:///{tmp_path / 'weir.db'}")


@pytest.fixture
def either_url(ledger_url: str) -> str:
    """The same once per database."""
    return with_one_attempt(ledger_url)


def statement(number: str, tenant: str, total_nanos: int) -> Statement:
    return Statement(number, "2026-01", tenant, *BILLING, total_nanos, BILLING.end_us + US_PER_DAY)


def exported(url: str, first: date = date(2026, 1, 1), zone: str = "UTC") -> Export:
    months = months_of(first, date(2026, 1, 31), zone)
    return export(open_reader(url), FixedPrices(), months, US_PER_DAY)


def shown(found: Export, version: Version, *names: str) -> list[tuple[Cell, ...]]:
    return [tuple(row[name] for name in names) for row in cost_and_usage(found, ISSUER, version)]


def test_a_ledger_without_books_has_usage_alone(either_url: str) -> None:
    assert [row.kind for row in exported(either_url).rows] == ["usage"]


def test_each_kind_has_its_category(either_url: str) -> None:
    write_books(either_url, ENTRIES)
    found = exported(either_url)
    assert found.billed_nanos == 1100 + sum(each.amount_nanos for each in ENTRIES)
    got = set(shown(found, "1.2", "x_LedgerKind", "ChargeCategory", "ChargeClass", "ChargeFrequency"))
    assert got == {
        ("usage", "Usage", None, "Usage-Based"),
        ("credit", "Credit", None, "One-Time"),
        ("adjustment", "Adjustment", None, "One-Time"),
        ("late", "Adjustment", "Correction", "One-Time"),
        ("reconciliation", "Adjustment", None, "One-Time"),
        ("split", "Adjustment", None, "One-Time"),
    }
    assert all(sku is None for kind, sku in shown(found, "1.2", "x_LedgerKind", "SkuId") if kind != "usage")


def test_in_1_4_a_part_stays_with_the_account_that_bore_the_cost(url: str) -> None:
    write_books(url, ENTRIES)
    names = ("SubAccountId", "AllocatedResourceId", "AllocatedMethodId", "AllocatedMethodDetails", "Tags")
    parts = [row for row in shown(exported(url), "1.4", *names) if row[1] is not None]
    assert parts == [
        ("__house__", "acme", "gw-fixed-v1", '{"Elements": [{"AllocatedRatio": 0.67}]}', "{}"),
        ("__house__", "beta", "gw-fixed-v1", '{"Elements": [{"AllocatedRatio": 0.33}]}', "{}"),
    ]


def test_in_1_2_a_part_is_a_plain_charge_of_the_tenant(url: str) -> None:
    write_books(url, ENTRIES)
    rows = shown(exported(url), "1.2", "x_LedgerKind", "SubAccountId")
    assert [who for kind, who in rows if kind == "split"] == ["__house__", "acme", "beta"]


def test_a_measured_part_names_what_was_measured() -> None:
    details = '{"method": "gw-use-v1", "ratio": "1", "usage_unit": "gpu_ns", "usage": "12500000000"}'
    (found,) = allocations([entry(1, "split", 5, details=details)]).values()
    assert method_details(found) == (
        '{"Elements": [{"AllocatedRatio": 1, "UsageUnit": "GPU-Seconds", "UsageQuantity": 12.5}]}'
    )


@pytest.mark.parametrize(("second", "shown"), [("0.75", "0.25"), ("0.7", "0.333333333333")])
def test_ratios_are_those_of_the_books_if_they_add_up(second: str, shown: str) -> None:
    made = [
        entry(number, "split", nanos, details=f'{{"ratio": "{ratio}"}}')
        for number, nanos, ratio in ((1, 1, "0.25"), (2, 2, second))
    ]
    assert str(allocations(made)[made[0].id].ratio) == shown


@pytest.mark.parametrize("details", ["", "no json", "[]", '{"usage_unit": "gpu_ns", "usage": "much"}'])
def test_details_that_say_nothing_are_no_mistake(details: str) -> None:
    (found,) = allocations([entry(1, "split", 5, details=details)]).values()
    assert (found.method, found.ratio, found.usage) == ("gw-use-v1", 1, None)


def test_part_of_a_month_has_usage_alone_and_says_so(url: str) -> None:
    write_books(url, ENTRIES)
    found = exported(url, first=date(2026, 1, 2))
    assert found.rows == ()
    assert "only a part" in found.notes[0]


def test_a_closed_month_adds_up_to_its_statements(either_url: str) -> None:
    """Usage came after closing: it is billed as late usage of a later month, not twice."""
    closed = [statement("2026-01-0001", "acme", 1100 + 500), statement("2026-01-0002", "beta", 33)]
    write_books(either_url, [entry(1, "adjustment", 500), entry(2, "adjustment", 33, tenant="beta")], closed)
    with closing(open_ledger(either_url)) as ledger:
        ledger.append([make_event(2), make_event(3, tenant="gone")])
    found = exported(either_url)
    totals: dict[str, int] = {}
    for row in found.rows:
        totals[row.tenant] = totals.get(row.tenant, 0) + row.billed_nanos
    assert totals == {"acme": 1600, "beta": 33, "gone": 0}
    late = [row for row in found.rows if row.kind == "closing"]
    assert [(row.tenant, row.billed_nanos) for row in late] == [("acme", -1100), ("gone", -1100)]
    assert dict(shown(found, "1.4", "SubAccountId", "InvoiceId"))["acme"] == "2026-01-0001"


def test_a_month_closed_in_another_zone_is_refused(url: str) -> None:
    write_books(url, [], [statement("2026-01-0001", "acme", 1100)])
    with pytest.raises(ReportError, match="closed for another"):
        exported(url, zone="Europe/Berlin")


def test_invoice_details_add_up_the_rows_that_name_them(url: str) -> None:
    write_books(url, [entry(1, "credit", -500)], [statement("2026-01-0001", "acme", 600)])
    found = exported(url)
    details = invoice_details(found, ISSUER)
    named: dict[Cell, object] = {}
    for detail, usd in shown(found, "1.4", "InvoiceDetailId", "BilledCost"):
        named[detail] = named.get(detail, 0) + usd  # type: ignore[operator]
    assert {row["InvoiceDetailId"]: row["BilledCost"] for row in details} == named
    assert sorted(map(str, named)) == ["2026-01-0001/credit", "2026-01-0001/usage"]
    assert invoice_details(export(open_reader(url), FixedPrices(), [], US_PER_DAY), ISSUER) == []


def test_billing_periods_are_open_until_they_have_statements(url: str) -> None:
    now_us = NEW_YEAR_2026_US + 5
    (period,) = billing_periods(exported(url), ISSUER, now_us)
    assert (period["BillingPeriodStatus"], period["BillingPeriodLastUpdated"]) == ("Open", now_us)
    write_books(url, [], [statement("2026-01-0001", "acme", 1100)])
    (period,) = billing_periods(exported(url), ISSUER, now_us)
    assert (period["BillingPeriodStatus"], period["BillingPeriodLastUpdated"]) == (
        "Closed",
        BILLING.end_us + US_PER_DAY,
    )


def test_a_description_that_names_an_address_is_left_out(url: str) -> None:
    told: BookEntry = entry(1, "credit", -5, description="asked by jane@example.com")
    write_books(url, [told])
    assert (f"credit {told.id}",) in shown(exported(url), "1.2", "ChargeDescription")
