"""Reads the rows of one process's journal in order, from its checkpoint on, while it may still be growing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import orjson

from metering.journal.checkpoint import Position, read_checkpoint
from metering.journal.record import Damage, Record, decode, scan, skim_rows
from metering.journal.segment import HEADER_BYTES, SegmentView, segment_numbers
from metering.ledger import Row

End = Callable[[], Position]


class Batch(NamedTuple):
    rows: list[Row]
    records: int
    """How many rows were read: more than `rows` if one was of no use."""
    position: Position
    """Behind the last record read."""
    last: bool
    """Whether there was nothing more to read."""


DamageCallback = Callable[[SegmentView, Damage], None]


class Tail:
    """`end` tells up to where records are whole; without it, the journal's process is dead and all is read.

    One batch after another: `read` goes on where the last one ended. Holds one segment open at a time.
    """

    def __init__(
        self, folder: Path, *, end: End | None = None, on_damage: DamageCallback | None = None
    ) -> None:
        self.position = read_checkpoint(folder)
        self._folder = folder
        self._end = end
        self._on_damage = on_damage
        self._view: SegmentView | None = None

    def read(self, limit: int) -> Batch:
        """At most `limit` rows, of one segment. Raises OSError if it cannot be read, and LaterVersion."""
        end = self._end() if self._end is not None else None
        while True:
            number, offset = self.position
            found: list[Record] = []
            if (view := self._segment(number)) is not None:
                stop = end.offset if end is not None and number == end.number else view.size
                self._read_segment(view, max(offset, HEADER_BYTES), stop, found, limit)
            following = self._following(number, end) if len(found) < limit else number
            if found or following is None:
                return Batch(self._rows(found), len(found), self.position, following is None)
            self.position = Position(following, HEADER_BYTES)

    def close(self) -> None:
        if self._view is not None:
            self._view.close()
            self._view = None

    def _read_segment(self, view: SegmentView, at: int, stop: int, found: list[Record], limit: int) -> None:
        while len(found) < limit:
            at = skim_rows(view.data, at, stop, found, limit)
            if at >= stop or len(found) >= limit:
                break
            item = next(scan(view.data, at, stop), None)
            if item is None:  # zeroes from here on
                break
            at = item.end
            if isinstance(item, Damage):
                self._damaged(view, item)
        self.position = Position(view.number, at)

    def _segment(self, number: int) -> SegmentView | None:
        """None if it is not there (any more)."""
        if self._view is None or self._view.number != number:
            self.close()
            try:
                self._view = SegmentView(self._folder, number)
            except FileNotFoundError:
                return None
        return self._view

    def _following(self, number: int, end: Position | None) -> int | None:
        if end is not None and number >= end.number:
            return None
        later = (each for each in segment_numbers(self._folder) if each > number)
        following = next(later, None)
        return None if following is None or (end is not None and following > end.number) else following

    def _rows(self, records: list[Record]) -> list[Row]:
        """All at once if all is well, as it is nearly always."""
        if not any(record.encoding for record in records):
            joined = b",".join([record.payload for record in records])
            try:
                return [tuple(row) for _, row in orjson.loads(b"[%b]" % joined)]
            except (ValueError, TypeError):
                pass
        rows = (self._row(record) for record in records)
        return [row for row in rows if row is not None]

    def _row(self, record: Record) -> Row | None:
        try:
            body = decode(record)[1]
            if not isinstance(body, list):
                raise ValueError("not a row")
            return tuple(body)
        except ValueError as error:
            view = self._view
            if view is not None:
                self._damaged(view, Damage(record.offset, record.end, f"not a row: {error}"))
            return None

    def _damaged(self, view: SegmentView, damage: Damage) -> None:
        if self._on_damage is not None:
            self._on_damage(view, damage)
