"""A first figure at once, for budgets and headers; the closed window brings the final one.

Each gateway process keeps one `Presence` per backend. It sees its own attempts only: what other processes run
there makes the final figure lower.
"""

from __future__ import annotations

from typing import NamedTuple

from metering.gpu.capacity import GpuPrice
from metering.gpu.work import Attempt, Weights, decode_work_ns, prefill_work_ns

_SHARE_BITS = 20
_MEMORY_NS = 600 * 1_000_000_000
"""How much of the attempts' past time the usual pace remembers before it fades by half."""


class Provisional(NamedTuple):
    gpu_ns: int
    gpu_nanos: int
    """Nano-dollars."""


class Presence:
    """How crowded a backend is: what an even split gives each attempt, and how hard attempts usually work.

    Times are of one clock that does not run backwards; one that does counts as standing still.
    """

    __slots__ = ("_active", "_at_ns", "_elapsed", "_usual_wall_ns", "_usual_work_ns")

    def __init__(self, now_ns: int) -> None:
        self._at_ns = now_ns
        self._active = 0
        self._elapsed = 0
        """Time divided by the number present, in units of 2**-20 ns."""
        self._usual_work_ns = 0
        self._usual_wall_ns = 0

    @property
    def active(self) -> int:
        return self._active

    def begin(self, now_ns: int) -> int:
        """An attempt is dispatched; what this returns is handed to `end`."""
        self._advance(now_ns)
        self._active += 1
        return self._elapsed

    def end(self, begun: int, now_ns: int) -> int:
        """The attempt is over: its even share of one GPU's time, in nanoseconds."""
        self._advance(now_ns)
        self._active -= 1
        return (self._elapsed - begun) >> _SHARE_BITS

    def note(self, work_ns: int, wall_ns: int) -> None:
        """A settled attempt did this much work in this much time."""
        self._usual_work_ns += work_ns
        self._usual_wall_ns += wall_ns
        if self._usual_wall_ns > _MEMORY_NS:
            self._usual_work_ns >>= 1
            self._usual_wall_ns >>= 1

    @property
    def usual(self) -> tuple[int, int]:
        """(work, wall) nanoseconds of recent attempts; (0, 0) before the first."""
        return self._usual_work_ns, self._usual_wall_ns

    def _advance(self, now_ns: int) -> None:
        passed_ns = now_ns - self._at_ns
        if passed_ns <= 0:
            return
        self._at_ns = now_ns
        if self._active:
            self._elapsed += (passed_ns << _SHARE_BITS) // self._active


def provisional(
    attempt: Attempt, weights: Weights, price: GpuPrice, even_ns: int, usual: tuple[int, int] = (0, 0)
) -> Provisional:
    """GPU time and money of a settled attempt, never above its wall time on all GPUs.

    `even_ns` (from `Presence.end`) says that wall / even_ns attempts were there, on average. They are taken
    to have worked at the usual rate u, this one at its own rate r, so that its share of the wall time is
    r / (r + (wall / even_ns - 1) * u). Where its tokens are unknown, or nothing is usual yet, it is even.
    """
    wall_ns = max(0, attempt.last_token_ns - attempt.dispatch_ns)
    even_ns = max(0, min(even_ns, wall_ns))
    gpu_ns = price.gpus * _share_ns(work_ns(attempt, weights), wall_ns, even_ns, usual)
    return Provisional(gpu_ns, price.nanos_for(gpu_ns))


def work_ns(attempt: Attempt, weights: Weights) -> int | None:
    """Engine time for the whole attempt, run alone; None if any of its tokens are unknown."""
    prefill_ns, decode_ns = prefill_work_ns(attempt, weights), decode_work_ns(attempt, weights)
    return None if prefill_ns is None or decode_ns is None else prefill_ns + decode_ns


def _share_ns(work: int | None, wall_ns: int, even_ns: int, usual: tuple[int, int]) -> int:
    usual_work_ns, usual_wall_ns = usual
    if work == 0:
        return 0
    if work is None or usual_work_ns == 0 or usual_wall_ns == 0:
        return even_ns
    own = work * usual_wall_ns * even_ns
    others = usual_work_ns * wall_ns * (wall_ns - even_ns)
    return wall_ns * own // (own + others) if own + others else 0
