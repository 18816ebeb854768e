"""A time of the week, in somebody's time zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from metering.periods import zone_of

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MINUTES_PER_DAY = 24 * 60
EVERY_DAY = frozenset(range(7))


@dataclass(frozen=True, slots=True)
class Hours:
    """From the first minute up to the second, on these days. Where the first is later, over midnight: then
    the day is the one it begins on. Raises NoSuchZone for an unknown zone."""

    from_minute: int = 0
    until_minute: int = MINUTES_PER_DAY
    days: frozenset[int] = EVERY_DAY
    """0 is Monday."""
    timezone: str = "UTC"

    def __post_init__(self) -> None:
        zone_of(self.timezone)

    def hold(self, at_us: int) -> bool:
        """By the clocks of the zone: an hour that summer time skips holds for nobody, one that it repeats
        twice."""
        local = datetime.fromtimestamp(at_us / 1e6, zone_of(self.timezone))
        minute, day = local.hour * 60 + local.minute, local.weekday()
        if self.from_minute < self.until_minute:
            return self.from_minute <= minute < self.until_minute and day in self.days
        if minute >= self.from_minute:
            return day in self.days
        return minute < self.until_minute and (day - 1) % 7 in self.days
