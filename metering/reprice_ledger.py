"""Repricing what lies in a ledger: its rows read page by page, its corrections written beside them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from metering.event import Event
from metering.ledger import Ledger, LedgerReader
from metering.reprice import Applied, Book, Plan, applied, plan
from metering.rows import COLUMNS, from_row

PAGE_ROWS = 5_000
_FOREVER_US = 1 << 62
_PAGE = f"""
SELECT {", ".join(COLUMNS)} FROM events
WHERE started_us >= ? AND started_us < ? AND (started_us > ? OR id > ?)
AND kind <> 'correction' AND provenance IS NOT NULL
ORDER BY started_us, id LIMIT ?
"""
_CORRECTIONS = """
SELECT corrects, list_nanos, cost_nanos, baseline_nanos FROM events
WHERE started_us >= ? AND started_us <= ? AND kind = 'correction'
"""


class Period(NamedTuple):
    """UTC microseconds: rows whose `started_us` is at least the first and below the second."""

    from_us: int | None = None
    until_us: int | None = None


@dataclass(slots=True)
class LedgerBooks:
    """Where corrections go (`metering.reprice.Books`)."""

    ledger: Ledger
    closed_until_us: int = 0
    """Periods before this are closed. What retention deleted is not there to be corrected."""

    def is_open(self, started_us: int) -> bool:
        return started_us >= self.closed_until_us

    def write(self, rows: Sequence[Event]) -> None:
        """Blocks. Raises LedgerUnavailable and EventRejected."""
        self.ledger.append(rows)


def plans(reader: LedgerReader, book: Book, period: Period, page_rows: int = PAGE_ROWS) -> Iterator[Plan]:
    """A plan for each page of rows, oldest first: what is in memory is one page, however long the period.
    Blocks. Raises LedgerError."""
    for events in _pages(reader, period, page_rows):
        yield plan(events, _already(reader, events), book)


def _pages(reader: LedgerReader, period: Period, page_rows: int) -> Iterator[list[Event]]:
    start = period.from_us or 0
    end = _FOREVER_US if period.until_us is None else period.until_us
    last_id = ""
    while True:
        (page,) = reader.read((_PAGE, (start, end, start, last_id, page_rows)))
        if not page:
            return
        events = [from_row(row) for row in page]
        yield events
        start, last_id = events[-1].started_us, events[-1].id


def _already(reader: LedgerReader, events: Sequence[Event]) -> dict[str, Applied]:
    """A correction has the `started_us` of what it corrects."""
    (rows,) = reader.read((_CORRECTIONS, (events[0].started_us, events[-1].started_us)))
    return applied((str(row[0]), _amount(row[1]), _amount(row[2]), _amount(row[3])) for row in rows)


def _amount(value: str | int | None) -> int | None:
    return None if value is None else int(value)
