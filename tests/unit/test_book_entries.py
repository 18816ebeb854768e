"""Later rows of the books, on both databases."""

from __future__ import annotations

import threading
from contextlib import closing
from dataclasses import replace

import pytest
from sqlalchemy import create_engine, inspect

from metering.books import tables
from metering.books.entries import LARGEST_NANOS, Entry, EntryDesk, entry_id, read_entries
from metering.books.errors import BadEntry
from metering.books.store import open_books
from metering.ledger import LedgerError
from metering.ledger_url import open_ledger, open_reader
from tests.fakes.events import NEW_YEAR_2026_US

CREDIT = Entry(
    id=entry_id(NEW_YEAR_2026_US, "one"),
    month="2026-01",
    tenant="acme",
    cost_center="CC-1",
    project="site",
    kind="credit",
    category="",
    amount_nanos=-5_000_000_000,
    description="outage of the 3rd",
    reference="ticket 12",
    created_us=NEW_YEAR_2026_US,
    created_by="office/books",
)


@pytest.fixture
def desk(ledger_url: str) -> EntryDesk:
    open_ledger(ledger_url).close()
    return EntryDesk(open_books(ledger_url))


def test_an_entry_comes_back_as_it_was_given_and_is_taken_once(desk: EntryDesk, ledger_url: str) -> None:
    assert desk.add(CREDIT) is True
    assert desk.add(CREDIT) is False
    other = replace(CREDIT, id=entry_id(NEW_YEAR_2026_US + 1000), tenant="", kind="split", month="2026-02")
    assert desk.add_all([CREDIT, other]) == 1
    assert desk.read() == read_entries(open_reader(ledger_url)) == [CREDIT, other]
    assert desk.read(month="2026-01") == desk.read(tenant="acme") == [CREDIT]
    assert desk.read(month="2026-02", tenant="") == [other]
    assert desk.read(month="2026-02", tenant="acme") == []


def test_entries_that_are_added_at_once_are_all_there_once(desk: EntryDesk) -> None:
    entries = [replace(CREDIT, id=entry_id(NEW_YEAR_2026_US, str(number))) for number in range(4)]
    threads = [threading.Thread(target=desk.add_all, args=(entries,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(desk.read()) == 4


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"month": "2026-13"}, "month '2026-13' is none"),
        ({"month": "october"}, "write one like 2026-10"),
        ({"kind": "gift"}, "kind: 'gift' is not one of credit, adjustment"),
        ({"amount_nanos": 0}, "amount_nanos: 0 changes nothing"),
        ({"amount_nanos": LARGEST_NANOS + 1}, "amount_nanos: more than"),
        ({"description": " "}, "description: say what it is for"),
        ({"description": "two\nlines"}, "description: write at most"),
        ({"tenant": "x" * 501}, "tenant: write at most"),
    ],
)
def test_an_entry_that_makes_no_sense_is_refused(
    desk: EntryDesk, changes: dict[str, object], told: str
) -> None:
    with pytest.raises(BadEntry, match=told):
        desk.add_all([replace(CREDIT, id=entry_id(1)), replace(CREDIT, **changes)])  # type: ignore[arg-type]
    assert desk.read() == []


def test_the_tables_are_as_the_code_describes_them(desk: EntryDesk, ledger_url: str) -> None:
    engine = create_engine(ledger_url.replace("postgresql://", "postgresql+psycopg://"))
    with closing(engine.connect()) as connection:
        for table in (tables.book_entries, tables.book_periods, tables.statements, tables.statement_lines):
            found = inspect(connection).get_columns(table.name)
            assert {column["name"]: bool(column["nullable"]) for column in found} == {
                column.name: bool(column.nullable) for column in table.columns
            }
    engine.dispose()


def test_without_a_ledger_there_are_no_books(tmp_path: object) -> None:
    desk = EntryDesk(open_books(f"sqlite:///{tmp_path}/weir.db"))
    with pytest.raises(LedgerError, match="there is no ledger at"):
        desk.add(CREDIT)
