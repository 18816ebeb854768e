"""Helpers for tests of the journal: rows, a ledger's stand-in, a crash without a process to kill."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from metering.journal import Journal, Recovered, RowSink, Shipper, recover
from metering.journal.record import Damage, Record, scan
from metering.journal.segment import HEADER_BYTES, SegmentView, preallocate, segment_numbers
from metering.ledger import EventRejected, Row

SEGMENT_BYTES = 4096
MAX_BYTES = 1 << 20


def row_of(event_id: str, what: str = "done") -> Row:
    return (event_id, what, 1, None)


def interrupted(process: str, event_id: str, payload: Any) -> Row:
    return row_of(event_id, f"interrupted:{payload[0]}")


def make_journal(folder: Path, **changes: Any) -> Journal:
    """Without a thread: its work is done where `work` is called, or when a segment is needed at once."""
    settings: dict[str, Any] = {
        "segment_bytes": SEGMENT_BYTES,
        "max_bytes": MAX_BYTES,
        "on_state": lambda ok, detail: None,
    }
    return Journal(folder, **{**settings, **changes})


def crash(journal: Journal) -> None:
    """As kill -9 leaves it: what was appended is there, nothing is tidied up, the lock is gone."""
    journal.home.release()
    keeper = journal._keeper
    keeper.sync()
    for segment in (keeper.current, keeper.spare):
        if segment is not None:
            segment.close()
    keeper.current = keeper.spare = None


class Sink:
    """Keeps rows like a ledger: all or none, each id once. Fails as told."""

    def __init__(self, *failures: Exception | None) -> None:
        self.failures = list(failures)
        self.bad: frozenset[str] = frozenset()
        self.kept: dict[str, Row] = {}
        self.batches: list[int] = []

    def append_rows(self, rows: Sequence[Row]) -> int:
        if self.failures and (failure := self.failures.pop(0)) is not None:
            raise failure
        if any(row[0] in self.bad for row in rows):
            raise EventRejected("no column for it")
        self.batches.append(len(rows))
        before = len(self.kept)
        for row in rows:
            self.kept.setdefault(str(row[0]), row)
        return len(self.kept) - before


class Disk:
    """An allocator whose disk can be full."""

    def __init__(self) -> None:
        self.full = False
        self.asked = 0

    def __call__(self, descriptor: int, size: int) -> None:
        self.asked += 1
        if self.full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        preallocate(descriptor, size)


def ship_all(shipper: Shipper) -> None:
    while shipper.ship_batch() == 0.0:
        pass


def recover_into(sink: RowSink, folder: Path) -> list[Recovered]:
    """What the next start does: recovers, ships, and ends."""
    recovered = recover(folder, interrupted)
    journal = make_journal(folder)
    shipper = Shipper(sink, journal)
    shipper.adopt(recovered)
    ship_all(shipper)
    shipper.close()
    journal.stop()
    return recovered


def records_of(folder: Path) -> Iterable[Record | Damage]:
    """Everything in one process's sub-folder, in order."""
    for number in segment_numbers(folder):
        view = SegmentView(folder, number)
        yield from scan(view.data, HEADER_BYTES, view.size)
        view.close()
