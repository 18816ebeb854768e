"""Repricing what lies in a ledger: its rows read page by page, its corrections written beside them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from metering.event import Event
from metering.event_pages import PAGE_ROWS, Period, pages
from metering.ledger import Ledger, LedgerReader
from metering.reprice import Applied, Book, Plan, applied, plan

_REPRICED = "kind <> 'correction' AND provenance IS NOT NULL"
_CORRECTIONS = """
SELECT corrects, list_nanos, cost_nanos, baseline_nanos, avoided_nanos FROM events
WHERE started_us >= ? AND started_us <= ? AND kind = 'correction'
"""


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
    for events in pages(reader, period, _REPRICED, page_rows):
        yield plan(events, _already(reader, events), book)


def _already(reader: LedgerReader, events: Sequence[Event]) -> dict[str, Applied]:
    """A correction has the `started_us` of what it corrects."""
    (rows,) = reader.read((_CORRECTIONS, (events[0].started_us, events[-1].started_us)))
    return applied((str(corrected), *map(_amount, amounts)) for corrected, *amounts in rows)


def _amount(value: str | int | None) -> int | None:
    return None if value is None else int(value)
