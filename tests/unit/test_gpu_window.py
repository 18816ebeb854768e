"""Closed windows that a reader can check by hand."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from metering.gpu.capacity import GpuPrice, UpInterval
from metering.gpu.idle import IdleKind, IdlePolicy, Payer
from metering.gpu.row import GpuRow, Line, difference
from metering.gpu.work import Weights
from tests.fakes.gpu_time import assert_conserved, close, held, of, seconds, up


def test_the_check_vector_of_three_overlapping_requests() -> None:
    """A [0, 4), B [2, 6), C [5, 5.5) at equal rates over ten seconds: 3, 2.75, 0.25 and 4 idle."""
    result = close([held("a", 0, 4), held("b", 2, 6), held("c", 5, 5.5)])
    assert of(result, "a") == 3_000_000_000
    assert of(result, "b") == 2_750_000_000
    assert of(result, "c") == 250_000_000
    assert of(result, "idle") == 4_000_000_000
    assert_conserved(result)
    assert [row.gpu_nanos for row in result.rows] == [4_000_000, 3_000_000, 2_750_000, 250_000]
    assert {row.method for row in result.rows} == {"sweep:even"}


def test_the_check_vector_on_eight_gpus_is_eight_times_as_much() -> None:
    attempts = [held("a", 0, 4), held("b", 2, 6), held("c", 5, 5.5)]
    result = close(attempts, price=GpuPrice(Decimal("3.6"), 8))
    assert [of(result, name) for name in ("a", "b", "c", "idle")] == [
        24_000_000_000,
        22_000_000_000,
        2_000_000_000,
        32_000_000_000,
    ]


def test_two_requests_side_by_side_pay_by_their_work() -> None:
    result = close([held("a", 0, 4, tokens=30), held("b", 0, 4, tokens=10)])
    assert (of(result, "a"), of(result, "b")) == (3_000_000_000, 1_000_000_000)


def test_phases_weigh_by_what_they_do() -> None:
    """A prefills 30 tokens in [0, 1), decodes 10 in [1, 2); B decodes 20 over [0, 2): 3:1, then 1:1."""
    a = held("a", 0, 2, tokens=10, prefill_tokens=30, context_tokens=30, first_token_ns=seconds(1))
    result = close([a, held("b", 0, 2, tokens=20)])
    assert of(result, "a") == 750_000_000 + 500_000_000
    assert of(result, "b") == 250_000_000 + 500_000_000


def test_a_long_context_weighs_more() -> None:
    """A token weighs as much again per thousand tokens of context: 995 of input double a short answer."""
    weights = Weights(1_000, 1_000, 0, 1_000, "context")
    a = held("a", 0, 2, tokens=10, context_tokens=995)
    b = held("b", 0, 2, tokens=10, context_tokens=0)
    result = close([a, b], weights=weights)
    assert of(result, "a") == round(2_000_000_000 * 20_000 / (20_000 + 10_050))


def test_a_solitary_request_has_the_whole_slice_however_little_it_does() -> None:
    result = close([held("a", 0, 4, tokens=1)])
    assert of(result, "a") == seconds(4)


def test_what_is_aborted_is_its_tenants_and_named() -> None:
    result = close([held("a", 0, 4, aborted=True), held("b", 0, 4)])
    (row,) = [row for row in result.rows if row.event_id == "a"]
    assert (row.line, row.tenant, row.gpu_ns) == (Line.ABORTED, "a", seconds(2))


def test_warm_up_is_nobodys_even_if_somebody_waits() -> None:
    """Up at 1 and ready at 4; the request that waits from 2 on pays from 4."""
    result = close([held("a", 2, 6)], [up(1, 4)])
    assert of(result, "warmup") == seconds(3)
    assert of(result, "a") == seconds(2)
    assert of(result, "idle") == seconds(4)
    assert result.capacity_ns == seconds(9)
    assert_conserved(result)


def test_a_backend_that_never_got_ready_is_all_warm_up() -> None:
    result = close([held("a", 2, 6)], [UpInterval(0, None, None)])
    assert of(result, "warmup") == seconds(10)
    assert [row.mark for row in result.rows if row.event_id == "a"] == ["outside"]


def test_a_backend_that_is_down_costs_nothing() -> None:
    result = close([held("a", 1, 3)], [up(5, 5, 8)])
    assert result.capacity_ns == seconds(3)
    assert of(result, "idle") == seconds(3)
    assert [(row.gpu_ns, row.mark) for row in result.rows if row.event_id == "a"] == [(0, "outside")]


def test_attempts_known_to_have_done_no_work_are_overhead() -> None:
    """A refused attempt pays nothing; while it alone holds the backend, the time is named and nobody's."""
    result = close([held("refused", 0, 4, tokens=0), held("b", 2, 6)])
    assert of(result, "refused") == 0
    assert of(result, "overhead") == seconds(2)
    assert of(result, "b") == seconds(4)
    assert of(result, "idle") == seconds(4)


