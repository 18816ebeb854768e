"""Hours, days and months of a time zone: their names, their bounds, and how SQL finds them.

Rollups are per UTC hour. Where a zone is not a whole number of hours from UTC (India, Nepal), its midnights
cut an hour in two; such an hour is read from rows (`cuts_hours`).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import ColumnElement, func, literal
from sqlalchemy.engine.interfaces import Dialect

from metering.store.names import US_PER_HOUR
from metering.store.sql import POSTGRESQL

PERIODS = ("hour", "day", "month")
LOCAL_PERIOD = "weir_local_period"
"""`local_period`, as a function in SQLite."""

FIRST_DAY, LAST_DAY = date(1970, 1, 1), date(9998, 12, 31)
"""Days that may be asked for: in any zone they begin and end at instants that exist."""

_UTC = "UTC"
_STRFTIME = {"hour": "%Y-%m-%dT%H:00Z", "day": "%Y-%m-%d", "month": "%Y-%m"}
_TO_CHAR = {"hour": 'YYYY-MM-DD"T"HH24:00Z', "day": "YYYY-MM-DD", "month": "YYYY-MM"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_US = timedelta(microseconds=1)


class ReportError(ValueError):
    """The question makes no sense. The message names the field and what is allowed."""


class NoSuchZone(ReportError):
    """The name is not in the time zone database."""


@lru_cache(maxsize=64)
def zone_of(name: str) -> ZoneInfo:
    """`Europe/Berlin`, `UTC`. Raises NoSuchZone."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise NoSuchZone(f"time zone {name!r} is not known; write one like Europe/Berlin") from error


def local_period(instant_us: int, zone: str, period: str) -> str:
    """The name of the hour (always UTC), day or month of the zone that holds this instant."""
    local_zone = UTC if period == "hour" else zone_of(zone)
    moment = datetime.fromtimestamp(instant_us // 1_000_000, local_zone)
    return moment.strftime(_STRFTIME[period])


def period_start_us(day: date, zone: str = _UTC) -> int:
    """The first microsecond of this day in the zone."""
    return (datetime(day.year, day.month, day.day, tzinfo=zone_of(zone)) - _EPOCH) // _US


def period_in_sql(
    dialect: Dialect, period: str, instant_us: ColumnElement[int], zone: str
) -> ColumnElement[str]:
    """`local_period` of a column."""
    local_zone = _UTC if period == "hour" else zone
    seconds = instant_us // 1_000_000
    if dialect is POSTGRESQL:
        local = func.timezone(local_zone, func.to_timestamp(seconds))
        return func.to_char(local, literal(_TO_CHAR[period]))
    if local_zone == _UTC:
        return func.strftime(_STRFTIME[period], seconds, "unixepoch")
    return func.weir_local_period(instant_us, zone, period)


def cuts_hours(period: str, zone: str, first_us: int, last_us: int) -> set[int]:
    """The UTC hours between the two instants, by their first microsecond, that a day of the zone cuts in two.

    Whoever groups by month asks for every midnight's hour too: they are few.
    """
    if period == "hour" or zone == _UTC:
        return set()
    return {
        start - start % US_PER_HOUR for start in _midnights(zone, first_us, last_us) if start % US_PER_HOUR
    }


def _midnights(zone: str, first_us: int, last_us: int) -> Iterator[int]:
    day = datetime.fromtimestamp(first_us // 1_000_000, zone_of(zone)).date()
    while (start := period_start_us(day, zone)) <= last_us:
        if start >= first_us:
            yield start
        day += timedelta(days=1)
