"""The journal's thread: makes what was appended safe from power loss and keeps a spare segment ready.

The event loop only ever copies memory. Whatever may wait for the disk is done here.
"""

from __future__ import annotations

import logging
import os
import threading
from collections import deque
from collections.abc import Callable

from metering.journal.folder import ProcessFolder, segment_bytes_on_disk
from metering.journal.segment import Allocator, Segment, create

logger = logging.getLogger(__name__)

RETRY_S = 1.0
"""How often a segment that could not be made is tried again; sooner when the shipper has deleted one."""

StateCallback = Callable[[bool, str], None]
"""(ok, detail), from the journal's thread, once per change. It must not raise."""


def log_state(ok: bool, detail: str) -> None:
    logger.log(logging.INFO if ok else logging.ERROR, "journal %s: %s", "ok" if ok else "full", detail)


class Keeper:
    """`spare`, `room_problem` and `sync_problem` may be read from any thread; the event loop sets `dirty`.

    `describe_ok` says what to tell when all is well again.
    """

    def __init__(
        self,
        home: ProcessFolder,
        *,
        segment_bytes: int,
        max_bytes: int,
        sync_interval_s: float,
        allocate: Allocator,
        on_state: StateCallback,
        describe_ok: Callable[[], str],
    ) -> None:
        self.current: Segment | None = None
        self.spare: Segment | None = None
        self.room_problem = ""
        self.sync_problem = ""
        self.dirty = False
        self.wake = threading.Event()
        self._home = home
        self._segment_bytes = segment_bytes
        self._max_bytes = max_bytes
        self._sync_interval_s = sync_interval_s
        self._allocate = allocate
        self._on_state = on_state
        self._describe_ok = describe_ok
        self._told_ok = True
        self._next_number = 1
        self._retired: deque[Segment] = deque()
        self._making = threading.Lock()
        self._syncing = threading.Lock()
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def problem(self) -> str:
        """Why new work should not be taken on, or ''."""
        return self.room_problem or self.sync_problem

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="weir-journal", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread, synchronise and close every segment."""
        self._ending.set()
        self.wake.set()
        if self._thread is not None:
            self._thread.join()
        self.sync()
        for segment in (self.current, self.spare):
            if segment is not None:
                segment.close()
        self.current = self.spare = None

    def work(self) -> None:
        """One round, called by the thread, or by a test in its place."""
        if self.dirty or self._retired:
            self.sync()
        with self._making:
            self._make_spare()
        self._tell()

    def take_spare(self) -> Segment | None:
        """The next segment, which becomes the current one. None if there is no room.

        Makes one at once if the thread has not come to it yet: rare, and the only time the event loop waits.
        """
        if self.spare is None and self.room_problem:
            return None
        with self._making:
            self._make_spare()
            spare, self.spare = self.spare, None
        if spare is not None:
            if self.current is not None:
                self._retired.append(self.current)
            self.current = spare
        self.wake.set()
        return spare

    def sync(self) -> None:
        """Write out everything appended so far. Blocks."""
        with self._syncing:
            self.dirty = False  # first: what is appended from here on is for the next time
            current, retired = self.current, list(self._retired)
            try:
                for segment in retired if current is None else [*retired, current]:
                    os.fdatasync(segment.descriptor)
                self.sync_problem = ""
            except OSError as error:
                self.sync_problem = f"cannot write the journal out: {error}"
            for segment in retired:
                self._retired.popleft()
                if segment is not current:
                    segment.close()

    def _make_spare(self) -> None:
        if self.spare is not None:
            return
        try:
            problem = self._bound_reached()
            if not problem:
                self.spare = create(self._home.path, self._next_number, self._segment_bytes, self._allocate)
                self._next_number += 1
        except OSError as error:
            problem = f"cannot make a segment in {self._home.path}: {error}"
        self.room_problem = problem

    def _bound_reached(self) -> str:
        used = segment_bytes_on_disk(self._home.path.parent)
        if used + self._segment_bytes <= self._max_bytes:
            return ""
        return f"{used} bytes wait in {self._home.path.parent}, of {self._max_bytes} allowed"

    def _tell(self) -> None:
        problem = self.problem
        if self._told_ok == (not problem):
            return
        self._told_ok = not problem
        self._on_state(self._told_ok, problem or self._describe_ok())

    def _run(self) -> None:
        while not self._ending.is_set():
            self.wake.wait(RETRY_S if self.problem else None)
            self.wake.clear()
            if self.dirty:
                self._ending.wait(self._sync_interval_s)  # so that one write serves many records
            self.work()
