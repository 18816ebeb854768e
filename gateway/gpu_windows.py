"""Closing windows of GPU time: the ledger's rows in, windows, shares and corrections out.

Any process of a ledger may do it, and all do: each closes every window itself, writes it only if what stands
there differs, and then makes sure that each attempt costs its final share. So two at once do no harm, and one
that died is missed by nobody. What is there to do is decided by `metering.gpu`; this reads and writes.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from gateway.config import GatewaySettings
from gateway.gpu_time import gpu_price
from metering.days import utc_day
from metering.event import Event
from metering.gpu.capacity import UpInterval
from metering.gpu.fit import fit_weights
from metering.gpu.idle import IdleKind, IdlePolicy, Payer
from metering.gpu.plan import Clocks, differing, intervals_of, runs, stretch_of, touched
from metering.gpu.samples import attempt_of, timings_of
from metering.gpu.true_up import is_owed, true_up
from metering.gpu.window import WindowResult, close_window
from metering.gpu.work import Attempt, Weights
from metering.ledger import Books
from metering.store.gpu_read import Arrival, GpuView, Look
from metering.store.shares import GpuShare, GpuWindow

US_PER_S = 1_000_000
WINDOWS_PER_FIT = 15
"""So many windows in a row have the same weights."""
FIT_PERIOD_US = 86_400 * US_PER_S
"""From timings of a day, which ended `late` before the first of these windows."""
WINDOWS_AT_ONCE = 10
TRUE_UPS_AT_ONCE = 400
LATE_COMMIT_S = 60.0
"""A batch that is committed later than that after its number was taken was cut by the ledger's deadlines."""
_TRIES = 5
"""Corrections written by somebody else at the same moment make one look again."""


@dataclass(slots=True)
class Progress:
    """Of one backend."""

    window_us: int
    first_us: int
    """Nothing is closed before; when it was first seen up."""
    next_us: int
    """Every window before is closed."""
    intervals: list[UpInterval]
    again: set[int] = field(default_factory=set)
    """Closed windows to look at once more."""
    weights: dict[int, Weights] = field(default_factory=dict)


@dataclass(slots=True)
class Done:
    """What a pass wrote."""

    windows: int = 0
    corrections: int = 0