def test_unknown_tokens_are_not_no_tokens() -> None:
    """They count as worked for all the time: here as hard as one known to have been."""
    unknown = replace(held("a", 0, 4), decode_tokens=None, aborted=True)
    result = close([unknown, held("b", 0, 4, tokens=4_000_000)])
    assert (of(result, "a"), of(result, "b")) == (seconds(2), seconds(2))
    assert [row.mark for row in result.rows if row.event_id == "a"] == ["unknown"]


def test_the_engines_own_times_tell_waiting_from_work() -> None:
    """A waits until 3 says the engine, so B has [0, 3) to itself though A was dispatched at 0."""
    a = held("a", 0, 4, tokens=0, prefill_tokens=10, first_token_ns=seconds(4), prefill_us=1_000_000)
    result = close([a, held("b", 0, 4)])
    assert of(result, "b") == seconds(3.5)
    assert of(result, "a") == seconds(0.5)


def test_an_answer_that_came_whole_is_cut_where_the_engine_says() -> None:
    """No first token was seen; the engine decoded for the last second of four."""
    a = held("a", 0, 4, tokens=10, prefill_tokens=90, context_tokens=90, decode_us=1_000_000)
    result = close([a, held("b", 0, 3, tokens=30)])
    assert of(result, "b") == round(seconds(3) * 10 / (30 + 10))


def test_a_request_that_waits_alone_holds_the_backend() -> None:
    a = held("a", 0, 4, tokens=0, prefill_tokens=10, first_token_ns=seconds(4), prefill_us=1_000_000)
    assert of(close([a]), "a") == seconds(4)


def test_times_that_run_backwards_are_clamped_and_marked() -> None:
    backwards = replace(held("a", 5, 5), last_token_ns=seconds(3), decode_us=2_000_000, decode_tokens=20)
    result = close([backwards, held("b", 6, 7)])
    (row,) = [row for row in result.rows if row.event_id == "a"]
    assert (row.gpu_ns, row.mark) == (seconds(1.5), "clamped")
    assert_conserved(result)


def test_a_clock_that_is_ahead_is_set_right() -> None:
    late = held("b", 2 + 30, 6 + 30, process="w2")
    right = close([held("a", 0, 4), held("b", 2, 6, process="w2")])
    assert close([held("a", 0, 4), late], ahead_ns={"w2": seconds(30)}).digest == right.digest


def test_a_later_version_of_an_event_replaces_the_earlier() -> None:
    running = held("a", 0, 10, tokens=100)
    settled = replace(running, last_token_ns=seconds(4), decode_tokens=40, revision=1)
    assert close([running, settled]).digest == close([settled, running]).digest == close([settled]).digest


def test_what_changed_is_a_list_of_rows_that_cancel_out() -> None:
    old = close([held("a", 0, 4), held("c", 5, 5.5)])
    new = close([held("a", 0, 4), held("c", 5, 5.5), held("b", 2, 6)])
    changes = difference(old.rows, new.rows)
    by_name = {row.event_id or row.line.value: row.gpu_ns for row in changes}
    assert by_name == {
        "a": -seconds(1),
        "b": seconds(2.75),
        "c": -seconds(0.25),
        "idle": -seconds(1.5),
    }
    assert sum(row.gpu_nanos for row in changes) == 0
    assert difference(new.rows, new.rows) == []


