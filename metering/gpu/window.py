"""Closing a window: everything observed of one backend over one stretch of time -> rows that add up to it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from metering.gpu.capacity import GpuPrice, UpInterval, capacity_nanos, capacity_ns, merge_intervals
from metering.gpu.clock import Placed, place_all
from metering.gpu.idle import NOBODY, IdlePolicy, Payer, share_idle
from metering.gpu.phases import phases_of
from metering.gpu.row import GpuRow, Line, digest_of, in_order
from metering.gpu.sweep import Sweep, sweep
from metering.gpu.work import Attempt, Weights
from metering.money import split_by_largest_remainder

OUTSIDE = "outside"
"""The attempt has all its time of the window while the backend was seen down or warming up."""
UNKNOWN = "unknown"
"""Its tokens are not known; it counts as if the engine had worked for it all the time."""


@dataclass(frozen=True, slots=True)
class WindowResult:
    """Rows in order; their nanoseconds and nano-dollars add up to the capacity exactly."""

    backend: str
    start_ns: int
    end_ns: int
    rows: tuple[GpuRow, ...]
    capacity_ns: int
    capacity_nanos: int
    digest: str
    """Equal for equal rows: tells whether closing the window again changed anything."""


def close_window(
    backend: str,
    start_ns: int,
    end_ns: int,
    up_intervals: Iterable[UpInterval],
    attempts: Iterable[Attempt],
    weights: Weights,
    price: GpuPrice,
    idle_policy: IdlePolicy,
    *,
    ahead_ns: Mapping[str, int] | None = None,
    use_ns: Mapping[Payer, int] | None = None,
) -> WindowResult:
    """The rows of [start, end): a function of the set of its inputs, whatever their order or repetition.

    Attempts that do not touch the window change nothing. Intervals are given whole, not cut to the window.
    `ahead_ns` is what to take off the times of each process (`clock.estimate_offset`). `use_ns` is the use by
    which idle time is shared, if not the window's own. Raises ValueError for an empty window and for an
    attempt on another backend.
    """
    if start_ns >= end_ns:
        raise ValueError(f"a window must end after it starts, not [{start_ns}, {end_ns})")
    intervals = merge_intervals(up_intervals)
    placed = _in_window(backend, start_ns, end_ns, place_all(attempts, ahead_ns or {}))
    swept = sweep(start_ns, end_ns, price.gpus, intervals, [phases_of(each, weights) for each in placed])
    blank = _blank_row(backend, start_ns, end_ns, f"sweep:{weights.method}")
    shares = zip(placed, swept.shares_ns, strict=True)
    requests = [_request_row(blank, each, gpu_ns, intervals) for each, gpu_ns in shares]
    use_ns = _use(requests) if use_ns is None else use_ns
    rows = in_order([*requests, *_lines(blank, swept, idle_policy, use_ns)])
    nanos = capacity_nanos(intervals, start_ns, end_ns, price)
    priced = _priced(rows, nanos)
    up_ns = capacity_ns(intervals, start_ns, end_ns, price.gpus)
    return WindowResult(backend, start_ns, end_ns, priced, up_ns, nanos, digest_of(priced))


def _in_window(backend: str, start_ns: int, end_ns: int, placed: Sequence[Placed]) -> list[Placed]:
    for each in placed:
        if each.attempt.backend != backend:
            raise ValueError(f"attempt {each.attempt.event_id} ran on {each.attempt.backend}, not {backend}")
    return [each for each in placed if each.touches(start_ns, end_ns)]


def _blank_row(backend: str, start_ns: int, end_ns: int, method: str) -> GpuRow:
    return GpuRow(backend, start_ns, end_ns, Line.IDLE, "", "", "", "", "", "", 0, 0, method)


def _request_row(blank: GpuRow, placed: Placed, gpu_ns: int, intervals: Sequence[UpInterval]) -> GpuRow:
    attempt = placed.attempt
    return blank._replace(
        line=Line.ABORTED if attempt.aborted else Line.REQUEST,
        event_id=attempt.event_id,
        tenant=attempt.tenant,
        cost_center=attempt.cost_center,
        project=attempt.project,
        key=attempt.key,
        model=attempt.model,
        gpu_ns=gpu_ns,
        mark=",".join(_marks(blank, placed, gpu_ns, intervals)),
    )


def _marks(blank: GpuRow, placed: Placed, gpu_ns: int, intervals: Sequence[UpInterval]) -> Iterator[str]:
    if placed.mark:
        yield placed.mark
    if gpu_ns == 0 and not _while_ready(placed, intervals, blank.start_ns, blank.end_ns):
        yield OUTSIDE
    if placed.attempt.prefill_tokens is None or placed.attempt.decode_tokens is None:
        yield UNKNOWN


def _while_ready(placed: Placed, intervals: Sequence[UpInterval], start_ns: int, end_ns: int) -> bool:
    """Whether any of the attempt's time in the window fell while the backend was ready."""
    for interval in intervals:
        from_ns, until_ns = interval.clip(start_ns, end_ns)
        ready_ns = until_ns if interval.ready_ns is None else max(from_ns, interval.ready_ns)
        if placed.touches(ready_ns, until_ns):
            return True
    return False


def _lines(blank: GpuRow, swept: Sweep, policy: IdlePolicy, use_ns: Mapping[Payer, int]) -> list[GpuRow]:
    """Rows that belong to no attempt; none for an amount of nothing."""
    idle = share_idle(swept.idle_ns, policy, use_ns)
    lines = [(Line.IDLE, payer, gpu_ns) for payer, gpu_ns in idle.items()]
    lines += [(Line.WARMUP, NOBODY, swept.warmup_ns), (Line.OVERHEAD, NOBODY, swept.overhead_ns)]
    return [
        blank._replace(line=line, tenant=payer.tenant, cost_center=payer.cost_center, gpu_ns=gpu_ns)
        for line, payer, gpu_ns in lines
        if gpu_ns
    ]


def _use(requests: Iterable[GpuRow]) -> dict[Payer, int]:
    use: dict[Payer, int] = {}
    for row in requests:
        payer = Payer(row.tenant, row.cost_center)
        use[payer] = use.get(payer, 0) + row.gpu_ns
    return use


def _priced(rows: Sequence[GpuRow], nanos: int) -> tuple[GpuRow, ...]:
    """The window's money over its rows by their time."""
    shares = split_by_largest_remainder(nanos, [row.gpu_ns for row in rows])
    return tuple(row._replace(gpu_nanos=share) for row, share in zip(rows, shares, strict=True))
