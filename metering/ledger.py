"""The ledger's contract: where events are kept for good, and how reports read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from metering.event import Event

Parameter = str | int
Statement = tuple[str, Sequence[Parameter]]
"""SQL with `?` in place of parameters."""
Row = tuple[str | int | None, ...]


class LedgerError(Exception):
    """The ledger cannot be opened or read. The message names the ledger and the cause."""


class LedgerUnavailable(LedgerError):
    """Not now: locked, full, unreachable. Nothing of the batch was written; trying again may help."""


class EventRejected(LedgerError):
    """An event of the batch can never be written as it is. Nothing of the batch was written."""


class Ledger(Protocol):
    """Append-only: an event once written is never changed, and a correction is a new event."""

    def append(self, events: Sequence[Event]) -> int:
        """Write all or none; an event whose id is there already is passed over. Returns how many were new.

        Blocks; one thread at a time may call it. Raises LedgerUnavailable or EventRejected.
        """
        ...

    def close(self) -> None: ...


class LedgerReader(Protocol):
    """A way into the ledger that never holds up its writer."""

    @property
    def period_expressions(self) -> Mapping[str, str]:
        """SQL for the UTC `day` (2026-01-31) and `month` (2026-01) of the column `started_us`."""
        ...

    def read(self, *statements: Statement) -> list[list[Row]]:
        """Each statement's rows, all of them as of one moment. Blocks. Raises LedgerError."""
        ...
