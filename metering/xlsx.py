"""Sheets of a workbook: titles, rows of cells, and sums that are formulas and have their values.

An amount is a whole number of cents over 100 (or of units over a power of ten), never a sum of binary
fractions: what a cell shows is exactly what was rounded. Texts are always texts, whatever they begin with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xlsxwriter.workbook import Workbook
    from xlsxwriter.worksheet import Worksheet

MAX_TEXT = 32_000
"""A cell holds 32,767 characters."""
MAX_ROWS = 1_048_000
_WIDEST = 60
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Cell = str | int | None


class CannotWrite(OSError):
    """The file cannot be written. The message names it and the cause."""


@dataclass(frozen=True, slots=True)
class Column:
    title: str
    places: int | None = None
    """Cells are integers: how many times `10**-places` of the unit (cents: 2). None: plain numbers."""
    summed: bool = False


@dataclass(frozen=True, slots=True)
class Formats:
    bold: Any
    decimal: Callable[[int], Any]
    bold_decimal: Callable[[int], Any]
    count: Any
    bold_count: Any


@contextmanager
def workbook(path: str | Path, title: str, made_us: int) -> Iterator[tuple[Workbook, Formats]]:
    """Written when the block ends. Raises CannotWrite."""
    import xlsxwriter  # takes a while, and only who wants a workbook needs it
    from xlsxwriter.exceptions import FileCreateError

    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    book = xlsxwriter.Workbook(str(path), options)
    made = (_EPOCH + timedelta(microseconds=made_us)).replace(tzinfo=None)
    book.set_properties({"title": title, "created": made})
    try:
        yield book, _formats(book)
        book.close()
    except FileCreateError as error:
        raise CannotWrite(f"cannot write {path}: {error}") from error


def write_table(
    book: Workbook, formats: Formats, name: str, columns: Sequence[Column], rows: Sequence[Sequence[Cell]]
) -> Worksheet:
    """A sheet of its own, with a last row of sums. Raises CannotWrite for more rows than a sheet holds."""
    sheet = book.add_worksheet(name)
    write_block(sheet, formats, 0, columns, rows)
    sheet.freeze_panes(1, 0)
    widths = [
        max(len(column.title), *(len(str(row[at] or "")) for row in rows[:500]), 8)
        for at, column in enumerate(columns)
    ]
    for at, width in enumerate(widths):
        sheet.set_column(at, at, min(width + 2, _WIDEST))
    return sheet


def write_block(
    sheet: Worksheet, formats: Formats, top: int, columns: Sequence[Column], rows: Sequence[Sequence[Cell]]
) -> int:
    """Titles at row `top` (from 0), rows, sums. Returns the first row after it."""
    if top + len(rows) > MAX_ROWS:
        raise CannotWrite(f"{len(rows)} rows are more than a sheet holds; ask for fewer, or for CSV")
    for at, column in enumerate(columns):
        sheet.write_string(top, at, column.title, formats.bold)
    for number, row in enumerate(rows, top + 1):
        for at, (column, cell) in enumerate(zip(columns, row, strict=True)):
            write_cell(sheet, formats, number, at, column, cell)
    last = top + len(rows)
    if any(column.summed for column in columns):
        _write_sums(sheet, formats, top, columns, rows)
        last += 1
    return last + 1


def write_cell(sheet: Worksheet, formats: Formats, row: int, at: int, column: Column, cell: Cell) -> None:
    if cell is None:
        return
    if isinstance(cell, str):
        sheet.write_string(row, at, cell[:MAX_TEXT])
    elif column.places is not None:
        sheet.write_number(row, at, cell / 10**column.places, formats.decimal(column.places))
    else:
        sheet.write_number(row, at, cell, formats.count)


def write_formula(
    sheet: Worksheet, formats: Formats, row: int, at: int, column: Column, formula: str, value: int
) -> None:
    """With the value that it has, for readers that do not compute."""
    shown, cell_format = (
        (value / 10**column.places, formats.bold_decimal(column.places))
        if column.places is not None
        else (value, formats.bold_count)
    )
    sheet.write_formula(row, at, formula, cell_format, shown)


def column_range(first_row: int, last_row: int, at: int) -> str:
    """`$B$2:$B$9` of rows counted from 0, both included."""
    from xlsxwriter.utility import xl_range_abs

    return str(xl_range_abs(first_row, at, last_row, at))


def _write_sums(
    sheet: Worksheet, formats: Formats, top: int, columns: Sequence[Column], rows: Sequence[Sequence[Cell]]
) -> None:
    last = top + len(rows)
    if not columns[0].summed:
        sheet.write_string(last + 1, 0, "total", formats.bold)
    for at, column in enumerate(columns):
        if column.summed:
            value = sum(cell for row in rows if isinstance(cell := row[at], int))
            formula = f"=SUM({column_range(top + 1, max(last, top + 1), at)})" if rows else "=0"
            write_formula(sheet, formats, last + 1, at, column, formula, value)


def _formats(book: Workbook) -> Formats:
    made: dict[tuple[int, bool], Any] = {}

    def decimal(places: int, bold: bool = False) -> Any:
        if (places, bold) not in made:
            shown = f"0.{'0' * places}" if places else "0"
            made[places, bold] = book.add_format({"num_format": shown, "bold": bold})
        return made[places, bold]

    return Formats(
        bold=book.add_format({"bold": True}),
        decimal=decimal,
        bold_decimal=lambda places: decimal(places, True),
        count=book.add_format({"num_format": "#,##0"}),
        bold_count=book.add_format({"num_format": "#,##0", "bold": True}),
    )
