"""Closing a month, once and for good."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, insert, select, update

from metering.books.audit import Audit, unaudited
from metering.books.backlog import gpu_backlog
from metering.books.draft import MonthDraft, draft_month
from metering.books.entries import Entry, EntryDesk, check, refuse_closed, write_entries
from metering.books.errors import BooksError, CannotClose
from metering.books.late import late_entries
from metering.books.months import first_day, month_at, next_month
from metering.books.periods import ClosedPeriod, closed_periods, next_open_month, span_us
from metering.books.policy import BooksPolicy
from metering.books.store import BookStore, SessionReader
from metering.books.tables import book_entries, book_periods, statement_lines, statements
from metering.ledger import LedgerReader
from metering.money import format_usd
from metering.store.sql import Session
from metering.store.tables import events, gpu_shares, rollup_hourly

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Closed:
    period: ClosedPeriod
    new: bool
    """False: it was closed before, and nothing was changed."""


class BookKeeper:
    """Closes months and takes entries. Blocks; raises LedgerError and BooksError."""

    def __init__(
        self,
        store: BookStore,
        reader: LedgerReader,
        policy: Callable[[], BooksPolicy],
        now_us: Callable[[], int],
        *,
        journals: Callable[[int], Sequence[str]] = lambda until_us: (),
        audit: Audit = unaudited,
    ) -> None:
        """`journals`: what of the time before an instant is still in journals that can be seen from here, a
        sentence each (metering.books.backlog.journal_backlog)."""
        self._store = store
        self._reader = reader
        self._policy = policy
        self._now_us = now_us
        self._journals = journals
        self._audit = audit

    def draft(self, month: str, who: str = "") -> MonthDraft:
        """What an open month comes to now, over or not. Raises BadMonth, ReportError and BooksError."""
        self._refuse_closed(month)
        return draft_month(self._reader, month, self._policy(), self._now_us(), who)

    def closed(self, month: str) -> ClosedPeriod | None:
        return _closed(self._reader, month)

    def reasons(self, month: str) -> tuple[str, ...]:
        """Why this month cannot be closed now. Raises BadMonth."""
        return tuple(self._reasons(self._reader, month))

    def close(self, month: str, who: str) -> Closed:
        """In one transaction. Of two who close at once, the second changes nothing. Raises CannotClose,
        BadMonth and ReportError, and whatever the audit raises; then nothing is closed."""
        found = _closed(self._reader, month)
        if found is not None:
            return Closed(found, False)
        self._refuse(self._reader, month)
        planned = draft_month(self._reader, month, self._policy(), self._now_us(), who).period
        self._audit(who, "close", f"books {month}", {"state": "open"}, _told(planned))
        with self._store.transaction() as session:
            reader = SessionReader(session)
            found = _closed(reader, month)  # again: another may have been first
            if found is not None:
                return Closed(found, False)
            self._refuse(reader, month)
            draft = draft_month(reader, month, self._policy(), self._now_us(), who)
            _freeze(session, draft)
        return Closed(draft.period, True)

    def add(self, entry: Entry) -> bool:
        """A credit or an adjustment. Raises BadEntry and ClosedMonth."""
        check(entry)
        months = {period.month for period in closed_periods(self._reader)}
        refuse_closed(entry.month, months)
        self._audit(entry.created_by, entry.kind, _subject(entry), None, asdict(entry))
        return EntryDesk(self._store).add(entry)

    def take_up_late(self, who: str, *, write: bool) -> list[Entry]:
        """Late usage of closed months, for the next open month: entered now, if `write`, and else by closing
        that month."""
        found = self._late(self._reader, who)
        if not (found and write):
            return found
        into = found[0].month
        after = {"entries": len(found), "amount_nanos": sum(entry.amount_nanos for entry in found)}
        self._audit(who, "late", f"books {into}", None, after)
        with self._store.transaction() as session:
            found = self._late(SessionReader(session), who)
            write_entries(session, found)
        return found

    def _late(self, reader: LedgerReader, who: str) -> list[Entry]:
        closed = closed_periods(reader)
        into = next_open_month({period.month for period in closed})
        return [] if into is None else late_entries(reader, closed, into, self._now_us(), who)

    def _refuse_closed(self, month: str) -> None:
        if _closed(self._reader, month) is not None:
            raise BooksError(f"{month} is closed; its statements are what it comes to")

    def _refuse(self, reader: LedgerReader, month: str) -> None:
        reasons = tuple(self._reasons(reader, month))
        if reasons:
            raise CannotClose(month, reasons)

    def _reasons(self, reader: LedgerReader, month: str) -> Iterator[str]:
        policy, now_us, closed = self._policy(), self._now_us(), closed_periods(reader)
        from_us, until_us = span_us(month, policy.time_zone, closed)
        due_us = until_us + policy.close_after_us
        if now_us < until_us:
            yield f"it is not over before {_instant(until_us)}"
        elif now_us < due_us:
            yield f"it may be closed from {_instant(due_us)} on (books.close_after)"
        yield from _order(reader, month, policy.time_zone, closed)
        yield from self._journals(until_us)
        yield from gpu_backlog(reader, from_us, until_us)


def _order(reader: LedgerReader, month: str, zone: str, closed: Sequence[ClosedPeriod]) -> Iterator[str]:
    """Months close one after the other."""
    if closed:
        due = next_month(closed[-1].month)
        if first_day(month) > first_day(due):
            yield f"{due} is still open; close it first"
        elif first_day(month) < first_day(due):
            yield f"the books begin with {closed[0].month}"
        return
    first = _first_month(reader, zone)
    if first is not None and first < month:
        yield f"{first} is still open; close it first"


def _first_month(reader: LedgerReader, zone: str) -> str | None:
    """With anything to charge for."""
    found = reader.read(
        select(func.min(rollup_hourly.c.hour_us)),
        select(func.min(events.c.started_us)),
        select(func.min(gpu_shares.c.window_start_us)),
    )
    months = [month_at(int(us), zone) for ((us,),) in found if us is not None]
    (((entered,),),) = reader.read(select(func.min(book_entries.c.month)))
    return min([*months, *([str(entered)] if entered is not None else [])], default=None)


def _freeze(session: Session, draft: MonthDraft) -> None:
    write_entries(session, draft.new_entries)
    session.run(insert(book_periods).values(**asdict(draft.period)))
    session.run_many(insert(statements), [asdict(each.head) for each in draft.statements])
    lines = [{"number": each.head.number, **asdict(line)} for each in draft.statements for line in each.lines]
    session.run_many(insert(statement_lines), lines)
    for each in draft.statements:
        mine = (book_entries.c.month == each.head.month, book_entries.c.tenant == each.head.tenant)
        session.run(update(book_entries).where(*mine).values(statement_number=each.head.number))


def _closed(reader: LedgerReader, month: str) -> ClosedPeriod | None:
    first_day(month)
    return next((period for period in closed_periods(reader) if period.month == month), None)


def _told(period: ClosedPeriod) -> dict[str, object]:
    return {
        "state": "closed",
        "statements": period.statements,
        "total_usd": format_usd(period.total_nanos),
        "unknown_cost_events": period.unknown_cost_events,
    }


def _subject(entry: Entry) -> str:
    return f"books {entry.month} {entry.tenant or 'the house'}"


def _instant(epoch_us: int) -> str:
    return (_EPOCH + timedelta(microseconds=epoch_us)).strftime("%Y-%m-%dT%H:%M:%SZ")
