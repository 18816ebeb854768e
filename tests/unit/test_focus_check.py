"""Our own checks of a FOCUS file find what the published validators let pass, and name it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from metering.focus.book_rows import rows_of_entries
from metering.focus.check import Unreadable, Violation, check, check_file
from metering.focus.check_cells import check_cell
from metering.focus.columns import Column, Kind, columns
from metering.focus.render import Issuer, cells
from metering.focus.row import FocusRow, Priced, Sku, Span
from metering.focus.write import csv_cell
from tests.fakes.book_tables import entry

Row = dict[str, str | None]
SPECS = columns("cost-and-usage", "1.4")
JANUARY = Span(1_767_225_600_000_000, 1_769_904_000_000_000)
USAGE = FocusRow(
    billing=JANUARY,
    charge=Span(JANUARY.start_us, JANUARY.start_us + 86_400_000_000),
    category="Usage",
    kind="usage",
    description="gpt input tokens on vendor",
    tenant="acme",
    billed_nanos=2_500_000,
    tags={"project": "site"},
    priced=Priced(Decimal(1000), "Tokens", Decimal("0.0000025"), Decimal("0.0000025")),
    backend="vendor",
    model="gpt",
    sku=Sku("vendor/gpt/input-tokens", "Input Tokens", "vendor/gpt/input-tokens:v", {"x_ModelId": "gpt"}),
    price_basis="rates",
)


def written(row: FocusRow = USAGE) -> Row:
    found = cells(row, "1.4", Issuer("acme", "Acme"))
    return {name: csv_cell(cell, SPECS[name]) or None for name, cell in found.items()}


def found_in(*rows: Row) -> list[Violation]:
    return list(check(list(rows[0]), rows, SPECS))


def test_what_we_write_is_in_order() -> None:
    assert found_in(written()) == []


@pytest.mark.parametrize(
    ("column", "value", "rule"),
    [
        ("ChargePeriodStart", "2026-01-01 00:00:00", "datetime"),
        ("ChargePeriodStart", "2026-01-01T00:00:00+01:00", "datetime"),
        ("ChargePeriodStart", "2026-13-01T00:00:00Z", "datetime"),
        ("ChargePeriodStart", "2025-12-31T00:00:00Z", "period"),
        ("ChargePeriodEnd", "2026-02-02T00:00:00Z", "period"),
        ("ChargePeriodEnd", "2026-01-01T00:00:00Z", "period"),
        ("BillingPeriodEnd", "2026-01-01T00:00:00Z", "period"),
        ("ListCost", "0.002500001", "price-times-quantity"),
        ("ContractedCost", "0.0025000000000000001", "price-times-quantity"),
        ("ListCost", "free", "decimal"),
        ("ListUnitPrice", "-0.0000025", "negative-price"),
        ("EffectiveCost", "-0.0025", "negative-usage"),
        ("BilledCost", "-0.0025", "negative-usage"),
        ("PricingUnit", "1M Tokens", "unit"),
        ("PricingUnit", "GPU-seconds", "unit"),
        ("ConsumedUnit", "Token", "unit"),
        ("PricingUnit", None, "together"),
        ("SkuPriceId", None, "together"),
        ("SkuMeter", None, "usage"),
        ("SubAccountName", None, "null"),
        ("ChargeCategory", "Usages", "value"),
        ("ChargeClass", "correction", "value"),
        ("BillingCurrency", "usd", "currency"),
        ("Tags", "project=site", "json"),
        ("Tags", '["site"]', "json"),
        ("Tags", '{"owner": "jane@example.com"}', "personal-data"),
        ("SkuPriceDetails", '{"ModelId": "gpt"}', "json-key"),
    ],
)
def test_each_mistake_is_named(column: str, value: str | None, rule: str) -> None:
    wrong = {**written(), column: value}
    assert (column, rule) in {(each.column, each.rule) for each in found_in(written(), wrong)}
    assert {each.row for each in found_in(written(), wrong)} == {3}


@pytest.mark.parametrize("unit", ["Tokens", "1000 Tokens", "GPU-Seconds", "Requests", "GB", "GB-Hours"])
def test_units_as_focus_spells_them(unit: str) -> None:
    assert list(check_cell(unit, Column(Kind.UNIT), "PricingUnit")) == []


def test_a_credit_has_no_sku() -> None:
    (credit,) = rows_of_entries(JANUARY, [entry(1, "credit", -5)])
    assert found_in(written(credit)) == []
    assert [each.rule for each in found_in(written(replace(credit, sku=USAGE.sku)))] == ["credit"]


def test_a_correction_may_be_negative() -> None:
    assert found_in(written(replace(USAGE, billed_nanos=-5, is_correction=True))) == []


def test_the_ratios_of_one_cost_add_up_to_one() -> None:
    parts = [entry(number, "split", 10, tenant=f"t{number}", reference="idle") for number in range(3)]
    rows = [written(each) for each in rows_of_entries(JANUARY, parts)]
    assert found_in(*rows) == []
    (missing,) = found_in(*rows[:2])
    assert (missing.row, missing.rule) == (2, "ratio-sum")
    rows[0]["AllocatedMethodDetails"] = '{"Elements": []}'
    assert {each.rule for each in found_in(*rows)} == {"ratio", "ratio-sum"}


def test_columns_that_are_missing_twice_or_unknown_are_named() -> None:
    row = written()
    names = [*(name for name in row if name != "InvoiceId"), "Tags", "Provider", "x_Anything"]
    got = [(each.row, each.column, each.rule) for each in check(names, [], SPECS)]
    assert (1, "InvoiceId", "column-missing") in got
    assert (1, "Tags", "column-twice") in got
    assert (1, "Provider", "column-unknown") in got
    assert len(got) == 4


def test_own_columns_may_be_missing() -> None:
    names = [name for name in SPECS if not name.startswith("x_")]
    assert list(check(names, [], SPECS)) == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "it is empty"),
        (b"A,B\n1\n", "line 2 has 1 cells, not 2"),
        (b"A\xff\n", "decode"),
        (None, "No such"),
    ],
)
def test_a_file_that_is_no_table_is_refused(tmp_path: Path, content: bytes | None, said: str) -> None:
    path = tmp_path / "file.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(Unreadable, match=said):
        check_file(path, "cost-and-usage", "1.2")


def test_a_version_without_the_dataset_says_so() -> None:
    with pytest.raises(ValueError, match="no dataset invoice-detail"):
        check_file(Path("x"), "invoice-detail", "1.2")
