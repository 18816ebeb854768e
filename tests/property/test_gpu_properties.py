"""What holds of every window: nothing vanishes; order, repetition and where it is cut do not matter."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from metering.gpu.capacity import GpuPrice, UpInterval, capacity_nanos, capacity_ns, merge_intervals
from metering.gpu.clock import place
from metering.gpu.idle import IdleKind, IdlePolicy, Payer
from metering.gpu.phases import phases_of
from metering.gpu.provisional import provisional
from metering.gpu.row import GpuRow, Line, difference
from metering.gpu.sweep import sweep
from metering.gpu.window import WindowResult, close_window
from metering.gpu.work import Attempt, Weights
from tests.fakes.gpu_time import assert_conserved

END_NS = 1_000
"""The window is [0, 1000), so that times collide often."""

times = st.integers(-300, 1_300)
tokens = st.one_of(st.none(), st.integers(0, 5_000))
lengths_us = st.one_of(st.none(), st.integers(0, 2))
names = st.sampled_from(["acme", "beta", "gamma"])


@st.composite
def attempt_lists(draw: st.DrawFn, *, orderly: bool = False) -> list[Attempt]:
    """Up to twelve attempts, each its own event; with times that run backwards unless `orderly`."""
    attempts = []
    for number in range(draw(st.integers(0, 12))):
        first_ns = draw(st.one_of(st.none(), times))
        known = [draw(times), draw(times)] if first_ns is None else [draw(times), first_ns, draw(times)]
        moments = sorted(known) if orderly else known
        attempt = Attempt(
            event_id=f"e{number}",
            backend="gpu1",
            tenant=draw(names),
            cost_center=draw(st.sampled_from(["cc1", "cc2"])),
            project="p",
            key="k",
            model="m",
            process=draw(st.sampled_from(["w1", "w2"])),
            dispatch_ns=moments[0],
            first_token_ns=None if first_ns is None else moments[1],
            last_token_ns=moments[-1],
            prefill_tokens=draw(tokens),
            decode_tokens=draw(tokens),
            context_tokens=draw(st.integers(0, 9_000)),
            prefill_us=draw(lengths_us),
            decode_us=draw(lengths_us),
            aborted=draw(st.booleans()),
            revision=draw(st.integers(0, 1)),
        )
        attempts.append(attempt)
    return attempts


@st.composite
def up_intervals(draw: st.DrawFn) -> list[UpInterval]:
    found = []
    for _ in range(draw(st.integers(0, 4))):
        up_ns = draw(times)
        ready = draw(st.one_of(st.none(), st.integers(up_ns, up_ns + 300)))
        down = draw(st.one_of(st.none(), st.integers(up_ns, up_ns + 700)))
        found.append(UpInterval(up_ns, ready, down))
    return found


weights = st.builds(
    Weights,
    st.integers(1, 1_000_000),
    st.integers(1, 10_000_000),
    st.integers(0, 100_000),
    st.integers(0, 100_000),
    st.just("fitted:n=9"),
)
prices = st.builds(
    GpuPrice,
    st.decimals(0, 10**9, places=4),
    st.integers(1, 16),
)
policies = st.one_of(
    st.builds(IdlePolicy, st.sampled_from([kind for kind in IdleKind if kind is not IdleKind.OWNER])),
    st.just(IdlePolicy(IdleKind.OWNER, Payer("delta", "cc9"))),
)


def close(
    attempts: list[Attempt],
    intervals: list[UpInterval],
    weighing: Weights,
    price: GpuPrice,
    policy: IdlePolicy,
    cut: tuple[int, int] = (0, END_NS),
    ahead_ns: dict[str, int] | None = None,
) -> WindowResult:
    return close_window("gpu1", *cut, intervals, attempts, weighing, price, policy, ahead_ns=ahead_ns or {})


@given(attempt_lists(), up_intervals(), weights, prices, policies)
@settings(max_examples=300)
def test_nanoseconds_and_nano_dollars_add_up_to_the_capacity(
    attempts: list[Attempt],
    intervals: list[UpInterval],
    weighing: Weights,
    price: GpuPrice,
    policy: IdlePolicy,
) -> None:
    result = close(attempts, intervals, weighing, price, policy)
    assert_conserved(result)
    merged = merge_intervals(intervals)
    assert result.capacity_ns == capacity_ns(merged, 0, END_NS, price.gpus)
    assert len({row.identity for row in result.rows}) == len(result.rows)


@given(attempt_lists(), up_intervals(), weights, prices, policies, st.data())
def test_neither_order_nor_repetition_changes_a_row(
    attempts: list[Attempt],
    intervals: list[UpInterval],
    weighing: Weights,
    price: GpuPrice,
    policy: IdlePolicy,
    data: st.DataObject,
) -> None:
    result = close(attempts, intervals, weighing, price, policy)
    again = data.draw(st.permutations([*attempts, *attempts[:3]]))
    seen = data.draw(st.permutations([*intervals, *intervals[:1]]))
    assert close(again, seen, weighing, price, policy) == result


@given(attempt_lists(), up_intervals(), weights, prices)
def test_of_two_versions_of_an_event_the_order_never_decides(
    attempts: list[Attempt], intervals: list[UpInterval], weighing: Weights, price: GpuPrice
) -> None:
    later = [replace(a, revision=a.revision + 1, decode_tokens=7, tenant="gamma") for a in attempts[:4]]
    one = close([*attempts, *later], intervals, weighing, price, IdlePolicy())
    assert one == close([*later, *attempts], intervals, weighing, price, IdlePolicy())
    assert one == close([*later, *attempts[4:]], intervals, weighing, price, IdlePolicy())


@given(attempt_lists(), up_intervals(), weights, prices, st.integers(1, END_NS - 1))
def test_two_halves_add_up_to_the_whole(
    attempts: list[Attempt], intervals: list[UpInterval], weighing: Weights, price: GpuPrice, at: int
) -> None:
    """Lines and capacity exactly; an attempt's share within the rounding of three largest remainders."""
    whole = close(attempts, intervals, weighing, price, IdlePolicy())
    parts = [
        close(attempts, intervals, weighing, price, IdlePolicy(), cut) for cut in ((0, at), (at, END_NS))
    ]
    assert sum(part.capacity_ns for part in parts) == whole.capacity_ns
    assert sum(part.capacity_nanos for part in parts) == whole.capacity_nanos
    rows = [row for part in parts for row in part.rows]
    for line in (Line.IDLE, Line.WARMUP, Line.OVERHEAD):
        assert total(rows, line, "") == total(whole.rows, line, "")
    for attempt in attempts:
        line = Line.ABORTED if attempt.aborted else Line.REQUEST
        assert abs(total(rows, line, attempt.event_id) - total(whole.rows, line, attempt.event_id)) <= 2


