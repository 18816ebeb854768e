"""A month, or one statement, as a workbook: summary, lines, statements.

Amounts are cents over 100. What sums other cells is a formula, and stands there with its value: the sheets
add up to each other, and to the statements, to the cent.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from metering.books.draft import MonthDraft
from metering.books.render import HOUSE_SHOWN
from metering.books.statement import Statement, StatementLine
from metering.money import divide_half_even
from metering.render import instant
from metering.xlsx import (
    Cell,
    Column,
    Formats,
    column_range,
    workbook,
    write_block,
    write_formula,
    write_table,
)

if TYPE_CHECKING:
    from xlsxwriter.workbook import Workbook
    from xlsxwriter.worksheet import Worksheet

_TEXTS = ("kind", "tenant", "cost_center", "project", "model", "backend", "category", "description",
          "reference")  # fmt: skip
_COUNTS = ("requests", "input_uncached_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens",
           "reasoning_tokens", "served_from_cache_tokens", "unknown_cost_events")  # fmt: skip
_USD = Column("amount_usd", 2, summed=True)
_COLUMNS = (
    Column("statement"),
    Column("line"),
    *map(Column, _TEXTS),
    *(Column(name, summed=True) for name in _COUNTS),
    Column("gpu_seconds", 3, summed=True),
    _USD,
)
_AMOUNT_AT = len(_COLUMNS) - 1
_BY = ("tenant", "cost_center", "project", "category", "model", "backend", "kind")
"""The parts of the summary. Each adds up to the same total."""


def write_month(path: str | Path, draft: MonthDraft, *, closed: bool, made_us: int) -> None:
    """Of an open month what it comes to now; its statements have no numbers yet. Raises CannotWrite."""
    period = draft.period
    facts: list[list[Cell]] = [
        ["month", period.month],
        ["state", "closed" if closed else "open: what it comes to so far"],
        ["from", instant(period.from_us)],
        ["until", instant(period.until_us)],
        ["time zone", period.time_zone],
        ["currency", "USD"],
        ["closed", instant(period.closed_us) if closed else ""],
        ["digest", period.digest if closed else ""],
        ["rows whose cost is unknown", period.unknown_cost_events],
    ]
    _write(path, f"Books {period.month}", facts, draft.statements, numbered=closed, made_us=made_us)


def write_statement(path: str | Path, statement: Statement, *, made_us: int) -> None:
    """Raises CannotWrite."""
    head = statement.head
    facts: list[list[Cell]] = [
        ["statement", head.number],
        ["tenant", head.tenant or HOUSE_SHOWN],
        ["month", head.month],
        ["from", instant(head.from_us)],
        ["until", instant(head.until_us)],
        ["time zone", head.time_zone],
        ["currency", head.currency],
        ["closed", instant(head.closed_us)],
        ["digest", head.digest],
        ["rows whose cost is unknown", head.unknown_cost_events],
    ]
    _write(path, f"Statement {head.number}", facts, [statement], numbered=True, made_us=made_us)


def _write(
    path: str | Path,
    title: str,
    facts: list[list[Cell]],
    statements: Sequence[Statement],
    *,
    numbered: bool,
    made_us: int,
) -> None:
    lines = [line for statement in statements for line in statement.lines]
    rows = [_row(statement, line, numbered=numbered) for statement in statements for line in statement.lines]
    with workbook(path, title, made_us) as (book, formats):
        summary = book.add_worksheet("summary")
        top = write_block(summary, formats, 0, (Column("what"), Column("value")), facts)
        for name in _BY:
            top = _by(summary, formats, top + 1, name, lines)
        summary.set_column(0, 0, 40)
        summary.set_column(1, 1, 30)
        write_table(book, formats, "lines", _COLUMNS, rows)
        _statements(book, formats, statements, numbered=numbered)


def _row(statement: Statement, line: StatementLine, *, numbered: bool) -> list[Cell]:
    texts = [getattr(line, name) for name in _TEXTS]
    counts = [getattr(line, name) for name in _COUNTS]
    gpu_ms = divide_half_even(line.gpu_ns, 1_000_000)
    return [statement.head.number if numbered else "", line.line, *texts, *counts, gpu_ms, line.cents]


def _by(sheet: Worksheet, formats: Formats, top: int, name: str, lines: Sequence[StatementLine]) -> int:
    """A part of the summary: each value's amount is a formula over the lines that have exactly this value."""
    sums: dict[str, int] = {}
    for line in lines:
        value = getattr(line, name)
        sums[value] = sums.get(value, 0) + (line.cents or 0)
    sheet.write_string(top, 0, name, formats.bold)
    sheet.write_string(top, 1, _USD.title, formats.bold)
    at = next(at for at, column in enumerate(_COLUMNS) if column.title == name)
    last = max(len(lines), 1)
    values, amounts = column_range(1, last, at), column_range(1, last, _AMOUNT_AT)
    for row, (value, cents) in enumerate(sorted(sums.items()), top + 1):
        sheet.write_string(row, 0, value)
        formula = f"=SUMPRODUCT(EXACT(lines!{values},$A${row + 1})*lines!{amounts})"
        write_formula(sheet, formats, row, 1, _USD, formula, cents)
        if not value:
            sheet.write_string(row, 2, HOUSE_SHOWN if name == "tenant" else "(none)")
    end = top + len(sums)
    sheet.write_string(end + 1, 0, "total", formats.bold)
    total = f"=SUM({column_range(top + 1, max(end, top + 1), 1)})" if sums else "=0"
    write_formula(sheet, formats, end + 1, 1, _USD, total, sum(sums.values()))
    return end + 2


def _statements(book: Workbook, formats: Formats, statements: Sequence[Statement], *, numbered: bool) -> None:
    columns = (Column("statement"), Column("tenant"), Column("lines", summed=True), _USD, Column("digest"))
    rows: list[list[Cell]] = [
        [
            each.head.number if numbered else "",
            each.head.tenant or HOUSE_SHOWN,
            each.head.lines,
            each.head.total_cents,
            each.head.digest if numbered else "",
        ]
        for each in statements
    ]
    sheet = write_table(book, formats, "statements", columns, rows)
    first = 1
    for row, each in enumerate(statements, 1):
        amounts = column_range(first, first + each.head.lines - 1, _AMOUNT_AT)
        write_formula(sheet, formats, row, 3, _USD, f"=SUM(lines!{amounts})", each.head.total_cents)
        first += each.head.lines
