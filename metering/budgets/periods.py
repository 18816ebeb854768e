"""When a budget's counters begin and end: calendar periods of a time zone, and rolling windows.

An amount belongs to the bucket in which its attempt started. A calendar period is one bucket. A rolling
window is cut into sub-buckets, and whatever any window ending now could contain is counted, so it errs on the
side of the limit by at most one sub-bucket.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

from metering.periods import period_start_us, zone_of

US_PER_S = 1_000_000
_HOUR_US = 3_600 * US_PER_S
FOREVER_US = 1 << 62
"""The end of a bucket that has none."""
SEEDED_ROLLING_S = 3_600
"""Rolling windows up to this length start at zero: an hour later they are right by themselves."""

Per = Literal["hour", "day", "week", "month"]


class Span(NamedTuple):
    """UTC microseconds: from the first, before the second."""

    start_us: int
    end_us: int


ALWAYS = Span(0, FOREVER_US)
"""The one bucket of what has no period: concurrency."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """Hours, days, weeks (from Monday) or months of a time zone. A day may have 23 or 25 hours.

    Raises ValueError for an unknown `per` and NoSuchZone for an unknown zone.
    """

    per: Per
    timezone: str = "UTC"

    def __post_init__(self) -> None:
        if self.per not in ("hour", "day", "week", "month"):
            raise ValueError(f"per: {self.per!r} is not known; use hour, day, week or month")
        zone_of(self.timezone)

    def bucket(self, instant_us: int) -> Span:
        zone = zone_of(self.timezone)
        if self.per == "hour":
            return _hour(instant_us, zone)
        day = datetime.fromtimestamp(instant_us // US_PER_S, zone).date()
        first, following = _days(day, self.per)
        return Span(period_start_us(first, self.timezone), period_start_us(following, self.timezone))

    def window(self, bucket: Span) -> tuple[Span, ...]:
        """The buckets that count while this one is the newest."""
        return (bucket,)

    def resets_us(self, bucket: Span) -> int:
        """When all that was spent is forgotten."""
        return bucket.end_us

    @property
    def seeded(self) -> bool:
        """Whether a counter that nobody knows must be asked of the ledger."""
        return True

    def __str__(self) -> str:
        return f"per {self.per}" if self.timezone == "UTC" else f"per {self.per} ({self.timezone})"


@dataclass(frozen=True, slots=True)
class Rolling:
    """Never more than the limit in any window of `seconds`; counted in `buckets` parts. Raises ValueError."""

    seconds: int
    buckets: int = 12

    def __post_init__(self) -> None:
        if self.seconds < 1:
            raise ValueError(f"seconds: must be at least 1, not {self.seconds}")
        if not 1 <= self.buckets <= 60:
            raise ValueError(f"buckets: must be between 1 and 60, not {self.buckets}")

    @property
    def width_us(self) -> int:
        """Of a sub-bucket; rounded up, so that the parts are never less than the window."""
        return -(-self.seconds * US_PER_S // self.buckets)

    def bucket(self, instant_us: int) -> Span:
        start = instant_us - instant_us % self.width_us
        return Span(start, start + self.width_us)

    def window(self, bucket: Span) -> tuple[Span, ...]:
        """One more than `buckets`: a window that ends inside the newest begins inside the oldest."""
        width = self.width_us
        starts = range(bucket.start_us, bucket.start_us - (self.buckets + 1) * width, -width)
        return tuple(Span(start, start + width) for start in starts)

    def resets_us(self, bucket: Span) -> int:
        return bucket.start_us + (self.buckets + 1) * self.width_us

    @property
    def seeded(self) -> bool:
        return self.seconds > SEEDED_ROLLING_S

    def __str__(self) -> str:
        names = {1: "second", 60: "minute", 3_600: "hour", 86_400: "day"}
        return f"per rolling {names.get(self.seconds, f'{self.seconds} s')}"


def _hour(instant_us: int, zone: ZoneInfo) -> Span:
    offset = datetime.fromtimestamp(instant_us // US_PER_S, zone).utcoffset() or timedelta()
    shift_us = offset // timedelta(microseconds=1)
    start = instant_us - (instant_us + shift_us) % _HOUR_US
    return Span(start, start + _HOUR_US)


def _days(day: date, per: Per) -> tuple[date, date]:
    """The first day of the period that holds this one, and the first of the next."""
    if per == "day":
        return day, day + timedelta(days=1)
    if per == "week":
        monday = day - timedelta(days=day.weekday())
        return monday, monday + timedelta(days=7)
    first = day.replace(day=1)
    return first, (first + timedelta(days=31)).replace(day=1)


def iso(instant_us: int) -> str:
    """`2026-12-01T00:00:00Z`."""
    return datetime.fromtimestamp(instant_us // US_PER_S, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
