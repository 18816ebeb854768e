"""Which windows are to be closed, and which of the closed ones are to be looked at again. Values only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from metering.gpu.capacity import UpInterval, merge_intervals
from metering.gpu.clock import place
from metering.gpu.work import Attempt
from metering.store.up_times import ClockSetting, UpTime

NS_PER_US = 1_000
Stretch = tuple[int, int]
"""[start, end)"""


class Clocks:
    """How far each process's clock was ahead of the ledger server's, at any time."""

    def __init__(self, settings: Iterable[ClockSetting]) -> None:
        self._of: dict[str, list[ClockSetting]] = {}
        for setting in sorted(settings, key=lambda s: s.from_us):
            self._of.setdefault(setting.process, []).append(setting)

    def ahead_us(self, process: str, at_us: int) -> int:
        """By the last setting until then, else the first one there is; 0 without any."""
        settings = self._of.get(process)
        if not settings:
            return 0
        return next((s for s in reversed(settings) if s.from_us <= at_us), settings[0]).ahead_us

    def ahead_ns(self, at_us: int) -> dict[str, int]:
        """By process, as `close_window` takes it."""
        return {process: NS_PER_US * self.ahead_us(process, at_us) for process in self._of}

    @property
    def largest_us(self) -> int:
        """How wrong any of them is, at most."""
        return max((abs(s.ahead_us) for settings in self._of.values() for s in settings), default=0)


def intervals_of(up_times: Iterable[UpTime], clocks: Clocks) -> list[UpInterval]:
    """One backend's, by all who saw it, merged, on the server's clock."""
    found = []
    for row in up_times:
        ahead_us = clocks.ahead_us(row.process, row.up_us)
        ready_ns = None if row.ready_us is None else NS_PER_US * (max(row.ready_us, row.up_us) - ahead_us)
        end_us = max(row.end_us, row.up_us)
        found.append(
            UpInterval(NS_PER_US * (row.up_us - ahead_us), ready_ns, NS_PER_US * (end_us - ahead_us))
        )
    return merge_intervals(found)


def differing(before: Sequence[UpInterval], after: Sequence[UpInterval]) -> Iterator[Stretch]:
    """Where the second list says something else than the first; both merged, all with an end."""
    was = {interval.up_ns: interval for interval in before}
    now = {interval.up_ns: interval for interval in after}
    for up_ns in sorted({*was, *now}):
        old, new = was.get(up_ns), now.get(up_ns)
        if old is None or new is None:
            only = old or new
            assert only is not None
            yield up_ns, _end_ns(only)
        else:
            yield from _stretch(_ready_ns(old), _ready_ns(new))
            yield from _stretch(_end_ns(old), _end_ns(new))


def touched(stretches: Iterable[Stretch], until_us: int, window_us: int) -> set[int]:
    """The starts of the windows before `until_us` that these stretches (nanoseconds) lie in, an empty one in
    the window of its instant."""
    window_ns, found = NS_PER_US * window_us, set[int]()
    for start_ns, end_ns in stretches:
        first_ns = start_ns - start_ns % window_ns
        last_ns = min(max(end_ns, start_ns + 1), NS_PER_US * until_us)
        found.update(at_ns // NS_PER_US for at_ns in range(first_ns, last_ns, window_ns))
    return found


def stretch_of(attempt: Attempt, ahead_ns: Mapping[str, int]) -> Stretch:
    """Its time on the server's clock."""
    placed = place(attempt, ahead_ns.get(attempt.process, 0))
    return placed.dispatch_ns, placed.last_token_ns


def runs(starts: Iterable[int], window_us: int, longest: int) -> Iterator[list[int]]:
    """The windows in order, in runs of at most `longest` that follow each other."""
    run: list[int] = []
    for start in sorted(starts):
        if run and (start != run[-1] + window_us or len(run) == longest):
            yield run
            run = []
        run.append(start)
    if run:
        yield run


def _stretch(one_ns: int, other_ns: int) -> Iterator[Stretch]:
    if one_ns != other_ns:
        yield min(one_ns, other_ns), max(one_ns, other_ns)


def _end_ns(interval: UpInterval) -> int:
    assert interval.down_ns is not None
    return interval.down_ns


def _ready_ns(interval: UpInterval) -> int:
    """Not ready is ready when it is over."""
    return _end_ns(interval) if interval.ready_ns is None else min(interval.ready_ns, _end_ns(interval))
