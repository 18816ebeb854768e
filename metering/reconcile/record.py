"""JSON objects of a vendor's report, read field by field: every mistake names the file, the place, the
field."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, NoReturn

from metering.reconcile.line import ImportFailed

_LATEST_S = 253_402_300_800
"""The year 10000."""


class Record:
    """One JSON object. Every reading raises ImportFailed where the field is of another form."""

    def __init__(self, value: object, where: str) -> None:
        self.where = where
        if not isinstance(value, Mapping):
            raise ImportFailed(f"{where}: should be an object, not {_shown(value)}")
        self._fields: Mapping[str, Any] = value

    def __contains__(self, name: str) -> bool:
        return name in self._fields

    def fail(self, name: str, why: str) -> NoReturn:
        raise ImportFailed(f"{self.where}.{name}: {why}")

    def text(self, name: str) -> str:
        """'' where it is absent or null."""
        value = self._fields.get(name)
        if value is None:
            return ""
        if not isinstance(value, str):
            self.fail(name, f"should be text, not {_shown(value)}")
        return value

    def count(self, name: str) -> int:
        """A whole number of at least 0; 0 where it is absent or null."""
        value = self._fields.get(name)
        if value is None:
            return 0
        if (
            isinstance(value, bool)
            or not isinstance(value, (int, Decimal))
            or value != int(value)
            or value < 0
        ):
            self.fail(name, f"should be a whole number of at least 0, not {_shown(value)}")
        return int(value)

    def number(self, name: str) -> Decimal | None:
        """A number, or text that holds one; None where it is absent or null."""
        value = self._fields.get(name)
        if value is None:
            return None
        try:
            found = Decimal(value) if isinstance(value, (int, str, Decimal)) else None
        except InvalidOperation:
            found = None
        if found is None or isinstance(value, bool) or not found.is_finite():
            self.fail(name, f"should be a number, not {_shown(value)}")
        return found

    def record(self, name: str) -> Record | None:
        value = self._fields.get(name)
        return None if value is None else Record(value, f"{self.where}.{name}")

    def records(self, name: str) -> Iterator[Record]:
        """Of a list that must be there."""
        value = self._fields.get(name)
        if not isinstance(value, list):
            self.fail(name, f"should be a list, not {_shown(value)}" if name in self else "is missing")
        for at, each in enumerate(value):
            yield Record(each, f"{self.where}.{name}[{at}]")

    def day_of_seconds(self, name: str) -> date:
        """The UTC day of a time in seconds since the epoch."""
        if self._fields.get(name) is None:
            self.fail(name, "is missing")
        seconds = self.count(name)
        if seconds >= _LATEST_S:
            self.fail(name, f"{seconds} is no time in seconds")
        return datetime.fromtimestamp(seconds, UTC).date()

    def day_of_instant(self, name: str) -> date:
        """The UTC day of a time such as 2026-10-01T00:00:00Z."""
        text = self.text(name)
        if not text:
            self.fail(name, "is missing")
        try:
            return utc_day_of(text)
        except ValueError:
            self.fail(name, f"{text[:60]!r} is not a time such as 2026-10-01T00:00:00Z")


@lru_cache(maxsize=4096)
def utc_day_of(text: str) -> date:
    """A time without a zone is UTC. Raises ValueError."""
    moment = datetime.fromisoformat(text.strip().removesuffix(" UTC"))
    try:
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC).date()
    except OverflowError as error:
        raise ValueError(f"{text} is of no year that calendars know") from error


def pages(name: str, data: bytes) -> list[Record]:
    """One page of an API's answer, a list of them, or one per line. Raises ImportFailed."""
    text = _decoded(name, data)
    try:
        value = _parsed(text)
    except json.JSONDecodeError as error:
        lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
        if len(lines) < 2 or not all(line.lstrip().startswith("{") for _, line in lines):
            raise ImportFailed(f"{name}: line {error.lineno}: not JSON: {error.msg}") from error
        return [_page_of_line(name, number, line) for number, line in lines]
    if isinstance(value, list):
        return [Record(page, f"{name}: page {at}") for at, page in enumerate(value, 1)]
    return [Record(value, f"{name}: page 1")]


def _page_of_line(name: str, number: int, line: str) -> Record:
    try:
        return Record(_parsed(line), f"{name}: line {number}")
    except json.JSONDecodeError as error:
        raise ImportFailed(f"{name}: line {number}: not JSON: {error.msg}") from error


def _parsed(text: str) -> object:
    """Numbers with a point stay what was written: a float would be another amount. NaN is no JSON."""
    value: object = json.loads(text, parse_float=Decimal, parse_constant=_refuse)
    return value


def _refuse(word: str) -> NoReturn:
    raise json.JSONDecodeError(f"{word} is no number", word, 0)


def _decoded(name: str, data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ImportFailed(f"{name}: byte {error.start}: not UTF-8") from error


def _shown(value: object) -> str:
    return f"{str(value)[:60]!r}"
