"""The audit state under every order of merging, and the simulated tenants in small."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.cache_bound.__main__ import PROMISE, mixed
from benchmarks.cache_bound.simulate import (
    DISARM_WITHIN,
    Tenant,
    audits_until_disarmed,
    clopper_pearson_within,
    ever_within,
    live,
    tenants,
)
from cache.bound.audit import Audit, Kind, Outcome
from cache.bound.state import NOTHING_KNOWN, PartitionState, Tally, fold, holds, merge, observe

audits = st.lists(
    st.tuples(st.sampled_from("abc"), st.builds(Audit, st.sampled_from(Kind), st.sampled_from(Outcome))),
    max_size=40,
)
tallies = st.builds(
    Tally,
    epoch=st.integers(1, 3),
    audited=st.integers(0, 9),
    different=st.integers(0, 3),
    unknown=st.integers(0, 3),
    low=st.integers(-9, 0),
    armed=st.integers(0, 1),
)
states = st.dictionaries(st.sampled_from("abcd"), tallies).map(
    lambda found: PartitionState(tuple(sorted(found.items())))
)


@given(states, states, states)
def test_merging_needs_no_order_and_no_care(a: PartitionState, b: PartitionState, c: PartitionState) -> None:
    assert merge(a, b) == merge(b, a)
    assert merge(a, merge(b, c)) == merge(merge(a, b), c)
    assert merge(a, a) == a
    assert merge(a, NOTHING_KNOWN) == a
    assert merge(merge(a, b), b) == merge(a, b)


@given(audits)
def test_a_later_state_swallows_an_earlier_one(drawn: list[tuple[str, Audit]]) -> None:
    state = NOTHING_KNOWN
    for process, audit in drawn:
        before, state = state, observe(state, process, audit, PROMISE)
        assert merge(before, state) == merge(state, before) == state


@given(audits)
def test_processes_apart_and_merged_count_what_one_counts(drawn: list[tuple[str, Audit]]) -> None:
    together, apart = NOTHING_KNOWN, dict.fromkeys("abc", NOTHING_KNOWN)
    for process, audit in drawn:
        together = observe(together, "a", audit, PROMISE)
        apart[process] = observe(apart[process], process, audit, PROMISE)
    merged = merge(apart["a"], merge(apart["b"], apart["c"])).total()
    total = together.total()
    assert merged[:6] == total[:6]
    assert fold(merge(apart["a"], apart["b"]), {"a", "b"}).total() == merge(apart["a"], apart["b"]).total()


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.sampled_from(Outcome), st.sampled_from((1, 5, 90))), max_size=15
    )
)
def test_processes_that_hear_of_each_other_at_once_are_as_one(runs: list[tuple[str, Outcome, int]]) -> None:
    """Arming, drift and all: whoever does the audits, in whichever order."""
    one, many = NOTHING_KNOWN, NOTHING_KNOWN
    for process, outcome, times in [("a", Outcome.SAME, 300), *runs]:
        for _ in range(times):
            one = observe(one, "a", Audit(Kind.SERVED, outcome), PROMISE)
            many = merge(many, observe(many, process, Audit(Kind.SERVED, outcome), PROMISE))
    assert many.total() == one.total()


@given(st.integers(0, 400), st.integers(1, 3_000))
def test_unknown_never_helps(same: int, unknown: int) -> None:
    without = Tally(audited=same)
    with_unknown = Tally(audited=same + unknown, unknown=unknown)
    assert holds(without, PROMISE) or not holds(with_unknown, PROMISE)
    assert not holds(Tally(audited=unknown, unknown=unknown), PROMISE)


def test_of_tenants_just_above_the_promise_few_are_ever_armed() -> None:
    rng = np.random.default_rng(11)
    ours = sum(ever_within(0.0101, PROMISE, 2_000, rng) for _ in range(200))
    peeking = sum(ever_within(0.0101, PROMISE, 2_000, rng, clopper_pearson_within) for _ in range(200))
    assert ours <= 0.05 * 200 < peeking


def test_tenants_of_all_kinds_with_drift_keep_the_promise() -> None:
    rng = np.random.default_rng(12)
    lives = [live(each, PROMISE, 900, rng) for each in tenants(rng, 48, 900, PROMISE)]
    armed = [each for each in lives if each.was_armed]
    broke = [each for each in armed if each.broke_promise]
    assert len(armed) > 15
    assert len(broke) <= 0.05 * len(armed)
    assert sum(each.served for each in lives) > 10_000
    assert any("| partitions ever armed | " in line for line in mixed(lives))


def test_a_shift_to_five_times_the_promise_is_noticed_in_time() -> None:
    rng = np.random.default_rng(13)
    delays = [audits_until_disarmed(600, 0.001, 0.05, PROMISE, DISARM_WITHIN, rng) for _ in range(40)]
    assert sum(delay is None for delay in delays) <= 1


@pytest.mark.parametrize("error", [0.0, 1.0])
def test_a_tenant_that_is_always_right_or_always_wrong(error: float) -> None:
    life = live(Tenant(error, 1_000, 0.5), PROMISE, 500, np.random.default_rng(14))
    assert life.was_armed == (error == 0.0)
    assert (life.served > 0) == (error == 0.0)
    assert life.served_wrong == 0
