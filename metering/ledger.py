"""The ledger's contract: where events are kept for good, and how reports read them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from metering.event import Event

if TYPE_CHECKING:
    from sqlalchemy.engine.interfaces import Dialect

    from metering.gpu.work import Weights
    from metering.storage_price import StorageCharge
    from metering.store.shares import GpuShare, GpuWindow
    from metering.store.sql import Query
    from metering.store.up_times import ClockSetting, UpTime

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

    def append_rows(self, rows: Sequence[Row]) -> int:
        """The same of rows as metering.rows.to_row makes them, or made them before it had ADDED_COLUMNS."""
        ...

    def close(self) -> None: ...


class Books(Ledger, Protocol):
    """What keeps a ledger in order: hourly sums, GPU windows, storage, retention. Blocks; raises
    LedgerUnavailable."""

    def roll_up(self) -> None:
        """Bring the hourly sums up to date. `append` does it now and then by itself."""
        ...

    def rebuild_rollups(self) -> None:
        """Make every hourly sum again from the rows that are still there."""
        ...

    def write_window(self, window: GpuWindow, shares: Sequence[GpuShare]) -> None:
        """Close a GPU window, or replace all that was said of it before."""
        ...

    def write_storage(self, charges: Sequence[StorageCharge]) -> int:
        """What kept answers occupied: all or none, each id once. Returns how many were new. Raises
        EventRejected too."""
        ...

    def write_up_times(self, rows: Sequence[UpTime]) -> None:
        """What a process saw of its backends; a stretch that is there already is brought up to date."""
        ...

    def write_clock(self, row: ClockSetting) -> None: ...

    def write_weights(self, backend: str, from_us: int, weights: Weights) -> None:
        """Of a backend's windows from then on, unless there are some."""
        ...

    def server_clock_us(self) -> int | None:
        """What the ledger's server says the time is, UTC; None where it has no clock of its own."""
        ...

    def drop_before(self, until_us: int) -> int:
        """Delete rows whose ids are older; their sums stay. Returns rows (SQLite) or partitions dropped."""
        ...


class LedgerReader(Protocol):
    """A way into the ledger that never holds up its writer."""

    @property
    def dialect(self) -> Dialect: ...

    def read(self, *statements: Statement | Query) -> list[list[Row]]:
        """Each statement's rows, all of them as of one moment. Blocks. Raises LedgerError."""
        ...
