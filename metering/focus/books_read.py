"""What the export takes from the books: later rows of a month, and the statements of closed ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import column, select, table

from metering.ledger import LedgerReader
from metering.store.sql import POSTGRESQL

_ENTRY = ("id", "month", "tenant", "cost_center", "project", "kind", "category", "amount_nanos",
          "description", "reference", "created_us", "created_by", "statement_number", "details")  # fmt: skip
_STATEMENT = ("number", "month", "tenant", "from_us", "until_us", "total_nanos", "closed_us")
_entries = table("book_entries", *map(column, _ENTRY))
_statements = table("statements", *map(column, _STATEMENT))
_IN_SQLITE = "SELECT name FROM sqlite_master WHERE type = 'table' AND name = ?"
_IN_POSTGRESQL = "SELECT c.relname FROM pg_class c WHERE c.relname = ? AND pg_table_is_visible(c.oid)"


class BookEntry(NamedTuple):
    """An amount that no usage of its month stands behind; nano-dollars, negative in the tenant's favour."""

    id: str
    month: str
    tenant: str
    cost_center: str
    project: str
    kind: str
    """credit | adjustment | late | reconciliation | split"""
    category: str
    amount_nanos: int
    description: str
    reference: str
    created_us: int
    created_by: str
    statement_number: str | None
    details: str
    """A JSON object."""


class Statement(NamedTuple):
    """Of one tenant ('' is the house) and a closed month."""

    number: str
    month: str
    tenant: str
    from_us: int
    until_us: int
    total_nanos: int
    closed_us: int


class Later(NamedTuple):
    entries: tuple[BookEntry, ...]
    statements: tuple[Statement, ...]


def read_books(reader: LedgerReader, months: Sequence[str]) -> Later:
    """Of these months, in the order of ids and numbers. A ledger whose books were never kept has none.
    Blocks. Raises LedgerError."""
    sql = _IN_POSTGRESQL if reader.dialect is POSTGRESQL else _IN_SQLITE
    there = reader.read(*((sql, (each.name,)) for each in (_entries, _statements)))
    if not all(there):
        return Later((), ())
    entry, statement = _entries.c, _statements.c
    entries, statements = reader.read(
        select(*(entry[name] for name in _ENTRY)).where(entry.month.in_(months)).order_by(entry.id),
        select(*(statement[name] for name in _STATEMENT))
        .where(statement.month.in_(months))
        .order_by(statement.number),
    )
    return Later(
        tuple(BookEntry(*row) for row in entries),  # type: ignore[arg-type]
        tuple(Statement(*row) for row in statements),  # type: ignore[arg-type]
    )