def test_an_event_that_went_to_another_tenant_is_taken_from_one_and_given_to_the_other() -> None:
    old, new = close([held("a", 0, 4)]), close([replace(held("a", 0, 4), tenant="beta")])
    changes = difference(old.rows, new.rows)
    assert {row.tenant: row.gpu_ns for row in changes} == {"a": -seconds(4), "beta": seconds(4)}


def test_rows_of_different_windows_are_not_compared() -> None:
    with pytest.raises(ValueError, match="different windows"):
        difference(close([]).rows, close([], start_s=10, end_s=20).rows)


def test_an_attempt_of_another_backend_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="attempt a ran on gpu2, not gpu1"):
        close([held("a", 0, 4, backend="gpu2")])


def test_an_empty_window_is_refused() -> None:
    with pytest.raises(ValueError, match="must end after it starts"):
        close([], start_s=4, end_s=4)


def idle_rows(policy: IdlePolicy, use_ns: dict[Payer, int] | None = None) -> dict[tuple[str, str], int]:
    """Idle of 4 s; acme used 4 s in cc1 and 1 s in cc2, beta 1 s."""
    attempts = [
        held("x", 0, 4, tenant="acme", cost_center="cc1"),
        held("y", 4, 5, tenant="acme", cost_center="cc2"),
        held("z", 5, 6, tenant="beta", cost_center="cc3"),
    ]
    result = close(attempts, policy=policy, use_ns=use_ns)
    assert_conserved(result)
    rows: list[GpuRow] = [row for row in result.rows if row.line is Line.IDLE]
    return {(row.tenant, row.cost_center): row.gpu_ns for row in rows}


def test_idle_time_on_its_own_line() -> None:
    assert idle_rows(IdlePolicy()) == {("", ""): seconds(4)}


def test_idle_time_shared_by_use() -> None:
    """4 : 1 : 1 of 4 s; the remainders are equal, so the two nanoseconds left go to the first two."""
    assert idle_rows(IdlePolicy(IdleKind.SHARED_BY_USE)) == {
        ("acme", "cc1"): 2_666_666_667,
        ("acme", "cc2"): 666_666_667,
        ("beta", "cc3"): 666_666_666,
    }


def test_idle_time_shared_evenly_over_tenants_not_over_cost_centres() -> None:
    assert idle_rows(IdlePolicy(IdleKind.SHARED_EVENLY)) == {
        ("acme", "cc1"): seconds(1.6),
        ("acme", "cc2"): seconds(0.4),
        ("beta", "cc3"): seconds(2),
    }


def test_idle_time_that_an_owner_pays() -> None:
    policy = IdlePolicy(IdleKind.OWNER, Payer("gamma", "cc9"))
    assert idle_rows(policy) == {("gamma", "cc9"): seconds(4)}


def test_idle_time_shared_by_the_use_of_a_day() -> None:
    day = {Payer("beta", "cc3"): 3, Payer("gamma", "cc9"): 1}
    assert idle_rows(IdlePolicy(IdleKind.SHARED_BY_USE), day) == {
        ("beta", "cc3"): seconds(3),
        ("gamma", "cc9"): seconds(1),
    }


def test_idle_time_that_nobody_could_share_is_nobodys() -> None:
    result = close([], policy=IdlePolicy(IdleKind.SHARED_EVENLY))
    assert [(row.line, row.tenant, row.gpu_ns) for row in result.rows] == [(Line.IDLE, "", seconds(10))]


def test_a_policy_names_an_owner_exactly_where_one_pays() -> None:
    with pytest.raises(ValueError, match="owner"):
        IdlePolicy(IdleKind.OWNER)
    with pytest.raises(ValueError, match="owner"):
        IdlePolicy(IdleKind.SEPARATE, Payer("a", ""))
