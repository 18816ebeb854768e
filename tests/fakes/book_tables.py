"""Rows in the books' tables, written directly: what reads them is tested, not how they come about."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import BigInteger, Column, MetaData, Table, Text, create_engine, insert

from metering.focus.books_read import BookEntry, Statement
from metering.ledger_url import is_postgresql

_metadata = MetaData()


def _table(name: str, key: str, texts: Sequence[str], integers: Sequence[str], empty: str = "") -> Table:
    columns = [Column(each, Text, nullable=each == empty) for each in texts]
    return Table(
        name,
        _metadata,
        Column(key, Text, primary_key=True),
        *columns,
        *(Column(each, BigInteger, nullable=False) for each in integers),
    )


book_entries = _table(
    "book_entries",
    "id",
    ("month", "tenant", "cost_center", "project", "kind", "category", "description", "reference",
     "created_by", "statement_number", "details"),
    ("amount_nanos", "created_us"),
    empty="statement_number",
)  # fmt: skip
statements = _table(
    "statements",
    "number",
    ("month", "tenant", "time_zone", "currency", "closed_by", "digest"),
    ("from_us", "until_us", "total_nanos", "total_cents", "lines", "unknown_cost_events", "closed_us"),
)


def entry(number: int, kind: str, amount_nanos: int, **changes: str | int) -> BookEntry:
    """A typical one, with anything replaced by name."""
    typical = BookEntry(
        id=f"01KB{number:022d}",
        month="2026-01",
        tenant="acme",
        cost_center="CC-100",
        project="",
        kind=kind,
        category="",
        amount_nanos=amount_nanos,
        description=f"a {kind}",
        reference="",
        created_us=1_767_225_600_000_000,
        created_by="finance",
        statement_number=None,
        details="{}",
    )
    return typical._replace(**changes)


def write_books(url: str, entries: Iterable[BookEntry], closed: Iterable[Statement] = ()) -> None:
    """Into a ledger that exists; its tables are made where they are missing."""
    address = url.replace("postgresql://", "postgresql+psycopg://") if is_postgresql(url) else url
    rest = {"time_zone": "UTC", "currency": "USD", "closed_by": "finance", "digest": ""}
    rest_numbers = {"total_cents": 0, "lines": 0, "unknown_cost_events": 0}
    engine = create_engine(address)
    try:
        with engine.begin() as connection:
            _metadata.create_all(connection)
            for each in entries:
                connection.execute(insert(book_entries).values(each._asdict()))
            for one in closed:
                connection.execute(insert(statements).values({**rest, **rest_numbers, **one._asdict()}))
    finally:
        engine.dispose()
