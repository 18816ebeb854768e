"""Deleting old rows. Their hourly sums stay, so reports of the past stay what they were.

A row is old by the time in its id, which is when it was written: a correction of January that was written in
March goes when March goes. Nothing is deleted that is not in the rollups, and what comes in later with an id
of a deleted time is refused: whether it was there before cannot be known any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import delete, func, select

from metering.days import US_PER_DAY
from metering.ledger import EventRejected, LedgerUnavailable, Row
from metering.quality.tables import feedback, quality_verdicts
from metering.store.ids import lowest_id, month_start_us
from metering.store.rollup import get_state, set_state, tail
from metering.store.sql import Session
from metering.store.tables import RETAINED_FROM_US, events


def keep_months(months: int, now_us: int) -> int:
    """The start of the oldest of `months` UTC months that are kept beside the current one.

    Raises ValueError for a negative number.
    """
    if months < 0:
        raise ValueError(f"months to keep must be at least 0, not {months}")
    now = datetime.fromtimestamp(now_us // 1_000_000, UTC)
    years, month = divmod(now.year * 12 + now.month - 1 - months, 12)
    return month_start_us((years, month + 1))


def retained_from_us(session: Session) -> int:
    """0 if nothing was ever deleted."""
    return int(get_state(session, RETAINED_FROM_US) or 0)


def first_whole_us(retained_us: int) -> int | None:
    """From where on rows are complete enough to rebuild sums from; None: from the beginning.

    A day later than what is retained: the id of a request is older than its last attempt.
    """
    return retained_us + US_PER_DAY if retained_us else None


def check_retained(rows: Sequence[Row], retained_us: int) -> None:
    """Raises EventRejected if a row's id is of a deleted time."""
    if not retained_us:
        return
    bound = lowest_id(retained_us)
    for row in rows:
        if isinstance(row[0], str) and row[0] < bound:
            raise EventRejected(
                f"event {row[0]} is older than what the ledger retains, and cannot be checked"
            )


def begin_deletion(session: Session, until_us: int) -> str:
    """Note it; return the lowest id that stays. What was said of the answers goes with them. Raises
    LedgerUnavailable if rows are not rolled up yet."""
    bound = lowest_id(until_us)
    ((waiting,),) = session.run(
        select(func.count()).select_from(events).where(tail(session), events.c.id < bound)
    )
    if waiting:
        raise LedgerUnavailable(f"{waiting} old events are not in the rollups yet; nothing was deleted")
    set_state(session, RETAINED_FROM_US, str(max(until_us, retained_from_us(session))))
    for table in (quality_verdicts, feedback):
        session.run(delete(table).where(table.c.at_us < until_us))
    return bound


def delete_older(session: Session, until_us: int) -> int:
    """SQLite's way: row by row. Returns how many."""
    bound = begin_deletion(session, until_us)
    ((count,),) = session.run(select(func.count()).select_from(events).where(events.c.id < bound))
    session.run(delete(events).where(events.c.id < bound))
    return int(count)
