"""Which months are closed, and where the next one begins."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, fields

from sqlalchemy import func, select

from metering.books.months import bounds_us, next_month
from metering.books.tables import book_periods
from metering.ledger import LedgerReader


@dataclass(frozen=True, slots=True)
class ClosedPeriod:
    """A closed month: `[from_us, until_us)` in UTC microseconds, its total over all statements."""

    month: str
    time_zone: str
    from_us: int
    until_us: int
    statements: int
    total_nanos: int
    total_cents: int
    unknown_cost_events: int
    """Rows whose cost nobody knew: they are in no total."""
    closed_us: int
    closed_by: str
    digest: str
    """SHA-256 over the digests of its statements."""


_COLUMNS = tuple(field.name for field in fields(ClosedPeriod))


def closed_periods(reader: LedgerReader) -> list[ClosedPeriod]:
    """Oldest first. Raises LedgerError."""
    chosen = select(*(book_periods.c[name] for name in _COLUMNS)).order_by(book_periods.c.month)
    return [ClosedPeriod(*row) for row in reader.read(chosen)[0]]  # type: ignore[arg-type]


def closed_until_us(reader: LedgerReader) -> int:
    """Where the open time begins; 0 if no month was ever closed. Raises LedgerError."""
    (((until_us,),),) = reader.read(select(func.coalesce(func.max(book_periods.c.until_us), 0)))
    return int(until_us or 0)


def next_open_month(closed: Collection[str]) -> str | None:
    """The one after the last closed month; None if none is closed: any month is open then."""
    return next_month(max(closed)) if closed else None


def span_us(month: str, zone: str, closed: Collection[ClosedPeriod]) -> tuple[int, int]:
    """`[from, until)` of a month. Where the time zone of the books was changed since the month before was
    closed, it begins where that one ended, so that nothing is charged twice and nothing is lost.

    Raises BadMonth and NoSuchZone.
    """
    from_us, until_us = bounds_us(month, zone)
    before = [period for period in closed if next_month(period.month) == month]
    return (before[0].until_us if before else from_us), until_us
