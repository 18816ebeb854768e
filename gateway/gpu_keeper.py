"""The background work of GPU time in one gateway: watching backends, telling the ledger, closing windows.

The event loop looks at the fleet a few times a second; a thread does what blocks. A ledger that is away holds
nothing up: up-times wait here, and windows are closed when it is back.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence

from gateway.backends.fleet import Fleet
from gateway.clock import Clock
from gateway.config import GatewaySettings
from gateway.gpu_time import GpuMeters
from gateway.gpu_watch import UpWatch, latest, sights
from gateway.gpu_windows import WindowCloser
from metering.event import Event
from metering.gpu.clock import Reading, estimate_offset
from metering.ledger import Books, LedgerError
from metering.store.gpu_read import GpuView
from metering.store.up_times import ClockSetting, UpTime

LOOK_EVERY_S = 0.2
WRITE_EVERY_S = 5.0
"""And at once when a backend comes up, gets ready or goes down."""
STOP_WITHIN_S = 20.0
READINGS = 16
"""Of the server's clock; the quickest of the last so many says how far this process's is off."""

OnState = Callable[[bool, str], None]
"""(whether windows can be closed, what is wrong): once per change."""


class GpuKeeper:
    """Started and stopped once, from the event loop."""

    def __init__(
        self,
        books: Books,
        view: GpuView,
        fleet: Fleet,
        gpus: GpuMeters,
        settings: Callable[[], GatewaySettings],
        clock: Clock,
        process: str,
        on_state: OnState,
        on_corrected: Callable[[Sequence[Event]], None] = lambda _rows: None,
    ) -> None:
        self._books = books
        self._fleet = fleet
        self._gpus = gpus
        self._settings = settings
        self._clock = clock
        self._process = process
        self._on_state = on_state
        self._watch = UpWatch(process)
        self._waiting: list[UpTime] = []
        self._lock = threading.Lock()
        self._hurry = threading.Event()
        self._stopping = False
        self._ok = True
        self._readings: deque[Reading] = deque(maxlen=READINGS)
        self._ahead_us = 0
        self._closer = WindowCloser(
            books,
            view,
            settings,
            monotonic=clock.monotonic,
            stopping=lambda: self._stopping,
            on_corrected=on_corrected,
        )
        self._thread = threading.Thread(target=self._run, name="gpu-windows", daemon=True)
        self._looking: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._thread.start()
        self._looking = asyncio.get_running_loop().create_task(self._look_around())

    async def stop(self) -> None:
        """Before the engines are stopped and the ledger is closed. What this process saw is written down."""
        if self._looking is None:
            return
        self._looking.cancel()
        with self._lock:
            self._watch.end(self._now_us())
        self._stopping = True
        self._hurry.set()
        await asyncio.to_thread(self._thread.join, STOP_WITHIN_S)

    @property
    def closed_until_us(self) -> dict[str, int]:
        """By backend: every window before is closed."""
        return {backend: found.next_us for backend, found in list(self._closer.progress.items())}

    # ------------------------------------------------------------------ event loop

    async def _look_around(self) -> None:
        while True:
            self.look()
            await asyncio.sleep(LOOK_EVERY_S)

    def look(self) -> None:
        """At the fleet, now."""
        seen = sights(self._settings(), self._fleet)
        with self._lock:
            changed = self._watch.see(seen, self._now_us())
        if changed:
            self._hurry.set()

    # ------------------------------------------------------------------ thread

    def _run(self) -> None:
        while True:
            last = self._stopping
            self.work()
            if last:
                return
            self._hurry.wait(self._pause_s())
            self._hurry.clear()

    def work(self) -> None:
        """Tell the ledger what was seen, and close what is due."""
        try:
            self._write_up_times()
            self._closer.run(self._now_us() - self._ahead_us)
        except LedgerError as error:
            self._tell(False, str(error))
            return
        except Exception as defect:  # noqa: BLE001 - this thread must say so and go on, or nobody would know
            self._tell(False, f"defect: {defect!r}")
            return
        for backend, found in self._closer.progress.items():
            meter = self._gpus.get(backend)
            for weights in found.weights.values():
                if meter is not None:
                    meter.weights = weights
        self._tell(True, "")

    def _write_up_times(self) -> None:
        with self._lock:
            self._waiting = latest([*self._waiting, *self._watch.take()])
        if not self._waiting:
            return
        self._set_clock()
        self._books.write_up_times(self._waiting)
        self._waiting = []

    def _set_clock(self) -> None:
        """On record is how far this process's clock is off, whenever that became another number."""
        sent_us = self._now_us()
        server_us = self._books.server_clock_us()
        if server_us is None:
            return
        self._readings.append(Reading(sent_us * 1000, server_us * 1000, self._now_us() * 1000))
        offset = estimate_offset(self._readings)
        if offset is None:
            return
        ahead_us = offset.correction_ns // 1000
        if abs(ahead_us - self._ahead_us) * 1000 > offset.error_ns:
            self._books.write_clock(ClockSetting(self._process, sent_us, ahead_us))
            self._ahead_us = ahead_us

    def _pause_s(self) -> float:
        window_s = min((p.window_us / 1e6 for p in self._closer.progress.values()), default=WRITE_EVERY_S)
        return min(WRITE_EVERY_S, window_s)

    def _tell(self, ok: bool, detail: str) -> None:
        if ok is not self._ok:
            self._ok = ok
            self._on_state(ok, detail)

    def _now_us(self) -> int:
        return self._clock.wall_ns() // 1000