@given(attempt_lists(), attempt_lists(), up_intervals(), weights, prices, policies)
def test_old_rows_and_corrections_are_the_new_rows(
    old_attempts: list[Attempt],
    new_attempts: list[Attempt],
    intervals: list[UpInterval],
    weighing: Weights,
    price: GpuPrice,
    policy: IdlePolicy,
) -> None:
    old = close(old_attempts, intervals, weighing, price, policy)
    new = close(new_attempts, intervals, weighing, price, policy)
    changes = difference(old.rows, new.rows)
    assert sum(row.gpu_ns for row in changes) == 0
    assert sum(row.gpu_nanos for row in changes) == 0
    assert amounts([*old.rows, *changes]) == amounts(new.rows)


@given(attempt_lists(), up_intervals(), weights, prices, st.integers(-10_000, 10_000))
def test_a_clock_that_is_off_by_a_known_amount_changes_nothing(
    attempts: list[Attempt], intervals: list[UpInterval], weighing: Weights, price: GpuPrice, off: int
) -> None:
    skewed = [shifted(attempt, off) if attempt.process == "w2" else attempt for attempt in attempts]
    right = close(attempts, intervals, weighing, price, IdlePolicy())
    assert close(skewed, intervals, weighing, price, IdlePolicy(), ahead_ns={"w2": off}) == right


