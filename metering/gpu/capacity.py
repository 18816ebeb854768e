"""What a backend's GPUs amount to while they are up, in time and money: exact, however it is cut."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from metering.money import NANOS_PER_USD, divide_half_even

NS_PER_S = 1_000_000_000
NS_PER_HOUR = 3_600 * NS_PER_S
WINDOW_NS = 60 * NS_PER_S
"""The default window: one minute."""


@dataclass(frozen=True, slots=True)
class GpuPrice:
    """`gpus` of them at `usd_per_hour` each. Raises ValueError for a price or number that makes no sense."""

    usd_per_hour: Decimal
    gpus: int
    version: str = ""

    def __post_init__(self) -> None:
        if not self.usd_per_hour.is_finite() or self.usd_per_hour < 0:
            raise ValueError(f"usd_per_hour must be a finite amount of at least 0, not {self.usd_per_hour}")
        if self.gpus < 1:
            raise ValueError(f"count of GPUs must be at least 1, not {self.gpus}")

    def nanos_for(self, gpu_ns: int) -> int:
        """What this much GPU time costs, in nano-dollars, rounded once, half to even."""
        numerator, denominator = self.usd_per_hour.as_integer_ratio()
        return divide_half_even(numerator * gpu_ns * NANOS_PER_USD, denominator * NS_PER_HOUR)


@dataclass(frozen=True, slots=True)
class UpInterval:
    """A backend observed up (and paid for) over [up, down); ready to serve from `ready_ns` on.

    `ready_ns` None: not ready yet. `down_ns` None: still up. Raises ValueError for times that run backwards.
    """

    up_ns: int
    ready_ns: int | None
    down_ns: int | None

    def __post_init__(self) -> None:
        if self.down_ns is not None and self.down_ns < self.up_ns:
            raise ValueError(f"a backend went down at {self.down_ns}, before it came up at {self.up_ns}")
        if self.ready_ns is not None and self.ready_ns < self.up_ns:
            raise ValueError(f"a backend was ready at {self.ready_ns}, before it came up at {self.up_ns}")

    def clip(self, start_ns: int, end_ns: int) -> tuple[int, int]:
        """Its part of [start, end); empty if the second is not above the first."""
        down_ns = end_ns if self.down_ns is None else min(end_ns, self.down_ns)
        return max(start_ns, self.up_ns), down_ns


def merge_intervals(intervals: Iterable[UpInterval]) -> list[UpInterval]:
    """What several observers saw, as one: overlaps joined, in order of time, ready when the first saw it so.

    Intervals that only touch stay apart: the second is a restart with a warm-up of its own.
    """
    merged: list[UpInterval] = []
    for interval in sorted(intervals, key=lambda i: i.up_ns):
        last = merged[-1] if merged else None
        if last is not None and (last.down_ns is None or interval.up_ns < last.down_ns):
            merged[-1] = _join(last, interval)
        else:
            merged.append(interval)
    return merged


def capacity_ns(intervals: Sequence[UpInterval], start_ns: int, end_ns: int, gpus: int) -> int:
    """GPU nanoseconds available in [start, end). The intervals must be merged."""
    clipped = (interval.clip(start_ns, end_ns) for interval in intervals)
    return gpus * sum(max(0, until_ns - from_ns) for from_ns, until_ns in clipped)


def capacity_nanos(intervals: Sequence[UpInterval], start_ns: int, end_ns: int, price: GpuPrice) -> int:
    """What [start, end) costs, in nano-dollars. The intervals must be merged, and not cut to it.

    The rounded cost since the interval began, at the end less at the start: over consecutive windows it adds
    up to the rounded cost of the interval, to the nano-dollar.
    """
    total = 0
    for interval in intervals:
        from_ns, until_ns = interval.clip(start_ns, end_ns)
        if until_ns > from_ns:
            so_far = price.nanos_for(price.gpus * (from_ns - interval.up_ns))
            total += price.nanos_for(price.gpus * (until_ns - interval.up_ns)) - so_far
    return total


def window_start(at_ns: int, window_ns: int = WINDOW_NS) -> int:
    """The start of the window that holds this instant; windows are aligned to the UTC epoch."""
    return at_ns - at_ns % window_ns


def windows(start_ns: int, end_ns: int, window_ns: int = WINDOW_NS) -> Iterator[tuple[int, int]]:
    """The aligned windows that [start, end) touches, whole; none if it is empty."""
    if start_ns >= end_ns:
        return
    for at_ns in range(window_start(start_ns, window_ns), end_ns, window_ns):
        yield at_ns, at_ns + window_ns


def _join(one: UpInterval, other: UpInterval) -> UpInterval:
    ready = [i.ready_ns for i in (one, other) if i.ready_ns is not None]
    down = None if one.down_ns is None or other.down_ns is None else max(one.down_ns, other.down_ns)
    return UpInterval(min(one.up_ns, other.up_ns), min(ready, default=None), down)
