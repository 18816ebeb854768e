"""UTC calendar days and the ledger's clock (microseconds since the epoch)."""

from __future__ import annotations

from datetime import date
from functools import lru_cache

US_PER_DAY = 86_400_000_000
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()


def utc_day(epoch_us: int) -> date:
    """The UTC day that holds this instant."""
    return _day(epoch_us // US_PER_DAY)


@lru_cache(maxsize=64)
def _day(days: int) -> date:
    return date.fromordinal(_EPOCH_ORDINAL + days)


def day_start_us(day: date) -> int:
    """The first microsecond of this UTC day."""
    return (day.toordinal() - _EPOCH_ORDINAL) * US_PER_DAY
