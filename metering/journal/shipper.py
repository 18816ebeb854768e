"""From the journal to the ledger: a thread that reads segments and brings their rows over, in batches."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable

from metering.journal.journal import Journal
from metering.journal.quarantine import keep_row
from metering.journal.recovery import Recovered
from metering.journal.sink import RowSink
from metering.journal.sources import AdoptedSource, OwnSource, Source
from metering.ledger import EventRejected, LedgerUnavailable, Row

logger = logging.getLogger(__name__)

_FIRST_BACKOFF_S = 0.1
_LONGEST_BACKOFF_S = 5.0

StateCallback = Callable[[bool, str], None]
"""(ok, detail), from the shipping thread, once per change. It must not raise."""
RejectedCallback = Callable[[Row, str], None]
"""(row, why): the ledger can never hold this row; it lies in quarantine. It must not raise."""


def log_state(ok: bool, detail: str) -> None:
    logger.log(logging.INFO if ok else logging.ERROR, "ledger %s: %s", "ok" if ok else "away", detail)


def log_rejected(row: Row, detail: str) -> None:
    logger.error("event not written, %s: %r", detail, row)


class Shipper:
    """Ships again whatever it is not sure of: the ledger passes over an id that it has. Holds one batch of
    each journal in memory, however long the ledger is away.

    `full` is for the event loop's thread; everything else for any.
    """

    def __init__(
        self,
        sink: RowSink,
        journal: Journal,
        *,
        interval_s: float = 0.2,
        on_state: StateCallback = log_state,
        on_rejected: RejectedCallback = log_rejected,
    ) -> None:
        self._sink = sink
        self._journal = journal
        self._interval_s = interval_s
        self._on_state = on_state
        self._on_rejected = on_rejected
        self._own = OwnSource(journal)
        self._sources: list[Source] = [self._own]
        self._ok = True
        self._backoff_s = 0.0
        self._hurry = threading.Event()
        self._moved = threading.Condition()
        self._closing = False
        self._thread: threading.Thread | None = None

    def adopt(self, recovered: Iterable[Recovered]) -> None:
        """Ship these too, beside the own journal, and remove each when it is done."""
        for one in recovered:
            if one.problem:
                one.release()
            else:
                self._sources.append(AdoptedSource(one))

    def start(self) -> None:
        """Start the thread. Without it, `ship_batch` does its work by hand."""
        self._thread = threading.Thread(target=self._run, name="weir-shipper", daemon=True)
        self._thread.start()

    @property
    def backlog(self) -> int:
        """Rows in journals that are not yet in the ledger."""
        return sum(source.waiting for source in list(self._sources))

    def waits_for(self, process: str) -> bool:
        """Whether rows of that dead process, once adopted, may still be missing in the ledger."""
        return any(source.process == process for source in list(self._sources)[1:])

    @property
    def full(self) -> bool:
        return self._journal.full

    @property
    def ok(self) -> bool:
        """Whether the last attempt to write went through."""
        return self._ok

    def flush(self, timeout_s: float) -> bool:
        """Wait until everything appended or adopted before is in the ledger. False if time ran out first."""
        target, adopted = self._journal.rows, self._sources[1:]

        def shipped() -> bool:
            return self._own.shipped >= target and all(source.done for source in adopted)

        self._hurry.set()
        with self._moved:
            return self._moved.wait_for(shipped, timeout_s)

    def close(self, timeout_s: float = 10.0) -> int:
        """Ship what is left and end the thread. Returns how many rows were not shipped in time: they stay in
        the journal, for the next recovery. Call it before `Journal.stop`."""
        if self._thread is not None:
            self.flush(timeout_s)
            self._closing = True
            self._hurry.set()
            self._thread.join(1.0)
        if self._thread is None or not self._thread.is_alive():
            for source in self._sources:
                source.close()
        left = self.backlog
        if left:
            logger.error("%d rows stay in the journal", left)
        return left

    def ship_batch(self) -> float:
        """Try to ship a batch of each journal. Returns seconds to wait before the next: 0 if more is there.

        Called by the thread, or by a test in its place.
        """
        for source in list(self._sources):
            try:
                self._ship(source)
            except LedgerUnavailable as error:
                return self._failed(str(error))
            except Exception as error:  # noqa: BLE001 - a defect in a ledger must not end the thread
                return self._failed(repr(error))
        self._sources = [source for source in self._sources if not source.done]
        with self._moved:
            self._moved.notify_all()
        return 0.0 if any(source.more for source in self._sources) else self._interval_s

    def _ship(self, source: Source) -> None:
        rows = source.rows()
        if rows:
            self._append(source, rows, list(rows))
            self._succeeded()
        source.taken()

    def _append(self, source: Source, batch: list[Row], rows: list[Row]) -> None:
        """One bad row must not hold up the rest: a rejected batch is halved until it stands alone. It leaves
        the batch at once, so that it is told of once even if the ledger goes away before the end."""
        try:
            self._sink.append_rows(rows)
        except EventRejected as error:
            if len(rows) == 1:
                batch.remove(rows[0])
                self._reject(source, rows[0], str(error))
                return
            half = len(rows) // 2
            self._append(source, batch, rows[:half])
            self._append(source, batch, rows[half:])

    def _reject(self, source: Source, row: Row, why: str) -> None:
        try:
            keep_row(self._journal.folder, source.process, row, why)
        except OSError as error:
            why = f"{why}; and it cannot be kept in quarantine: {error}"
        self._on_rejected(row, why)

    def _failed(self, detail: str) -> float:
        self._backoff_s = min(_LONGEST_BACKOFF_S, max(_FIRST_BACKOFF_S, self._backoff_s * 2))
        if self._ok:
            self._ok = False
            self._on_state(False, detail)
        return self._backoff_s

    def _succeeded(self) -> None:
        self._backoff_s = 0.0
        if not self._ok:
            self._ok = True
            self._on_state(True, f"writing again, {self.backlog} rows waiting")

    def _run(self) -> None:
        while not self._closing:
            wait_s = self.ship_batch()
            if wait_s:
                self._hurry.wait(wait_s)
                self._hurry.clear()
