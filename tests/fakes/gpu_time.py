"""Attempts, intervals and policies for tests of GPU time, in seconds as a reader counts."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from metering.gpu.capacity import NS_PER_S, GpuPrice, UpInterval
from metering.gpu.idle import IdlePolicy
from metering.gpu.window import WindowResult, close_window
from metering.gpu.work import Attempt, Weights

EVEN = Weights(1_000, 1_000, 0, 0, "even")
"""Every token is one microsecond of work."""
ONE_GPU = GpuPrice(Decimal("3.6"), 1)
"""A tenth of a cent a second: 1,000,000 nano-dollars."""

BLANK = Attempt(
    event_id="",
    backend="gpu1",
    tenant="acme",
    cost_center="cc1",
    project="p",
    key="k",
    model="m",
    process="w1",
    dispatch_ns=0,
    first_token_ns=None,
    last_token_ns=0,
    prefill_tokens=0,
    decode_tokens=0,
)


def seconds(count: float) -> int:
    return round(count * NS_PER_S)


def held(
    event_id: str, start_s: float, end_s: float, *, tokens: int | None = None, **more: object
) -> Attempt:
    """An attempt over [start, end), ten tokens a second unless told otherwise."""
    tokens = round(10 * (end_s - start_s)) if tokens is None else tokens
    values: dict[str, object] = {
        "event_id": event_id,
        "tenant": event_id,
        "dispatch_ns": seconds(start_s),
        "last_token_ns": seconds(end_s),
        "decode_tokens": tokens,
        **more,
    }
    return replace(BLANK, **values)  # type: ignore[arg-type]


def up(start_s: float = 0, ready_s: float | None = None, down_s: float | None = None) -> UpInterval:
    """Up from `start_s`, ready at once unless told when."""
    ready_ns = seconds(start_s if ready_s is None else ready_s)
    return UpInterval(seconds(start_s), ready_ns, None if down_s is None else seconds(down_s))


def close(
    attempts: list[Attempt],
    intervals: list[UpInterval] | None = None,
    *,
    start_s: float = 0,
    end_s: float = 10,
    weights: Weights = EVEN,
    price: GpuPrice = ONE_GPU,
    policy: IdlePolicy | None = None,
    **more: object,
) -> WindowResult:
    """A window of ten seconds on one GPU that is up all the time, unless told otherwise."""
    intervals = [up()] if intervals is None else intervals
    window = "gpu1", seconds(start_s), seconds(end_s), intervals, attempts, weights, price
    return close_window(*window, policy or IdlePolicy(), **more)  # type: ignore[arg-type]


def of(result: WindowResult, name: str) -> int:
    """GPU nanoseconds of an event, or else of a line."""
    return sum(row.gpu_ns for row in result.rows if name in (row.event_id or row.line.value,))


def assert_conserved(result: WindowResult) -> None:
    assert sum(row.gpu_ns for row in result.rows) == result.capacity_ns
    assert sum(row.gpu_nanos for row in result.rows) == result.capacity_nanos
    assert all(row.gpu_ns >= 0 and row.gpu_nanos >= 0 for row in result.rows)
