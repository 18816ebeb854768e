"""The journal of one process: every attempt is on record before it is sent, and again when it ends.

A record is in the kernel's hands when the method returns, so kill -9 loses nothing; a power loss loses at
most what was appended within `sync_interval_s`.
"""

from __future__ import annotations

import logging
import mmap
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import orjson

from metering.journal.checkpoint import Position, read_checkpoint
from metering.journal.errors import JournalFull, RecordTooLong
from metering.journal.folder import ProcessFolder, make_own, new_process_id
from metering.journal.keeper import Keeper, StateCallback, log_state
from metering.journal.quarantine import keep_row
from metering.journal.record import ASIDE, CLOSE, HIT, OPEN, encode
from metering.journal.segment import (
    HEADER_BYTES,
    Allocator,
    preallocate,
    segment_name,
    segment_numbers,
    sync_folder,
)
from metering.ledger import Row

logger = logging.getLogger(__name__)

SEGMENT_BYTES = 16 << 20
MAX_BYTES = 1 << 30
CLOSE_RESERVE_BYTES = 2048
"""Kept free for the end of each attempt under way, once there is no spare segment."""

RECENT_ROWS = 4096


class Recent(NamedTuple):
    number: int
    """How many rows there were with it."""
    position: Position
    """Behind its record."""
    row: Row


WhenFull = Literal["refuse", "unmetered"]


