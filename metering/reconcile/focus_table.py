"""The rows of a FOCUS file as text by column name: CSV (also gzipped) or Parquet."""

from __future__ import annotations

import csv
import gzip
import importlib
import io
import json
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

from metering.reconcile.line import ImportFailed

_GZIP, _PARQUET = b"\x1f\x8b", b"PAR1"
_LARGEST_CELL = 10_000_000
MAX_BYTES = 4 << 30
"""Of a file once it is unpacked."""

FocusRow = tuple[str, Mapping[str, str]]
"""(where it stands, column -> text; '' for null)."""


def is_packed(data: bytes) -> bool:
    return data.startswith((_GZIP, _PARQUET))


def focus_rows(name: str, data: bytes) -> Iterator[FocusRow]:
    """Raises ImportFailed."""
    if data.startswith(_PARQUET):
        return _of_parquet(name, data)
    return _of_csv(name, _unpacked(name, data) if data.startswith(_GZIP) else data)


def _unpacked(name: str, data: bytes) -> bytes:
    try:
        with gzip.open(io.BytesIO(data)) as file:
            unpacked = file.read(MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise ImportFailed(f"{name}: cannot be unpacked: {error}") from error
    if len(unpacked) > MAX_BYTES:
        raise ImportFailed(f"{name}: more than {MAX_BYTES >> 30} GiB once it is unpacked")
    return unpacked


def _of_csv(name: str, data: bytes) -> Iterator[FocusRow]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ImportFailed(f"{name}: byte {error.start}: not UTF-8") from error
    csv.field_size_limit(_LARGEST_CELL)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        titles = [title.strip() for title in next(reader, [])]
        _check_titles(name, titles)
        for number, cells in enumerate(reader, 1):
            if not cells:
                continue
            if len(cells) != len(titles):
                raise ImportFailed(f"{name}: row {number}: {len(cells)} cells under {len(titles)} titles")
            yield f"{name}: row {number}", {t: c.strip() for t, c in zip(titles, cells, strict=True)}
    except csv.Error as error:
        raise ImportFailed(f"{name}: line {reader.line_num}: {error}") from error


def _check_titles(name: str, titles: list[str]) -> None:
    if not any(titles):
        raise ImportFailed(f"{name}: has no line of titles")
    twice = sorted({title for title in titles if titles.count(title) > 1})
    if twice:
        raise ImportFailed(f"{name}: the column {twice[0]!r} is there twice")


def _of_parquet(name: str, data: bytes) -> Iterator[FocusRow]:
    """pyarrow is loaded by name: only who reads Parquet needs it."""
    try:
        arrow: Any = importlib.import_module("pyarrow")
        parquet: Any = importlib.import_module("pyarrow.parquet")
    except ImportError as error:
        raise ImportFailed(
            f"{name}: is Parquet, which needs pyarrow: pip install pyarrow, or use CSV"
        ) from error
    try:
        table = parquet.ParquetFile(arrow.BufferReader(data))
        number = 0
        for batch in table.iter_batches():
            for row in batch.to_pylist():
                number += 1
                yield f"{name}: row {number}", {title: _cell(value) for title, value in row.items()}
    except arrow.ArrowException as error:
        raise ImportFailed(f"{name}: cannot be read as Parquet: {error}") from error


def _cell(value: Any) -> str:
    """As the same row would stand in CSV. A map comes as a list of pairs."""
    if value is None:
        return ""
    if isinstance(value, list) and all(isinstance(pair, tuple) and len(pair) == 2 for pair in value):
        value = dict(value)
    if isinstance(value, (dict, list)):
        return json.dumps(value, default=str)
    return str(value.isoformat() if hasattr(value, "isoformat") else value).strip()
