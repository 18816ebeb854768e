from __future__ import annotations

import pytest

from cache.base import PartitionKey
from cache.bound.audit import Audit, Kind, Level, Outcome, Promise, bound_key, promise_of
from cache.bound.sampling import SERVED_PPM, drawn, is_grey, served_share_ppm
from cache.bound.state import (
    DRIFTED,
    GONE,
    NOTHING_KNOWN,
    PartitionState,
    Tally,
    fold,
    from_fields,
    holds,
    merge,
    new_epoch,
    observe,
    to_fields,
)
from cache.bound.status import Phase, status

PROMISE = promise_of(0.01)
SAME, DIFFERENT, UNKNOWN = (Audit(Kind.SHADOW, outcome) for outcome in Outcome)


def audited(*runs: tuple[Audit, int], state: PartitionState = NOTHING_KNOWN, by: str = "a") -> PartitionState:
    for audit, times in runs:
        for _ in range(times):
            state = observe(state, by, audit, PROMISE)
    return state


def test_it_arms_at_332_clean_audits_and_not_before() -> None:
    almost = audited((SAME, 331))
    assert status(almost, PROMISE)[:2] == (Phase.COLLECTING, "too few audits")
    assert status(almost, PROMISE).needed == 1
    found = status(audited((SAME, 1), state=almost), PROMISE)
    assert (found.phase, found.reason, found.needed) == (Phase.ARMED, "", 0)
    assert found.clopper_pearson <= found.bound <= 0.01


@pytest.mark.parametrize("bad", [DIFFERENT, UNKNOWN])
def test_a_wrong_hit_disarms_where_the_bound_is_no_longer_within(bad: Audit) -> None:
    found = status(audited((SAME, 340), (bad, 1)), PROMISE)
    assert (found.phase, found.reason, found.wrong) == (Phase.DISARMED, "bound", 1)
    assert 0.01 < found.clopper_pearson < found.bound
    assert found.needed == 696 - 341
    again = audited((SAME, 340), (bad, 1), (SAME, found.needed))
    assert status(again, PROMISE).armed


def test_wrong_hits_before_it_was_ever_armed_are_named_as_the_reason() -> None:
    assert status(audited((DIFFERENT, 2), (SAME, 400)), PROMISE)[:2] == (Phase.COLLECTING, "wrong hits")


def test_unknown_alone_never_arms() -> None:
    found = status(audited((UNKNOWN, 2_000)), PROMISE)
    assert not found.armed
    assert (found.unknown, found.wrong, found.bound) == (2_000, 2_000, 1.0)


def test_grey_misses_say_nothing_of_hits() -> None:
    state = audited((Audit(Kind.GREY, Outcome.SAME), 2_000), (Audit(Kind.GREY, Outcome.UNKNOWN), 1))
    found = status(state, PROMISE)
    assert (found.phase, found.audited, found.needed) == (Phase.COLLECTING, 0, 332)
    assert (found.grey_audited, found.grey_same) == (2_001, 2_000)


def test_three_wrong_hits_within_66_audits_are_drift() -> None:
    """With so much behind it, the bound alone would not notice."""
    state = audited((SAME, 3_000), (DIFFERENT, 1), (SAME, 32), (DIFFERENT, 1), (SAME, 31))
    assert status(state, PROMISE).armed
    assert status(audited((SAME, 1), (DIFFERENT, 1), state=state), PROMISE).armed
    found = status(audited((DIFFERENT, 1), state=state), PROMISE)
    assert (found.phase, found.reason, found.audited, found.epoch) == (Phase.DISARMED, "drift", 0, 2)
    assert found.needed == 332


def test_wrong_hits_as_rare_as_promised_are_no_drift() -> None:
    state = audited((SAME, 3_000))
    for _ in range(20):
        state = audited((SAME, 99), (DIFFERENT, 1), state=state)
    assert state.total().epoch == 1


def test_after_drift_it_collects_anew_and_arms_again() -> None:
    state = audited((SAME, 400), (DIFFERENT, 3))
    assert state.total().cause == DRIFTED
    assert status(audited((SAME, 332), state=state), PROMISE).armed


def test_drift_is_only_told_of_what_was_armed() -> None:
    assert audited((DIFFERENT, 50)).total().epoch == 1


def test_a_reset_forgets_and_names_no_drift() -> None:
    state = new_epoch(audited((SAME, 400)), "a")
    assert status(state, PROMISE)[:2] == (Phase.COLLECTING, "too few audits")


def test_processes_count_together() -> None:
    one, other = audited((SAME, 200), by="a"), audited((SAME, 132), by="b")
    assert not holds(one.total(), PROMISE)
    assert holds(merge(one, other).total(), PROMISE)


def test_an_epoch_that_ended_does_not_count_whoever_still_writes_it() -> None:
    late = audited((SAME, 400), by="b")
    state = merge(audited((SAME, 400), (DIFFERENT, 3), by="a"), late)
    assert state.total().audited == 0
    joined = observe(state, "b", SAME, PROMISE)
    assert (joined.total().audited, joined.total().epoch) == (1, 2)


