"""From the event loop to the ledger: events are queued at once and written in batches by a thread."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable

from metering.event import Event
from metering.ledger import EventRejected, Ledger, LedgerUnavailable

logger = logging.getLogger(__name__)

BATCH_EVENTS = 512
_FIRST_BACKOFF_S = 0.1
_LONGEST_BACKOFF_S = 5.0

StateCallback = Callable[[bool, str], None]
"""(ok, detail), from the writing thread, once per change. It must not raise."""
RejectedCallback = Callable[[Event, str], None]
"""(event, why): this event can never be written. It must not raise."""


def log_state(ok: bool, detail: str) -> None:
    logger.log(logging.INFO if ok else logging.ERROR, "ledger %s: %s", "ok" if ok else "away", detail)


def log_rejected(event: Event, detail: str) -> None:
    """The log is the last place where the event can be kept, so all of it goes there."""
    logger.error("event not written, %s: %r", detail, event)


class EventWriter:
    """Keeps every event until the ledger has it: while the ledger is away they wait here, in order.

    `record` is for the event loop's thread, everything else for any. `bound` is how many events may wait
    before `full` says that no new work should be taken on; events of running work are always kept.
    """

    def __init__(
        self,
        ledger: Ledger,
        *,
        interval_s: float = 0.1,
        bound: int = 50_000,
        on_state: StateCallback = log_state,
        on_rejected: RejectedCallback = log_rejected,
    ) -> None:
        self.bound = bound
        self._ledger = ledger
        self._interval_s = interval_s
        self._on_state = on_state
        self._on_rejected = on_rejected
        self._queue: deque[Event | threading.Event] = deque()
        self._batch: list[Event] = []
        self._ok = True
        self._backoff_s = 0.0
        self._asleep = False
        self._wake = threading.Event()
        self._hurry = threading.Event()
        self._closing = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread. Without it, `write_batch` does its work by hand."""
        self._thread = threading.Thread(target=self._run, name="weir-ledger", daemon=True)
        self._thread.start()

    def record(self, event: Event) -> None:
        """Never blocks and never fails. Wakes the thread only if it sleeps."""
        self._queue.append(event)
        if self._asleep:
            self._asleep = False
            self._wake.set()

    @property
    def backlog(self) -> int:
        """Events not yet in the ledger."""
        return len(self._queue) + len(self._batch)

    @property
    def full(self) -> bool:
        return len(self._queue) >= self.bound

    @property
    def ok(self) -> bool:
        """Whether the last attempt to write went through."""
        return self._ok

    def flush(self, timeout_s: float) -> bool:
        """Wait until everything recorded before is in the ledger. False if time ran out first."""
        written = threading.Event()
        self._queue.append(written)
        self._rouse()
        return written.wait(timeout_s)

    def close(self, timeout_s: float = 10.0) -> list[Event]:
        """Write what is left and end the thread. Returns what could not be written in time, also logged.

        Nothing may be recorded afterwards.
        """
        deadline = time.monotonic() + timeout_s
        if self._thread is not None and self._thread.is_alive():
            self.flush(timeout_s)
            self._closing = True
            self._rouse()
            self._thread.join(max(0.0, deadline - time.monotonic()) + 1.0)
        left = [*self._batch, *(item for item in list(self._queue) if isinstance(item, Event))]
        if left:
            logger.error("%d events not written when the ledger was closed", len(left))
        return left

    def write_batch(self) -> float:
        """Try to write one batch, the failed one first. Returns seconds to wait before the next try: 0 if
        the ledger took it. Called by the thread, or by a test in its place."""
        markers = [] if self._batch else self._take()
        try:
            self._append(self._batch)
        except LedgerUnavailable as error:
            return self._failed(markers, str(error))
        except Exception as error:  # noqa: BLE001 - a defect in a ledger must not end the thread and lose events
            return self._failed(markers, repr(error))
        self._batch = []
        self._succeeded()
        for marker in markers:
            marker.set()
        return 0.0

    def _take(self) -> list[threading.Event]:
        """Move a batch out of the queue, up to the first flush; returns that flush's marker, if any."""
        queue, batch = self._queue, self._batch
        while queue and len(batch) < BATCH_EVENTS:
            item = queue.popleft()
            if isinstance(item, threading.Event):
                return [item]
            batch.append(item)
        return []

    def _append(self, events: list[Event]) -> None:
        """One bad event must not hold up the rest: where a batch is rejected, each goes by itself."""
        if not events:
            return
        try:
            self._ledger.append(events)
        except EventRejected as error:
            if len(events) == 1:
                self._on_rejected(events[0], str(error))
                return
            for event in events:
                self._append([event])

    def _failed(self, markers: list[threading.Event], detail: str) -> float:
        self._queue.extendleft(markers)  # the flush still waits behind this batch
        self._backoff_s = min(_LONGEST_BACKOFF_S, max(_FIRST_BACKOFF_S, self._backoff_s * 2))
        if self._ok:
            self._ok = False
            self._on_state(False, detail)
        return self._backoff_s

    def _succeeded(self) -> None:
        self._backoff_s = 0.0
        if not self._ok:
            self._ok = True
            self._on_state(True, f"writing again, {self.backlog} events waiting")

    def _run(self) -> None:
        while not (self._closing and not self._queue and not self._batch):
            wait_s = self.write_batch()
            if self._closing and wait_s:
                return  # close() has waited long enough
            if wait_s:
                self._hurry.wait(wait_s)
                self._hurry.clear()
            elif not self._queue:
                self._sleep()

    def _sleep(self) -> None:
        """Until there is something, then for one interval more, so that events arrive in batches."""
        self._asleep = True
        if not self._queue and not self._closing:
            self._wake.wait()
        self._wake.clear()
        self._asleep = False
        if not self._closing:
            self._hurry.wait(self._interval_s)
            self._hurry.clear()

    def _rouse(self) -> None:
        self._hurry.set()
        self._wake.set()
