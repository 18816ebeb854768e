"""Rows of cells as a CSV or Parquet file."""

from __future__ import annotations

import csv
import importlib
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, TextIO

from metering.focus.columns import Column, Kind
from metering.focus.render import Cell, Cells
from metering.focus.values import instant, moment, plain

Format = Literal["csv", "parquet"]
FORMATS: tuple[Format, ...] = ("csv", "parquet")
_DIGITS = 38
_PLACES = {Kind.COST: 27, Kind.PRICE: 18, Kind.QUANTITY: 9}
"""Of a Parquet decimal, which has 38 digits: a product has the places of price and quantity together."""


class CannotWrite(Exception):
    """The file cannot be made; the message says why."""


def write_csv(out: TextIO, specs: Mapping[str, Column], rows: Iterable[Cells]) -> None:
    """UTF-8 text with a header line. Nothing is an empty cell, an instant ISO 8601 with Z."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(specs)
    for row in rows:
        writer.writerow([csv_cell(row[name], spec) for name, spec in specs.items()])


def csv_cell(cell: Cell, spec: Column) -> str:
    if cell is None:
        return ""
    if isinstance(cell, Decimal):
        return plain(cell)
    return instant(cell) if spec.kind is Kind.TIME and isinstance(cell, int) else str(cell)


def write_parquet(path: Path, specs: Mapping[str, Column], rows: Sequence[Cells]) -> None:
    """Decimals of 38 digits, instants in UTC, JSON as text. Raises CannotWrite where pyarrow is missing, the
    file cannot be made, or an amount has more digits than there is room for."""
    pyarrow, parquet = _pyarrow(), _module("pyarrow.parquet")
    arrays = []
    for name, spec in specs.items():
        values = [_parquet_cell(row[name], spec) for row in rows]
        try:
            arrays.append(pyarrow.array(values, _type(pyarrow, spec)))
        except pyarrow.ArrowInvalid as error:
            raise CannotWrite(f"{name}: {error}") from error
    try:
        parquet.write_table(pyarrow.table(dict(zip(specs, arrays, strict=True))), path)
    except OSError as error:
        raise CannotWrite(f"{path}: {error}") from error


def read_parquet(path: Path) -> tuple[list[str], list[dict[str, str | None]]]:
    """The columns, and rows as a CSV file would have them. Raises CannotWrite where pyarrow is missing."""
    table = _pyarrow() and _module("pyarrow.parquet").read_table(path)
    rows = [{name: _text(value) for name, value in row.items()} for row in table.to_pylist()]
    return list(table.column_names), rows


def _text(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, Decimal):
        return plain(value)
    return value.strftime("%Y-%m-%dT%H:%M:%SZ") if hasattr(value, "strftime") else str(value)


def _parquet_cell(cell: Cell, spec: Column) -> Any:
    return moment(cell) if spec.kind is Kind.TIME and isinstance(cell, int) else cell


def _type(pyarrow: Any, spec: Column) -> Any:
    if spec.kind is Kind.TIME:
        return pyarrow.timestamp("us", "UTC")
    places = _PLACES.get(spec.kind)
    return pyarrow.string() if places is None else pyarrow.decimal128(_DIGITS, places)


def _pyarrow() -> Any:
    return _module("pyarrow")


def _module(name: str) -> Any:
    """Imported when it is needed: most who run a gateway write no Parquet."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise CannotWrite("Parquet needs pyarrow: pip install 'weir-gateway[focus]'") from error
