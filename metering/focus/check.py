"""Our own checks of a FOCUS file: what the published validators let pass.

Every violation names row, column and rule. Rows count from 2, the first line after the header.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from metering.focus.check_cells import check_cell
from metering.focus.check_rows import check_allocations, check_row
from metering.focus.columns import Column, Dataset, Version, columns, is_own
from metering.focus.write import read_parquet

FIRST_ROW = 2


class Violation(NamedTuple):
    row: int
    """The line in the file; 1 is the header."""
    column: str
    rule: str
    message: str


class Unreadable(Exception):
    """The file is not one of rows and columns; the message says why."""


def check_file(path: Path, dataset: Dataset, version: Version) -> tuple[int, list[Violation]]:
    """How many rows there are, and what is wrong. Raises Unreadable, CannotWrite where a Parquet file cannot
    be read without pyarrow, and ValueError for a dataset that the version does not have."""
    specs = columns(dataset, version)
    try:
        names, rows = read_parquet(path) if path.suffix == ".parquet" else _read_csv(path)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise Unreadable(f"{path}: {error}") from error
    return len(rows), list(check(names, rows, specs))


def check(
    names: Sequence[str], rows: Sequence[Mapping[str, str | None]], specs: Mapping[str, Column]
) -> Iterator[Violation]:
    yield from _header(names, specs)
    there = {name: specs[name] for name in names if name in specs}
    for number, row in enumerate(rows, FIRST_ROW):
        for name, spec in there.items():
            for rule, message in check_cell(row[name], spec, name):
                yield Violation(number, name, rule, message)
        for name, rule, message in check_row(row):
            yield Violation(number, name, rule, message)
    for index, name, rule, message in check_allocations(rows):
        yield Violation(index + FIRST_ROW, name, rule, message)


def _header(names: Sequence[str], specs: Mapping[str, Column]) -> Iterator[Violation]:
    for name in specs:
        if name not in names and not is_own(name):
            yield Violation(1, name, "column-missing", "the column is not there")
    for name in names:
        if names.count(name) > 1:
            yield Violation(1, name, "column-twice", "the column stands there twice")
        elif name not in specs and not is_own(name):
            yield Violation(1, name, "column-unknown", "no column of this version; own ones begin with x_")


def _read_csv(path: Path) -> tuple[list[str], list[dict[str, str | None]]]:
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.reader(file, strict=True)
        names = next(reader, [])
        if not names:
            raise Unreadable(f"{path}: it is empty; a header line is needed")
        rows: list[dict[str, str | None]] = []
        for cells in reader:
            if len(cells) != len(names):
                raise Unreadable(f"{path}: line {reader.line_num} has {len(cells)} cells, not {len(names)}")
            rows.append({name: cell or None for name, cell in zip(names, cells, strict=True)})
    return names, rows
