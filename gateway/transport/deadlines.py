"""The timeouts of one connection over one timer.

Setting a deadline is an assignment; a timer is started only when none runs or the running one would fire too
late. A timer that fires too early looks again and goes back to sleep, so that a busy connection touches the
loop's timers about once per timeout instead of twice per await.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from math import inf
from time import monotonic

_NEAR_ENOUGH_S = 0.0005
"""Loops with a millisecond clock fire up to half a millisecond early."""


class Deadlines:
    """`phase_at` is when the present wait must end, `total_at` when everything must; both are readings of
    time.monotonic(), infinity when nothing runs. `expired(total)` is called once when the earlier one has
    passed; `total` says whether that was `total_at`."""

    __slots__ = ("_armed_at", "_expired", "_handle", "_loop", "phase_at", "total_at")

    def __init__(self, loop: asyncio.AbstractEventLoop, expired: Callable[[bool], None]) -> None:
        self.phase_at = inf
        self.total_at = inf
        self._loop = loop
        self._expired = expired
        self._handle: asyncio.TimerHandle | None = None
        self._armed_at = inf

    def begin(self, total_at: float, phase_at: float) -> None:
        self.total_at = total_at
        self.wait_until(phase_at)

    def wait_until(self, phase_at: float) -> None:
        self.phase_at = phase_at
        due = phase_at if phase_at < self.total_at else self.total_at
        if due < self._armed_at:
            self._arm(due)

    def rest(self) -> None:
        """Nobody waits: only the total counts."""
        self.phase_at = inf

    def clear(self) -> None:
        self.phase_at = self.total_at = inf

    def close(self) -> None:
        self.clear()
        self._armed_at = inf
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _arm(self, due: float) -> None:
        if self._handle is not None:
            self._handle.cancel()
        self._armed_at = due
        self._handle = self._loop.call_later(max(0.0, due - monotonic()), self._look)

    def _look(self) -> None:
        self._handle = None
        self._armed_at = inf
        due = min(self.phase_at, self.total_at)
        if due == inf:
            return
        if due - monotonic() > _NEAR_ENOUGH_S:
            self._arm(due)
        else:
            total = due == self.total_at
            self.clear()
            self._expired(total)
