"""What `weir reconcile --adjust` books, on both databases: once, and what changed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from metering.books.store import open_books
from metering.books.tables import book_periods
from tests.fakes.vendor_bill import openai
from tests.fakes.vendor_house import (
    FULL_NANOS,
    House,
    as_json,
    entries,
    refused,
    row,
    uses,
    weir,
)


@pytest.fixture
def house(tmp_path: Path, ledger_url: str) -> House:
    return House(tmp_path, ledger_url)


@pytest.fixture
def sqlite_house(tmp_path: Path) -> House:
    """Where the database makes no difference."""
    return House(tmp_path, f"sqlite:///{tmp_path}/weir.db")


def test_entries_are_shown_then_written_once(capsys: pytest.CaptureFixture[str], house: House) -> None:
    house.hold(
        row(1, 0), row(2, 0, tenant="globex", cost_center=""), row(3, 0, tenant="globex", cost_center="")
    )
    bill = [*uses(0, times=3, factor=2), *uses(1, "gpt-5")]
    files = house.write(*openai(bill))
    shown = weir(capsys, house, *files, "--adjust")
    assert "Nothing was written: say --yes to book this." in shown
    assert entries(house) == []
    done = as_json(capsys, house, *files, "--adjust", "--yes")["adjustment"]
    assert (done["written"], done["already_booked"]) == (3, False)
    assert {(e.tenant, e.cost_center): e.amount_nanos for e in entries(house)} == {
        ("acme", "CC-100"): FULL_NANOS,
        ("globex", ""): 2 * FULL_NANOS,
        ("", ""): FULL_NANOS,
    }
    assert {(e.month, e.kind, e.category) for e in entries(house)} == {
        ("2026-10", "reconciliation", "vendor")
    }
    assert 3 * FULL_NANOS + sum(e.amount_nanos for e in entries(house)) == sum(use.nanos for use in bill)
    again = weir(capsys, house, *reversed(files), "--adjust", "--yes")
    assert "This invoice was booked before: there is nothing to add." in again
    assert len(entries(house)) == 3


def test_a_new_issue_of_an_invoice_books_what_changed(
    capsys: pytest.CaptureFixture[str], sqlite_house: House
) -> None:
    sqlite_house.hold(row(1, 0))
    first = sqlite_house.write(*openai([*uses(0, factor=2), *uses(1, "gpt-5")]))
    weir(capsys, sqlite_house, *first, "--adjust", "--yes", "--bypassed-to", "globex")
    second = sqlite_house.write(*openai([*uses(0, factor=3), *uses(1, "gpt-5")]))
    shown = weir(capsys, sqlite_house, *second, "--adjust", "--yes", "--bypassed-to", "globex")
    assert shown.endswith("1 entries written\n")
    assert [e.amount_nanos for e in entries(sqlite_house) if e.tenant == "acme"] == [FULL_NANOS, FULL_NANOS]
    assert [e.amount_nanos for e in entries(sqlite_house) if e.tenant == "globex"] == [FULL_NANOS]
    told = refused(capsys, sqlite_house, *second, "--to", "2026-10-01", "--adjust")
    assert "was booked for 2026-10-01 to 2026-10-02 already, which overlaps 2026-10-01 to 2026-10-01" in told


def test_a_closed_month_names_the_next_one(capsys: pytest.CaptureFixture[str], house: House) -> None:
    house.hold(row(1, 0))
    closed = {column.name: 0 for column in book_periods.c} | {"month": "2026-10", "time_zone": "UTC"}
    closed |= {"closed_by": "somebody", "digest": ""}
    with open_books(house.ledger_url).transaction() as session:
        session.run(book_periods.insert().values(**closed))
    files = house.write(*openai(uses(0, factor=2)))
    told = refused(capsys, house, *files, "--adjust", "--yes")
    assert "the next open month is 2026-11; see --book-in" in told
    weir(capsys, house, *files, "--adjust", "--yes", "--book-in", "2026-11")
    (entry,) = entries(house)
    assert (entry.month, json.loads(entry.details)["month"]) == ("2026-11", "2026-10")
    again = weir(capsys, house, *files, "--adjust", "--yes", "--book-in", "2026-11")
    assert "booked before" in again


def test_charges_can_be_made_equal_to_the_invoice(
    capsys: pytest.CaptureFixture[str], sqlite_house: House
) -> None:
    """By default the markup stays: what is held against the invoice is the list price."""
    sqlite_house.hold(row(1, 0, cost_nanos=2 * FULL_NANOS))
    files = sqlite_house.write(*openai(uses(0)))
    assert as_json(capsys, sqlite_house, *files, "--adjust")["adjustment"]["total_nanos"] == 0
    found = as_json(capsys, sqlite_house, *files, "--adjust", "--charged")
    assert found["adjustment"]["total_nanos"] == -FULL_NANOS
