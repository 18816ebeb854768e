"""One pass over a window's boundaries: each slice of GPU time to those who worked in it, by work rate.

Between two boundaries nothing changes: R is the sum of the active rates, and attempt i gets rate_i / R of the
slice. So V(t), the GPU time per unit of rate handed out so far, is all that need be kept (the virtual time of
fair queueing): a phase earns rate * (V(end) - V(start)). The cost is O(n log n) in the number of phases,
however many are active at once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from metering.gpu.capacity import UpInterval
from metering.gpu.phases import RATE_BITS, Phase
from metering.money import split_by_largest_remainder

_VIRTUAL_BITS = 2 * RATE_BITS
"""V is kept to 2**-128, so that a slice costs an attempt less than 2**-60 ns of exactness."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """GPU nanoseconds: shares, in the order of the attempts given, and lines. They add up to the capacity."""

    shares_ns: list[int]
    idle_ns: int
    """Up and ready, and nobody there."""
    warmup_ns: int
    """Up and not yet ready, whoever may be waiting."""
    overhead_ns: int
    """Held only by attempts that are known to have had no work done."""
    slices: int
    """How many stretches between boundaries were looked at."""

    @property
    def capacity_ns(self) -> int:
        return sum(self.shares_ns) + self.idle_ns + self.warmup_ns + self.overhead_ns


@dataclass(slots=True)
class _Change:
    """What changes at a boundary."""

    rate: int = 0
    present: int = 0
    up: int = 0
    warming: int = 0


class _Tally:
    """Walks the slices: what is going on, and whose time it is."""

    def __init__(self) -> None:
        self._rate = self._present = self._up = self._warming = 0
        self.busy_ns = self.idle_ns = self.warmup_ns = self.overhead_ns = 0
        self.virtual = 0

    def change(self, change: _Change) -> None:
        self._rate += change.rate
        self._present += change.present
        self._up += change.up
        self._warming += change.warming

    def pass_by(self, gpu_ns: int) -> None:
        """A slice: all of it is busy if anybody works in it: how much of a GPU a batch fills is not known."""
        if not self._up:
            return
        if self._warming:
            self.warmup_ns += gpu_ns
        elif self._rate:
            self.busy_ns += gpu_ns
            self.virtual += (gpu_ns << _VIRTUAL_BITS) // self._rate
        elif self._present:
            self.overhead_ns += gpu_ns
        else:
            self.idle_ns += gpu_ns


def sweep(
    start_ns: int,
    end_ns: int,
    gpus: int,
    intervals: Sequence[UpInterval],
    attempts: Sequence[Sequence[Phase]],
) -> Sweep:
    """Splits the GPU time of [start, end) over the attempts, each given by its phases. Intervals are merged.

    Whole nanoseconds by largest remainder, equal remainders to the attempt that stands first: each share is
    within 1 ns of its exact value.
    """
    clipped = [list(_clip(phases, start_ns, end_ns)) for phases in attempts]
    changes = _changes(start_ns, end_ns, intervals, clipped)
    tally, virtual_at = _walk(changes, gpus)
    earned = [
        sum(p.rate * (virtual_at[p.end_ns] - virtual_at[p.start_ns]) for p in phases) for phases in clipped
    ]
    shares = split_by_largest_remainder(tally.busy_ns, earned)
    return Sweep(shares, tally.idle_ns, tally.warmup_ns, tally.overhead_ns, max(0, len(changes) - 1))


def _walk(changes: dict[int, _Change], gpus: int) -> tuple[_Tally, dict[int, int]]:
    """The tally of all slices, and V at each boundary."""
    tally = _Tally()
    boundaries = sorted(changes)
    virtual_at = dict.fromkeys(boundaries[:1], 0)
    for at_ns, next_ns in pairwise(boundaries):
        tally.change(changes[at_ns])
        tally.pass_by(gpus * (next_ns - at_ns))
        virtual_at[next_ns] = tally.virtual
    return tally, virtual_at


def _changes(
    start_ns: int, end_ns: int, intervals: Sequence[UpInterval], attempts: Sequence[Sequence[Phase]]
) -> dict[int, _Change]:
    changes: dict[int, _Change] = defaultdict(_Change)
    for interval in intervals:
        _note_interval(changes, interval, start_ns, end_ns)
    for phases in attempts:
        for phase in phases:
            begun, ended = changes[phase.start_ns], changes[phase.end_ns]
            begun.rate += phase.rate
            begun.present += 1
            ended.rate -= phase.rate
            ended.present -= 1
    return changes


def _note_interval(changes: dict[int, _Change], interval: UpInterval, start_ns: int, end_ns: int) -> None:
    from_ns, until_ns = interval.clip(start_ns, end_ns)
    if from_ns >= until_ns:
        return
    changes[from_ns].up += 1
    changes[until_ns].up -= 1
    ready_ns = until_ns if interval.ready_ns is None else min(interval.ready_ns, until_ns)
    if ready_ns > from_ns:
        changes[from_ns].warming += 1
        changes[ready_ns].warming -= 1


def _clip(phases: Sequence[Phase], start_ns: int, end_ns: int) -> Iterator[Phase]:
    for phase in phases:
        from_ns, until_ns = max(phase.start_ns, start_ns), min(phase.end_ns, end_ns)
        if from_ns < until_ns:
            yield Phase(from_ns, until_ns, phase.rate)