@given(attempt_lists(), weights, st.integers(1, 16))
def test_identical_attempts_get_the_same_to_a_nanosecond(
    attempts: list[Attempt], weighing: Weights, gpus: int
) -> None:
    twins = [replace(attempt, event_id=f"{attempt.event_id}-twin") for attempt in attempts]
    result = close(
        [*attempts, *twins], [UpInterval(0, 0, None)], weighing, GpuPrice(Decimal(1), gpus), IdlePolicy()
    )
    by_id = {row.event_id: row.gpu_ns for row in result.rows if row.event_id}
    for attempt in attempts:
        assert abs(by_id.get(attempt.event_id, 0) - by_id.get(f"{attempt.event_id}-twin", 0)) <= 1


@given(attempt_lists(orderly=True), weights, st.integers(1, 4))
@settings(max_examples=40)
def test_the_sweep_is_what_the_definition_says_slice_by_slice(
    attempts: list[Attempt], weighing: Weights, gpus: int
) -> None:
    """Against the plainest account of it: every nanosecond looked at by itself, in fractions."""
    phases = [phases_of(place(attempt), weighing) for attempt in attempts]
    swept = sweep(0, END_NS, gpus, [UpInterval(0, 0, None)], phases)
    exact = [Fraction(0)] * len(attempts)
    for at in range(END_NS):
        active = [(i, p.rate) for i, each in enumerate(phases) for p in each if p.start_ns <= at < p.end_ns]
        rate = sum(r for _, r in active)
        for i, own in active:
            exact[i] += Fraction(gpus * own, rate) if rate else 0
    assert all(
        abs(got - want) < 1 + Fraction(1, 10**9) for got, want in zip(swept.shares_ns, exact, strict=True)
    )


@given(up_intervals(), prices, st.lists(st.integers(1, 400), min_size=1, max_size=12))
def test_money_of_consecutive_windows_is_the_rounded_whole(
    intervals: list[UpInterval], price: GpuPrice, lengths: list[int]
) -> None:
    merged = merge_intervals(intervals)
    edges = [sum(lengths[:count]) - 500 for count in range(len(lengths) + 1)]
    parts = [capacity_nanos(merged, a, b, price) for a, b in pairwise(edges)]
    assert min(parts) >= 0
    assert sum(parts) == capacity_nanos(merged, edges[0], edges[-1], price)


@given(
    attempt_lists(),
    weights,
    prices,
    st.integers(-5, 5_000),
    st.tuples(st.integers(0, 10**9), st.integers(0, 10**9)),
)
def test_a_provisional_figure_is_never_above_wall_time_on_all_gpus(
    attempts: list[Attempt], weighing: Weights, price: GpuPrice, even_ns: int, usual: tuple[int, int]
) -> None:
    for attempt in attempts:
        wall_ns = max(0, attempt.last_token_ns - attempt.dispatch_ns)
        figure = provisional(attempt, weighing, price, even_ns, usual)
        assert 0 <= figure.gpu_ns <= wall_ns * price.gpus
        assert 0 <= figure.gpu_nanos <= price.nanos_for(wall_ns * price.gpus)


def shifted(attempt: Attempt, by_ns: int) -> Attempt:
    first_ns = None if attempt.first_token_ns is None else attempt.first_token_ns + by_ns
    return replace(
        attempt,
        dispatch_ns=attempt.dispatch_ns + by_ns,
        first_token_ns=first_ns,
        last_token_ns=attempt.last_token_ns + by_ns,
    )


def total(rows: list[GpuRow] | tuple[GpuRow, ...], line: Line, event_id: str) -> int:
    return sum(row.gpu_ns for row in rows if row.line is line and row.event_id == event_id)


def amounts(rows: list[GpuRow] | tuple[GpuRow, ...]) -> dict[tuple[str, ...], tuple[int, int]]:
    """What is left of each row's time and money, where anything is."""
    sums: dict[tuple[str, ...], tuple[int, int]] = {}
    for row in rows:
        gpu_ns, nanos = sums.get(row.identity, (0, 0))
        sums[row.identity] = gpu_ns + row.gpu_ns, nanos + row.gpu_nanos
    return {identity: amount for identity, amount in sums.items() if any(amount)}
