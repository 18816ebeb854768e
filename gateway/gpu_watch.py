"""When a backend is up: what this process sees of the backends that are paid by the hour."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple

from gateway.backends.fleet import Fleet
from gateway.config import BackendSettings, GatewaySettings
from gateway.engine.supervisor import EngineState, EngineStatus
from metering.store.up_times import UpTime

_ENGINE_UP = frozenset({EngineState.STARTING, EngineState.READY, EngineState.RESTARTING})
"""Its GPUs are held, whether it serves or loads."""


class Sight(NamedTuple):
    """Of one backend at one moment."""

    up: bool
    ready: bool
    life: int
    """Another number is another start of the engine."""
    sure_after_us: int
    """A backend that is only taken to be up until its first checks counts once it was up that long."""


_DOWN = Sight(False, False, 0, 0)


def sights(settings: GatewaySettings, fleet: Fleet) -> dict[str, Sight]:
    """Of the backends with `gpus`."""
    return {
        name: _sight(backend, fleet.engine(name), fleet.ready(name))
        for name, backend in settings.backends.items()
        if backend.gpus is not None
    }


class UpWatch:
    """Turns sights into up-times. Times are UTC microseconds of this process's clock."""

    def __init__(self, process: str) -> None:
        self._process = process
        self._open: dict[str, tuple[UpTime, Sight]] = {}
        self._ended: list[UpTime] = []

    def see(self, seen: dict[str, Sight], now_us: int) -> bool:
        """Whether anything changed."""
        changed = False
        for backend in sorted({*seen, *self._open}):
            changed |= self._see(backend, seen.get(backend, _DOWN), now_us)
        return changed

    def end(self, now_us: int) -> None:
        """This process sees no more. What it was not sure of yet counts: nobody saw it down."""
        for backend in sorted(self._open):
            row, sight = self._open.pop(backend)
            self._end(row, sight._replace(sure_after_us=0), now_us)

    def take(self) -> list[UpTime]:
        """What the ledger should hold: what ended since this was last called, and all that goes on."""
        ended, self._ended = self._ended, []
        return [*ended, *self._sure()]

    def _sure(self) -> Iterator[UpTime]:
        for row, sight in self._open.values():
            if row.seen_us - row.up_us >= sight.sure_after_us:
                yield row

    def _see(self, backend: str, sight: Sight, now_us: int) -> bool:
        known = self._open.get(backend)
        if known is not None and _goes_on(known[1], sight):
            row = known[0]
            became_ready = sight.ready and row.ready_us is None
            row = replace(row, seen_us=now_us, ready_us=now_us if became_ready else row.ready_us)
            self._open[backend] = (row, sight)
            return became_ready
        if known is not None:
            del self._open[backend]
            self._end(*known, now_us)
        if sight.up:
            ready_us = now_us if sight.ready else None
            self._open[backend] = UpTime(backend, self._process, now_us, ready_us, now_us, None), sight
        return known is not None or sight.up

    def _end(self, row: UpTime, sight: Sight, now_us: int) -> None:
        if now_us - row.up_us >= sight.sure_after_us:
            self._ended.append(replace(row, seen_us=now_us, down_us=now_us))


def _goes_on(before: Sight, now: Sight) -> bool:
    """The same stretch: still up, and not an engine that began anew."""
    stopped_serving = before.ready and not now.ready
    return now.up and not stopped_serving and not (before.ready and now.life != before.life)


def _sight(backend: BackendSettings, engine: EngineStatus | None, ready: bool) -> Sight:
    if engine is not None:
        is_ready = engine.state is EngineState.READY
        return Sight(engine.state in _ENGINE_UP, is_ready, engine.restarts, 0)
    health = backend.health
    sure_after_s = 0.0 if health.every == 0 else health.failures * (health.every + health.timeout)
    return Sight(ready, ready, 0, round(sure_after_s * 1e6))


def latest(rows: Iterable[UpTime]) -> list[UpTime]:
    """The last word on each stretch."""
    return list({(row.backend, row.process, row.up_us): row for row in rows}.values())