def test_fields_carry_the_whole_state() -> None:
    state = merge(audited((SAME, 3), (DIFFERENT, 1), by="a/1"), audited((UNKNOWN, 2), by="b"))
    assert from_fields(to_fields(state)) == state
    assert all(type(value) is int for value in to_fields(state).values())


@pytest.mark.parametrize("field", ["audited", "a/nonsense", ""])
def test_fields_that_are_none_of_ours_are_refused(field: str) -> None:
    with pytest.raises(ValueError, match="no count of an audit state"):
        from_fields({field: 1})


def test_processes_that_are_gone_become_one() -> None:
    state = merge(
        audited((SAME, 3), by="a"), merge(audited((DIFFERENT, 1), by="b"), audited((SAME, 5), by="c"))
    )
    folded = fold(state, {"a", "b"})
    assert [process for process, _ in folded.tallies] == ["c", GONE]
    assert folded.total() == state.total()
    assert fold(fold(folded, {"a", "b"}), {"c"}).total() == state.total()
    assert fold(state, {"x"}) == state


def test_tallies_of_one_process_grow_as_tuples() -> None:
    older, newer = Tally(audited=5, low=-10), Tally(audited=6, low=-12)
    assert max(older, newer) == newer
    assert max(Tally(epoch=2), newer).epoch == 2


@pytest.mark.parametrize("wrong", [0.0, -0.1, 0.6, 1e-9])
def test_what_cannot_be_promised(wrong: float) -> None:
    with pytest.raises(ValueError, match="wrong_hits_at_most"):
        promise_of(wrong)


@pytest.mark.parametrize("confidence", [0.4, 1.0])
def test_confidences_that_make_no_sense(confidence: float) -> None:
    with pytest.raises(ValueError, match="confidence"):
        Promise(10_000, confidence)


@pytest.mark.parametrize(("asked", "ppm"), [(0.01, 10_000), (0.005, 5_000), (0.001, 1_000), (0.0000019, 1)])
def test_a_promise_is_never_rounded_up(asked: float, ppm: int) -> None:
    assert promise_of(asked).wrong_ppm == ppm


P, Q = PartitionKey(b"p" * 32), PartitionKey(b"q" * 32)


def key(
    level: Level, tenant: str = "t", route: str = "r", partition: PartitionKey = P, policy: str = "1"
) -> str:
    return bound_key(level, tenant, route, partition, policy)


def test_only_the_route_level_mixes_tenants() -> None:
    assert key("route", tenant="t") == key("route", tenant="u")
    assert key("tenant", tenant="t") != key("tenant", tenant="u")
    assert key("tenant", partition=P) == key("tenant", partition=Q)
    assert key("partition", partition=P) != key("partition", partition=Q)
    assert len({key(level) for level in ("partition", "tenant", "route")}) == 3


def test_another_policy_is_another_key() -> None:
    assert all(key(level) != key(level, policy="2") for level in ("partition", "tenant", "route"))


def test_names_cannot_run_into_each_other() -> None:
    assert key("tenant", tenant="a:b", route="c") != key("tenant", tenant="a", route="b:c")
    assert key("tenant", tenant="a%3A", route="c") != key("tenant", tenant="a:", route="c")


SECRET = b"s" * 32


def test_draws_are_repeatable_and_of_the_share_asked_for() -> None:
    ids = [f"request {number}" for number in range(20_000)]
    found = [drawn(SECRET, each, 20_000) for each in ids]
    assert found == [drawn(SECRET, each, 20_000) for each in ids]
    assert 300 < sum(found) < 500
    assert sum(drawn(b"t" * 32, each, 20_000) != was for each, was in zip(ids, found, strict=True)) > 300
    assert all(drawn(SECRET, each, 40_000) for each, was in zip(ids, found, strict=True) if was)


def test_none_and_all_are_drawn() -> None:
    assert not any(drawn(SECRET, str(number), 0) for number in range(1_000))
    assert all(drawn(SECRET, str(number), 1_000_000) for number in range(1_000))


def test_a_recent_wrong_hit_has_more_audited() -> None:
    clean = audited((SAME, 1_000))
    assert served_share_ppm(clean, PROMISE) == SERVED_PPM
    suspect = audited((DIFFERENT, 1), state=clean)
    assert served_share_ppm(suspect, PROMISE) == 10 * SERVED_PPM
    assert served_share_ppm(suspect, PROMISE, 500_000) == 1_000_000
    assert served_share_ppm(audited((SAME, 67), state=suspect), PROMISE) == SERVED_PPM


@pytest.mark.parametrize(("score", "grey"), [(0.9, False), (0.899, True), (0.8, True), (0.799, False)])
def test_the_grey_zone_lies_under_the_threshold(score: float, grey: bool) -> None:
    assert is_grey(score, 0.9, 0.1) is grey
