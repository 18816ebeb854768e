"""What the shipper ships from: the journal of its own process, and those that were taken over."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from contextlib import suppress

from metering.journal.checkpoint import Position, write_checkpoint
from metering.journal.journal import Journal
from metering.journal.quarantine import keep_damage
from metering.journal.record import Damage
from metering.journal.recovery import Recovered
from metering.journal.segment import SegmentView
from metering.journal.tail import Batch, Tail
from metering.ledger import Row

logger = logging.getLogger(__name__)

BATCH_ROWS = 512


class Source(ABC):
    """Hands out one batch at a time: `rows` gives the same one again until `taken` is called."""

    process: str
    more = False
    """Whether more can be had at once."""
    done = False
    """Nothing more will ever come."""

    @property
    @abstractmethod
    def waiting(self) -> int:
        """Rows not yet taken, as far as is known."""

    @abstractmethod
    def rows(self) -> list[Row]:
        """May be empty. The list may be shortened by rows that were set aside. Raises OSError."""

    @abstractmethod
    def taken(self) -> None:
        """The ledger has the batch."""

    @abstractmethod
    def close(self) -> None:
        """Let go of files; whatever was not taken stays where it is."""


class OwnSource(Source):
    """The journal of this process, while it grows."""

    def __init__(self, journal: Journal) -> None:
        self.process = journal.process
        self.shipped = 0
        """Rows of this journal that the ledger has or has rejected."""
        self._journal = journal
        self._tail = Tail(journal.home.path, end=journal.position, on_damage=self._damaged)
        self._saved = self._tail.position
        self._batch: Batch | None = None
        self._appended = 0

    @property
    def waiting(self) -> int:
        return self._journal.rows - self.shipped

    def rows(self) -> list[Row]:
        if self._batch is None:
            self._appended = self._journal.rows
            self._batch = self._from_memory() or self._tail.read(BATCH_ROWS)
        return self._batch.rows

    def _from_memory(self) -> Batch | None:
        """The next rows, if they are still there as they were given; None if the segments must be read."""
        recent, number = self._journal.recent, self.shipped
        taken: list[Row] = []
        position = self._tail.position
        while len(taken) < BATCH_ROWS:
            try:
                found = recent[0]
                if found.number <= number:
                    recent.popleft()
                    continue
                if found.number != number + 1 or recent.popleft() is not found:
                    break
            except IndexError:
                break
            number, position = found.number, found.position
            taken.append(found.row)
        if not taken:
            return None
        self._tail.position = position
        return Batch(taken, len(taken), position, number >= self._appended)

    def taken(self) -> None:
        batch, self._batch = self._batch, None
        if batch is None:
            return
        # At the end, all that was appended before the reading has been read, be it good or damaged.
        self.shipped = max(self.shipped + batch.records, self._appended if batch.last else 0)
        self.more = not batch.last or self.waiting > 0
        crossed = batch.position.number != self._saved.number
        if batch.position != self._saved:
            self._saved = batch.position
            self._save(batch.position)
        if crossed or self._journal.problem:
            self._release(batch.position)

    def close(self) -> None:
        self._tail.close()

    def _save(self, position: Position) -> None:
        try:
            write_checkpoint(self._journal.home.path, position)
        except OSError as error:  # rows may be shipped again after a crash, which the ledger passes over
            logger.warning("journal %s: cannot write its checkpoint: %s", self.process, error)

    def _release(self, position: Position) -> None:
        try:
            self._journal.release(position)
        except OSError as error:
            logger.error("journal %s: cannot delete what was shipped: %s", self.process, error)

    def _damaged(self, view: SegmentView, damage: Damage) -> None:
        kept: object = None
        with suppress(OSError):
            kept = keep_damage(self._journal.folder, self.process, view, damage)
        logger.error("journal damaged: %s at %d: %s (copy: %s)", view.path, damage.offset, damage.what, kept)


class AdoptedSource(Source):
    """A dead process's journal: its rows, then one for each interrupted attempt; then it is removed."""

    def __init__(self, recovered: Recovered) -> None:
        self.process = recovered.process
        self._recovered = recovered
        self._tail = Tail(recovered.home.path)
        self._interrupted = list(recovered.interrupted)
        self._journal_read = False
        self._batch: list[Row] | None = None
        self._in_hand = 0
        self._left = recovered.rows_waiting + len(self._interrupted)
        self.more = True

    @property
    def waiting(self) -> int:
        return max(0, self._left)

    def rows(self) -> list[Row]:
        if self._batch is None:
            self._batch = self._next()
            self._in_hand = len(self._batch)
        return self._batch

    def taken(self) -> None:
        self._left -= self._in_hand
        self._batch = None
        if self._journal_read and not self._interrupted:
            self._finish()

    def close(self) -> None:
        self._tail.close()
        self._recovered.release()

    def _next(self) -> list[Row]:
        if not self._journal_read:
            batch = self._tail.read(BATCH_ROWS)
            self._journal_read = batch.last
            return batch.rows
        batch_rows, self._interrupted = self._interrupted[:BATCH_ROWS], self._interrupted[BATCH_ROWS:]
        return batch_rows

    def _finish(self) -> None:
        self.done, self.more, self._left = True, False, 0
        self._tail.close()
        home = self._recovered.home
        try:
            if self._recovered.removable:
                home.remove()
        except OSError as error:
            logger.error("journal %s is shipped but cannot be removed: %s", home.path, error)
        home.release()
