"""Whatever traffic is replayed under whatever policy: sums are the ledger's, the same policy repeats it."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from metering.replay_read import Recorded
from metering.usage import TokenUsage
from tests.fakes.replays import cost_of, decider, replay, routed

SHARES = (0.0, 0.1, 0.3, 0.6, 1.0)
DECIDERS = {share: decider(share) for share in SHARES}
tokens = st.integers(0, 50_000)


@st.composite
def rows(draw: st.DrawFn, share: float | None = None) -> list[Recorded]:
    """As a policy of that share routed them; None: as anything did, with unknown costs and unrouted rows."""
    found = []
    for number in range(draw(st.integers(0, 25))):
        gain = draw(st.integers(0, 999_999)) / 1e6
        large = gain >= 1 - share if share is not None else draw(st.booleans())
        changes = {
            "usage": TokenUsage(draw(tokens), draw(tokens), 0, draw(tokens)),
            "tenant": draw(st.sampled_from(["a", "b", "c"])),
            "started_us": number,
        }
        if share is None:
            changes["route"] = draw(st.sampled_from(["auto", "", "gone"]))
        row = routed(number, gain, "large" if large else "small", **changes)
        if share is None and draw(st.booleans()):
            row = Recorded(row.event, draw(st.none() | st.integers(0, 10**9)))
        found.append(row)
    return found


@settings(max_examples=40, deadline=None)
@given(rows(), st.sampled_from(SHARES))
def test_what_was_charged_is_what_the_rows_say_per_tenant_and_in_all(
    traffic: list[Recorded], share: float
) -> None:
    found = replay(DECIDERS[0.3], DECIDERS[share])
    found.take(traffic)
    total = found.tally.total()
    assert total.rows == len(traffic) == total.decided + sum(found.tally.kept.values())
    assert total.before_nanos == sum(row.cost_nanos or 0 for row in traffic)
    for tenant, sums in found.tally.by_tenant().items():
        assert sums.before_nanos == sum(row.cost_nanos or 0 for row in traffic if row.event.tenant == tenant)
    assert total.unknown_before == sum(row.cost_nanos is None for row in traffic)


@settings(max_examples=40, deadline=None)
@given(st.data(), st.sampled_from(SHARES))
def test_the_same_policy_repeats_what_was_chosen(data: st.DataObject, share: float) -> None:
    traffic = data.draw(rows(share))
    found = replay(DECIDERS[share], DECIDERS[share])
    found.take(traffic)
    total = found.tally.total()
    assert found.tally.repeated == found.tally.comparable == total.decided == len(traffic)
    assert (total.moved, total.change_nanos, found.tally.quality.change) == (0, 0, 0.0)


@settings(max_examples=40, deadline=None)
@given(st.data(), st.sampled_from(SHARES), st.sampled_from(SHARES))
def test_what_a_policy_costs_does_not_depend_on_the_one_before(
    data: st.DataObject, one: float, other: float
) -> None:
    """Replayed under `other`, traffic costs what `other` would have charged, to the nano-dollar."""
    traffic = data.draw(rows(one))
    found = replay(DECIDERS[one], DECIDERS[other])
    found.take(traffic)
    gains = [(row.event, row.event.routing.gain / 1e6) for row in traffic if row.event.routing is not None]
    expected = sum(cost_of(event, "large" if gain >= 1 - other else "small") for event, gain in gains)
    assert found.tally.total().after_nanos == expected