class Journal:
    """For the event loop's thread, except where it says otherwise. Make it after forking, never before.

    `max_bytes` bounds the segments in `folder`, those of other processes included. With `when_full="refuse"`
    `full` tells when to take on no new work; with "unmetered" it never does, and rows that found no room are
    counted in `unmetered`. Raises JournalError if the folder cannot be used; a disk that is full already is
    no error but the first state to be told.
    """

    def __init__(
        self,
        folder: Path | str,
        *,
        segment_bytes: int = SEGMENT_BYTES,
        max_bytes: int = MAX_BYTES,
        sync_interval_s: float = 0.05,
        when_full: WhenFull = "refuse",
        on_state: StateCallback = log_state,
        allocate: Allocator = preallocate,
        process: str | None = None,
    ) -> None:
        if max_bytes < 2 * segment_bytes:
            raise ValueError(f"max_bytes ({max_bytes}) must hold two segments of {segment_bytes} bytes")
        self.folder = Path(folder)
        self.home: ProcessFolder = make_own(self.folder, process or new_process_id())
        self.process = self.home.process
        self.rows = 0
        """Rows appended so far. Any thread may read it."""
        self.unmetered = 0
        """Rows that found no room, under the policy 'unmetered'. They are gone."""
        self.recent: deque[Recent] = deque(maxlen=RECENT_ROWS)
        """The last rows as they were given, so that the shipper need not read and parse what was written a
        moment ago. What it has not taken when they are pushed out, it reads from the segments."""
        self._refuse = when_full == "refuse"
        self._longest = segment_bytes // 4
        self._opens: dict[str, bytes] = {}
        self._held: list[bytes] = []  # ends of attempts that found no room, under the policy 'refuse'
        self._oldest_open = 1  # no open attempt has its record in a segment before this one
        self._number = 0
        self._offset = 0
        self._size = 0
        self._map: mmap.mmap
        self._keeper = Keeper(
            self.home,
            segment_bytes=segment_bytes,
            max_bytes=max_bytes,
            sync_interval_s=sync_interval_s,
            allocate=allocate,
            on_state=on_state,
            describe_ok=self._describe_ok,
        )
        self._rotate()
        self._keeper.work()

    def start(self) -> None:
        """Start the thread. Without it, `work` does its work by hand."""
        self._keeper.start()

    def work(self) -> None:
        self._keeper.work()

    def open(self, event_id: str, payload: bytes | Sequence[Any]) -> bool:
        """Before the attempt is sent. `payload` is what a row can be made of if this process dies: JSON, or
        values that JSON has. False if it found no room under the policy 'unmetered'.

        Raises JournalFull under the policy 'refuse', and RecordTooLong.
        """
        record = encode(OPEN, event_id, orjson.Fragment(payload) if type(payload) is bytes else payload)
        if len(record) > self._longest:
            raise RecordTooLong(f"the open record of {event_id} has {len(record)} bytes")
        if self._keeper.spare is None and not self._room_for_more(len(record)):
            return self._no_room_for_more()
        if not self._put(record):
            return self._no_room_for_more()
        self._opens[event_id] = record
        return True

    def close(self, event_id: str, row: Row) -> None:
        """When the attempt has ended. Never raises; an attempt that was opened always finds room."""
        opened = self._opens.pop(event_id, None) is not None
        record = encode(CLOSE, event_id, row)
        if len(record) > self._longest:
            self._keep(self._set_aside(event_id, row), None, certain=opened)
        else:
            self._keep(record, row, certain=opened)

    def hit(self, row: Row) -> None:
        """A row that nothing was opened for: a cache hit, a correction. Its id comes first. Never raises."""
        event_id = str(row[0])
        record = encode(HIT, event_id, row)
        if len(record) > self._longest:
            self._keep(self._set_aside(event_id, row), None, certain=False)
        else:
            self._keep(record, row, certain=False)

    @property
    def full(self) -> bool:
        """Whether new work should be refused. Work under way is always recorded."""
        if self._held:
            self._keep_held()
        return self._refuse and self._keeper.problem != ""

    @property
    def problem(self) -> str:
        """What is wrong, or ''; whatever the policy. Any thread may read it."""
        return self._keeper.problem

    @property
    def open_attempts(self) -> int:
        return len(self._opens)

    def position(self) -> Position:
        """Up to where records are whole. For any thread."""
        while True:
            number, offset = self._number, self._offset
            if number == self._number:
                return Position(number, offset)

    def release(self, shipped: Position) -> None:
        """Delete the segments before `shipped` that nothing needs any more. For the shipper's thread.

        Raises OSError.
        """
        keep_from = min(shipped.number, self._oldest_open, self._number)
        gone = [number for number in segment_numbers(self.home.path) if number < keep_from]
        if not gone:
            return
        self._keeper.sync()  # what was carried over out of them must be safe first
        if self._keeper.sync_problem:
            return
        for number in gone:
            (self.home.path / segment_name(number)).unlink()
        sync_folder(self.home.path)
        self._keeper.wake.set()

    def sync(self) -> None:
        """Make everything appended so far safe from power loss. Blocks; for any thread."""
        self._keeper.sync()

    def stop(self) -> None:
        """Write everything out and let go of the folder. It is removed if all of it was shipped and nothing
        is open; otherwise the next recovery takes it over. Nothing may be appended afterwards."""
        self._keep_held()
        if self._held:
            logger.error("%d rows found no room in the journal", len(self._held))
        self._keeper.stop()
        if not self._opens and read_checkpoint(self.home.path) == self.position():
            self.home.remove()
        else:
            self.home.release()

    def _put(self, record: bytes) -> bool:
        """False if there is no room. This is the hot path: a copy of memory, and no call to the system."""
        start = self._offset
        end = start + len(record)
        keeper = self._keeper
        while end > self._size:
            if not self._rotate():
                return False
            start = self._offset
            end = start + len(record)
        self._map[start:end] = record
        self._offset = end
        if not keeper.dirty:
            keeper.dirty = True
            keeper.wake.set()
        return True

    def _rotate(self) -> bool:
        """Go on in the spare segment; the records of open attempts are carried over, so that a long stream
        keeps no old segment from being deleted. Should they fill half a segment, the old ones stay."""
        segment = self._keeper.take_spare()
        if segment is None:
            return False
        carried = b"".join(self._opens.values())
        at = HEADER_BYTES
        if len(carried) <= segment.size // 2:
            segment.map[at : at + len(carried)] = carried
            at += len(carried)
            self._oldest_open = segment.number
        # In this order `position` never names bytes of the new segment that are not there yet.
        self._map, self._size = segment.map, segment.size
        self._offset = at
        self._number = segment.number
        self._keeper.dirty = True
        if self._held:
            self._keep_held()
        return True

    def _keep(self, record: bytes, row: Row | None, *, certain: bool) -> None:
        """Append a row's record. `certain` rows have room kept for them; None was set aside."""
        room = certain or self._keeper.spare is not None or self._room_for_more(len(record))
        if room and self._put(record):
            self.rows += 1
            if row is not None:
                self.recent.append(Recent(self.rows, Position(self._number, self._offset), row))
        elif self._refuse:
            self._held.append(record)
        else:
            self.unmetered += 1

    def _keep_held(self) -> None:
        held, self._held = self._held, []
        for at, record in enumerate(held):
            if not self._put(record):
                self._held = held[at:]
                return
            self.rows += 1

    def _room_for_more(self, size: int) -> bool:
        """Whether, with no spare segment, room is left for this beside the ends of all attempts under way."""
        if not self._keeper.room_problem:
            return True  # the thread is making one
        return self._offset + size + CLOSE_RESERVE_BYTES * (len(self._opens) + 1) <= self._size

    def _no_room_for_more(self) -> bool:
        if self._refuse:
            raise JournalFull(self._keeper.problem)
        return False

    def _set_aside(self, event_id: str, row: Row) -> bytes:
        why = "longer than a journal segment can hold"
        try:
            kept_in = keep_row(self.folder, self.process, row, why)
            logger.error("event %s set aside in %s: %s", event_id, kept_in, why)
        except OSError as error:
            logger.error("event lost, %s, and cannot be set aside (%s): %r", why, error, row)
        return encode(ASIDE, event_id, why)

    def _describe_ok(self) -> str:
        lost = f", {self.unmetered} rows were not recorded so far" if self.unmetered else ""
        return f"recording again{lost}"
