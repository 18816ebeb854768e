"""Months of the books: `2026-10`, a calendar month of the books' time zone."""

from __future__ import annotations

import re
from datetime import date

from metering.periods import local_period, period_start_us

_MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")
FIRST_YEAR, LAST_YEAR = 1970, 9998


class BadMonth(ValueError):
    """The text names no month."""


def first_day(month: str) -> date:
    """Raises BadMonth."""
    match = _MONTH.fullmatch(month)
    if match is None or not FIRST_YEAR <= int(match[1]) <= LAST_YEAR:
        raise BadMonth(f"month {month[:20]!r} is none; write one like 2026-10")
    return date(int(match[1]), int(match[2]), 1)


def next_month(month: str) -> str:
    """Raises BadMonth."""
    first = first_day(month)
    years, number = divmod(first.year * 12 + first.month, 12)
    return f"{years:04}-{number + 1:02}"


def bounds_us(month: str, zone: str) -> tuple[int, int]:
    """[first microsecond, first microsecond of the next). Raises BadMonth and NoSuchZone."""
    return period_start_us(first_day(month), zone), period_start_us(first_day(next_month(month)), zone)


def month_at(instant_us: int, zone: str) -> str:
    """The month that holds this instant. Raises NoSuchZone."""
    return local_period(instant_us, zone, "month")
