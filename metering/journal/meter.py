"""Journal and shipper together: what the road sees of the meter."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from metering.event import Event
from metering.journal.journal import Journal
from metering.journal.recovery import Interrupted, Recovered, recover
from metering.journal.shipper import Shipper
from metering.rows import to_row


class JournalMeter:
    """`open`, `record` and `full` are for the event loop's thread; everything else for any."""

    def __init__(self, journal: Journal, shipper: Shipper) -> None:
        self.journal = journal
        self.shipper = shipper
        self.process = journal.process
        """Names this process in every row."""

    def start(self) -> None:
        self.journal.start()
        self.shipper.start()

    def recover(self, interrupted: Interrupted) -> list[Recovered]:
        """Take over what dead processes left, and ship it too. Blocks; at the start, or at any time later."""
        recovered = recover(Path(self.journal.folder), interrupted)
        self.shipper.adopt(recovered)
        return recovered

    def open(self, event_id: str, payload: bytes | Sequence[Any]) -> bool:
        """See Journal.open."""
        return self.journal.open(event_id, payload)

    def record(self, event: Event) -> None:
        """The end of an attempt, or a cache hit. Never blocks and never fails."""
        if event.attempt:
            self.journal.close(event.id, to_row(event))
        else:
            self.journal.hit(to_row(event))

    @property
    def backlog(self) -> int:
        return self.shipper.backlog

    @property
    def full(self) -> bool:
        return self.journal.full

    @property
    def ok(self) -> bool:
        return self.shipper.ok

    def flush(self, timeout_s: float) -> bool:
        return self.shipper.flush(timeout_s)

    def close(self, timeout_s: float = 10.0) -> int:
        """Ship what is left, then let go of the journal. Returns how many rows stay in it. For the event
        loop's thread, or one that has taken its place: nothing may be recorded any more."""
        left = self.shipper.close(timeout_s)
        self.journal.stop()
        return left
