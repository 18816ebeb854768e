"""Statements and entries, as they are."""

from __future__ import annotations

from sqlalchemy import Select, select

from metering.books.errors import NoSuchStatement
from metering.books.statement import HEAD_COLUMNS, LINE_COLUMNS, Statement, StatementHead, StatementLine
from metering.books.tables import statement_lines, statements
from metering.ledger import LedgerReader, Row

MAX_STATEMENTS = 1000
_HEAD = [statements.c[name] for name in HEAD_COLUMNS]
_LINE = [statement_lines.c[name] for name in LINE_COLUMNS]


def list_statements(
    reader: LedgerReader,
    *,
    month: str | None = None,
    tenant: str | None = None,
    limit: int | None = None,
    after: str | None = None,
) -> list[StatementHead]:
    """In the order of their numbers; `after` is the last number of the page before. Raises LedgerError."""
    table = statements.c
    chosen: Select[*tuple[object, ...]] = select(*_HEAD).order_by(table.number)
    for column, value in ((table.month, month), (table.tenant, tenant)):
        chosen = chosen if value is None else chosen.where(column == value)
    chosen = chosen if after is None else chosen.where(table.number > after)
    (rows,) = reader.read(chosen if limit is None else chosen.limit(limit))
    return [_head(row) for row in rows]


def read_statement(reader: LedgerReader, number: str, tenant: str | None = None) -> Statement:
    """`tenant`: who asks, if only for its own. Raises NoSuchStatement and LedgerError."""
    heads, lines = reader.read(
        select(*_HEAD).where(statements.c.number == number),
        select(*_LINE).where(statement_lines.c.number == number).order_by(statement_lines.c.line),
    )
    head = _head(heads[0]) if heads else None
    if head is None or tenant not in (None, head.tenant):
        raise NoSuchStatement(f"there is no statement {number[:40]!r}")
    return Statement(head, tuple(_line(row) for row in lines))


def month_statements(reader: LedgerReader, month: str) -> list[Statement]:
    """Of a closed month; none of an open one. Raises LedgerError."""
    heads, lines = reader.read(
        select(*_HEAD).where(statements.c.month == month).order_by(statements.c.number),
        select(statement_lines.c.number, *_LINE)
        .join(statements, statements.c.number == statement_lines.c.number)
        .where(statements.c.month == month)
        .order_by(statement_lines.c.number, statement_lines.c.line),
    )
    by_number: dict[str, list[StatementLine]] = {}
    for number, *line in lines:
        by_number.setdefault(str(number), []).append(_line(tuple(line)))
    return [Statement(head, tuple(by_number.get(head.number, ()))) for head in map(_head, heads)]


def _head(row: Row) -> StatementHead:
    return StatementHead(*row)  # type: ignore[arg-type]


def _line(row: Row) -> StatementLine:
    return StatementLine(*row)  # type: ignore[arg-type]
