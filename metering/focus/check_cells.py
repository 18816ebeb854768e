"""What one cell of a FOCUS file may hold."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal, InvalidOperation

from metering.focus.columns import Column, Kind
from metering.focus.labels import must_not_leave

Finding = tuple[str, str]
"""(rule, message)"""

_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?")
_CURRENCY = re.compile(r"[A-Z]{3}")
_PLURAL = r"[A-Z][A-Za-z]*s"
_TIMES = r"(?:Seconds|Minutes|Hours|Days|Months|Years)"
_UNIT = re.compile(rf"(?:[1-9]\d* )?(?:{_PLURAL}|[A-Z]+|[A-Z][A-Za-z]*-{_TIMES})(?:/{_TIMES})?")
"""`Tokens`, `1000 Tokens`, `GPU-Seconds`, `GB`: a count and a plural with capital letters."""
_FOCUS_SKU_KEYS = frozenset(
    {"CoreCount", "DiskMaxIops", "DiskSpace", "DiskType", "GpuCount", "InstanceSeries", "InstanceType",
     "MemorySize", "NetworkMaxIops", "NetworkMaxThroughput", "OperatingSystem", "Redundancy", "StorageClass"}
)  # fmt: skip


def check_cell(text: str | None, spec: Column, name: str) -> Iterator[Finding]:
    if text is None:
        if not spec.nullable:
            yield "null", "must not be empty"
        return
    if spec.allowed and text not in spec.allowed:
        yield "value", f"{text!r} is not one of {', '.join(sorted(spec.allowed))}"
    match spec.kind:
        case Kind.TIME:
            yield from _time(text)
        case Kind.COST | Kind.QUANTITY | Kind.PRICE:
            yield from _number(text, spec.kind)
        case Kind.UNIT:
            if not _UNIT.fullmatch(text):
                yield "unit", f"{text!r}: write plurals with capital letters, as in 1000 Tokens, GPU-Seconds"
        case Kind.CURRENCY:
            if not _CURRENCY.fullmatch(text):
                yield "currency", f"{text!r} is not three capital letters"
        case Kind.JSON:
            yield from _json(text, name)
        case Kind.TEXT:
            pass


def number_of(text: str | None) -> Decimal | None:
    """None where there is none, or what stands there is none: `check_cell` says so."""
    if text is None or not _NUMBER.fullmatch(text):
        return None
    try:
        return Decimal(text)
    except InvalidOperation:
        return None


def time_of(text: str | None) -> datetime | None:
    if text is None or not _INSTANT.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def json_of(text: str | None) -> dict[str, object] | None:
    """Numbers are exact."""
    try:
        found = json.loads(text or "", parse_float=Decimal, parse_int=Decimal)
    except json.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None


def _time(text: str) -> Iterator[Finding]:
    if time_of(text) is None:
        yield "datetime", f"{text!r} is not UTC in ISO 8601, as in 2026-10-01T00:00:00Z"


def _number(text: str, kind: Kind) -> Iterator[Finding]:
    number = number_of(text)
    if number is None:
        yield "decimal", f"{text!r} is not a number"
    elif kind is Kind.PRICE and number < 0:
        yield "negative-price", f"{text} is below 0"


def _json(text: str, name: str) -> Iterator[Finding]:
    found = json_of(text)
    if found is None:
        yield "json", "not a JSON object"
        return
    if name in {"Tags", "AllocatedTags"}:
        for key, value in found.items():
            if must_not_leave(key) or must_not_leave(str(value)):
                yield "personal-data", f"{key!r} looks like a mail address or a secret"
    if name == "SkuPriceDetails":
        for key in found:
            if key not in _FOCUS_SKU_KEYS and not key.startswith("x_"):
                yield "json-key", f"{key!r}: keys of our own begin with x_"
