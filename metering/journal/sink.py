"""Where the shipper brings rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from metering.event import Event
from metering.ledger import EventRejected, Ledger, Row
from metering.rows import from_row


class RowSink(Protocol):
    def append_rows(self, rows: Sequence[Row]) -> int:
        """Keep all or none; a row whose id is there already is passed over. Returns how many were new.

        Blocks; one thread calls it. Raises LedgerUnavailable or EventRejected (metering.ledger).
        """
        ...


class LedgerSink:
    """A ledger that takes events."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def append_rows(self, rows: Sequence[Row]) -> int:
        return self._ledger.append([_event(row) for row in rows])


def _event(row: Row) -> Event:
    try:
        return from_row(row)
    except (ValueError, TypeError, KeyError) as error:
        raise EventRejected(f"not a row of this version: {error}") from error