class WindowCloser:
    """Used by one thread. Every call may raise LedgerError; what was not done is done by the next one."""

    def __init__(
        self,
        books: Books,
        view: GpuView,
        settings: Callable[[], GatewaySettings],
        *,
        monotonic: Callable[[], float] = time.monotonic,
        stopping: Callable[[], bool] = lambda: False,
        on_corrected: Callable[[Sequence[Event]], None] = lambda _rows: None,
    ) -> None:
        """`on_corrected` hears of correction rows that the ledger took from here; where another gateway wrote
        some of them at the same moment, of none."""
        self._books = books
        self._view = view
        self._settings = settings
        self._monotonic = monotonic
        self._stopping = stopping
        self._on_corrected = on_corrected
        self.progress: dict[str, Progress] = {}
        self._marks: deque[tuple[float, int]] = deque()
        """When the ledger's newest row had which number."""
        self._looked_at: set[str] = set()
        """Rows above the mark that are dealt with."""
        self._done = Done()

    def run(self, now_us: int) -> Done:
        """Close what is due at this moment, and again what changed."""
        self._done = Done()
        settings = self._settings()
        names = [name for name, backend in settings.backends.items() if backend.gpus is not None]
        if not names:
            return self._done
        look = self._view.look(names, self._marks[0][1] if self._marks else None)
        for name in names:
            self._note(name, look, settings, now_us)
        self._advance_mark(look)
        limit_us = now_us - round(settings.gpu.close_after * US_PER_S)
        for name in names:
            if name in self.progress:
                self._close_due(name, settings, limit_us, Clocks(look.clocks))
        return self._done

    def recompute(self, backend: str, from_us: int, until_us: int) -> Done:
        """Close the windows that begin in [from, until) again, as far as they were closed before."""
        self._done = Done()
        settings = self._settings()
        look = self._view.look([backend], None)
        self._note(backend, look, settings, until_us)
        found = self.progress.get(backend)
        closed_until_us = self._view.progress(backend).closed_until_us
        if found is not None and closed_until_us is not None:
            found.next_us = closed_until_us
            first_us = max(found.first_us, from_us + -from_us % found.window_us)
            found.again = set(range(first_us, min(until_us, closed_until_us), found.window_us))
            self._close_due(backend, settings, closed_until_us, Clocks(look.clocks))
        return self._done

    # ------------------------------------------------------------------ what is to be done

    def _note(self, backend: str, look: Look, settings: GatewaySettings, now_us: int) -> None:
        """Late rows, and up-times that turned out other than they looked: their windows once more."""
        clocks = Clocks(look.clocks)
        intervals = intervals_of((row for row in look.up_times if row.backend == backend), clocks)
        if not intervals:
            return
        found = self.progress.get(backend)
        if found is None:
            self.progress[backend] = self._begin(backend, intervals, settings, now_us)
            return
        late = [_stretch(row, clocks) for row in look.arrivals if self._is_new(row, backend)]
        stretches = [*late, *differing(found.intervals, intervals)]
        found.intervals = intervals
        found.first_us = _floor(intervals[0].up_ns // 1_000, found.window_us)
        found.again |= {
            start for start in touched(stretches, found.next_us, found.window_us) if start >= found.first_us
        }

    def _begin(
        self, backend: str, intervals: list[UpInterval], settings: GatewaySettings, now_us: int
    ) -> Progress:
        """From the last window that anybody closed, or a while before now if that is earlier: a process that
        died may have left the attempts of its last windows without their final cost."""
        known = self._view.progress(backend)
        window_us = known.window_us or round(settings.gpu.window * US_PER_S)
        first_us = _floor(intervals[0].up_ns // 1_000, window_us)
        late_us = _floor(now_us - round(settings.gpu.late * US_PER_S), window_us)
        closed_us = first_us if known.closed_until_us is None else known.closed_until_us
        return Progress(window_us, first_us, max(first_us, min(closed_us, late_us)), intervals)

    def _is_new(self, row: Arrival, backend: str) -> bool:
        return row.backend == backend and row.id not in self._looked_at

    def _advance_mark(self, look: Look) -> None:
        """The mark stays behind by as long as a batch with a lower number may still be committed."""
        now_s = self._monotonic()
        self._looked_at = {row.id for row in look.arrivals}
        self._marks.append((now_s, look.newest_seq))
        while len(self._marks) > 1 and self._marks[1][0] <= now_s - LATE_COMMIT_S:
            self._marks.popleft()

    # ------------------------------------------------------------------ doing it

    def _close_due(self, backend: str, settings: GatewaySettings, limit_us: int, clocks: Clocks) -> None:
        found = self.progress[backend]
        window_us = found.window_us
        for run in runs(found.again, window_us, WINDOWS_AT_ONCE):
            if self._stopping():
                return
            self._close(backend, settings, run, found.next_us, clocks)
            found.again.difference_update(run)
        due = range(found.next_us, _floor(limit_us, window_us), window_us)
        for run in runs(due, window_us, WINDOWS_AT_ONCE):
            if self._stopping():
                return
            self._close(backend, settings, run, run[-1] + window_us, clocks)
            found.next_us = run[-1] + window_us

    def _close(
        self, backend: str, settings: GatewaySettings, run: Sequence[int], closed_us: int, clocks: Clocks
    ) -> None:
        """These windows, which follow each other; all before `closed_us` are closed when this is done."""
        found = self.progress[backend]
        end_us = run[-1] + found.window_us
        events, digests = self._view.window(backend, run[0], end_us, clocks.largest_us)
        ahead_ns = clocks.ahead_ns(end_us)
        attempts = {event.id: attempt_of(event) for event in events}
        placed = {each: stretch_of(attempt, ahead_ns) for each, attempt in attempts.items()}
        concerned: set[str] = set()
        for start_us in run:
            here = [attempts[each] for each, at in placed.items() if _meets(at, start_us, found.window_us)]
            result = self._result(backend, settings, start_us, here, clocks)
            concerned.update(row.event_id for row in result.rows)
            if digests.get(start_us, "") != result.digest and (result.rows or start_us in digests):
                self._write(result, settings)
        final = [
            e for e in events if e.id in concerned and is_owed(e) and placed[e.id][1] <= closed_us * 1_000
        ]
        for position in range(0, len(final), TRUE_UPS_AT_ONCE):
            self._true_up(settings, final[position : position + TRUE_UPS_AT_ONCE])

    def _result(
        self,
        backend: str,
        settings: GatewaySettings,
        start_us: int,
        attempts: Sequence[Attempt],
        clocks: Clocks,
    ) -> WindowResult:
        found = self.progress[backend]
        end_us = start_us + found.window_us
        price = gpu_price(settings, backend, utc_day(start_us))
        assert price is not None, "only backends with gpus are closed"
        return close_window(
            backend,
            start_us * 1_000,
            end_us * 1_000,
            [i for i in found.intervals if i.up_ns < end_us * 1_000],
            attempts,
            self._weights(backend, settings, start_us),
            price,
            idle_policy(settings, backend),
            ahead_ns=clocks.ahead_ns(end_us),
        )

    def _write(self, result: WindowResult, settings: GatewaySettings) -> None:
        gpus = settings.backends[result.backend].gpus
        self._books.write_window(*as_stored(result, 0 if gpus is None else gpus.count))
        self._done.windows += 1

    def _weights(self, backend: str, settings: GatewaySettings, start_us: int) -> Weights:
        """Those of the ledger; fitted now if there are none for these windows yet."""
        found = self.progress[backend]
        from_us = _floor(start_us, WINDOWS_PER_FIT * found.window_us)
        if from_us not in found.weights:
            stored = self._view.weights(backend, from_us)
            if stored is None:
                until_us = from_us - round(settings.gpu.late * US_PER_S)
                timed = self._view.timed(backend, until_us - FIT_PERIOD_US, until_us)
                fitted = fit_weights(timings_of([attempt_of(event) for event in timed]))
                self._books.write_weights(backend, from_us, fitted)
                stored = self._view.weights(backend, from_us) or fitted
            found.weights = {from_us: stored}
        return found.weights[from_us]

    def _true_up(self, settings: GatewaySettings, owed: Iterable[Event]) -> None:
        """Until each costs its shares."""
        left = list(owed)
        for _ in range(_TRIES):
            accounts = self._view.accounts(left)
            rows = []
            for event in left:
                final_nanos, had = accounts[event.id]
                factor = settings.terms.factor(event.tenant)
                row = true_up(event, final_nanos, had, factor, _version(settings, event))
                if row is not None:
                    rows.append(row)
            if not rows:
                return
            added = self._books.append(rows)
            self._done.corrections += added
            if added == len(rows):
                self._on_corrected(rows)
            corrected = {row.corrects for row in rows}
            left = [event for event in left if event.id in corrected]


def idle_policy(settings: GatewaySettings, backend: str) -> IdlePolicy:
    """Who pays for the backend's idle time."""
    gpus = settings.backends[backend].gpus
    if gpus is None or gpus.owner is None:
        return IdlePolicy(IdleKind(gpus.idle if gpus else "separate"))
    tenant = settings.tenants.get(gpus.owner)
    return IdlePolicy(IdleKind(gpus.idle), Payer(gpus.owner, tenant.cost_center if tenant else ""))


def as_stored(result: WindowResult, gpus: int) -> tuple[GpuWindow, list[GpuShare]]:
    window = GpuWindow(
        backend=result.backend,
        window_start_us=result.start_ns // 1_000,
        window_end_us=result.end_ns // 1_000,
        gpu_count=gpus,
        capacity_ns=result.capacity_ns,
        capacity_nanos=result.capacity_nanos,
        method=result.rows[0].method if result.rows else "",
        digest=result.digest,
    )
    shares = [
        GpuShare(
            line=row.line.value,
            event_id=row.event_id,
            tenant=row.tenant,
            cost_center=row.cost_center,
            project=row.project,
            key=row.key,
            model=row.model,
            gpu_ns=row.gpu_ns,
            nanos=row.gpu_nanos,
            method=row.method,
            mark=row.mark,
        )
        for row in result.rows
    ]
    return window, shares


def _version(settings: GatewaySettings, event: Event) -> str:
    price = gpu_price(settings, event.backend, utc_day(event.finished_us))
    return event.price_version if price is None or not price.version else price.version


def _stretch(row: Arrival, clocks: Clocks) -> tuple[int, int]:
    ahead_us = clocks.ahead_us(row.process, row.finished_us)
    return 1_000 * (row.started_us - ahead_us), 1_000 * (max(row.finished_us, row.started_us) - ahead_us)


def _meets(at: tuple[int, int], start_us: int, window_us: int) -> bool:
    return at[0] < (start_us + window_us) * 1_000 and at[1] >= start_us * 1_000


def _floor(at_us: int, step_us: int) -> int:
    return at_us - at_us % step_us
