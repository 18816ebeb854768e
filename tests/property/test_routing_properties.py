"""Pacing, policies, load and stickiness, for every number that they may meet."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from metering.budgets.model import BudgetUse
from router.decision import Candidate
from router.load import IDLE_SHARE, Load, marginal_share
from router.pacing import LAST_PART, pressure, pressure_of
from router.policy import NANOS, NEVER, dollar_bounds, share_bounds, tier_at
from router.sticky import priced, saved_nanos, stay
from tests.fakes.plain_gain import PriorGain

shares = st.floats(0, 1)
spent = st.floats(0, 3)
gains = st.floats(-1, 1)
costs = st.lists(st.integers(0, 10**9), min_size=2, max_size=5)
rates = st.floats(1e-6, 1e3)


# ---------------------------------------------------------------------- pacing


@given(spent, shares)
def test_pressure_is_a_share_and_none_where_spending_is_not_ahead(used: float, elapsed: float) -> None:
    assert 0 <= pressure(used, elapsed) <= 1
    if used <= elapsed:
        assert pressure(used, elapsed) == 0
    if used >= 1 > elapsed + LAST_PART:
        assert pressure(used, elapsed) == 1


@given(spent, spent, shares)
def test_pressure_never_falls_as_more_is_spent(one: float, other: float, elapsed: float) -> None:
    less, more = sorted((one, other))
    assert pressure(less, elapsed) <= pressure(more, elapsed)


@given(st.floats(0, 1), shares, shares)
def test_pressure_never_rises_as_time_passes(used: float, one: float, other: float) -> None:
    earlier, later = sorted((one, other))
    assert pressure(used, earlier) >= pressure(used, later) - 1e-12


@given(spent, shares, st.floats(-1e-3, 1e-3), st.floats(-1e-3, 1e-3))
def test_pressure_is_continuous(used: float, elapsed: float, more: float, later: float) -> None:
    """A step of a thousandth moves it by a twentieth at most for each of both."""
    assume(0 <= elapsed + later <= 1 and used + more >= 0)
    moved = abs(pressure(used + more, elapsed + later) - pressure(used, elapsed))
    assert moved <= (abs(more) + abs(later)) / LAST_PART + 1e-9


@given(st.lists(st.tuples(spent, st.none() | shares), max_size=4))
def test_the_most_pressed_budget_decides(uses: list[tuple[float, float | None]]) -> None:
    found = pressure_of([BudgetUse(*each) for each in uses])
    assert found == max((pressure(used, gone) for used, gone in uses if gone is not None), default=0.0)


def test_spending_too_fast_by_any_factor_lasts_for_the_period() -> None:
    """The promise of pacing: where all spending is of dear calls, a budget that would have been gone after a
    tenth of its period lasts for all of it, to within a fiftieth."""
    for factor in (1.5, 3.0, 10.0):
        used, steps = 0.0, 10_000
        for step in range(steps):
            used += factor / steps * (1 - pressure(used, step / steps))
        assert 0.98 < used < 1.02


# ---------------------------------------------------------------------- policies


@given(shares, shares, st.integers(2, 6))
def test_a_larger_share_never_raises_a_bound(one: float, other: float, tiers: int) -> None:
    less, more = sorted((one, other))
    few, many = share_bounds(PriorGain(), less, tiers), share_bounds(PriorGain(), more, tiers)
    assert len(few) == tiers - 1
    assert all(a >= b for a, b in zip(few, many, strict=True))
    assert all(a <= b for a, b in pairwise(few))


@given(costs, rates, gains)
def test_dollars_choose_the_tier_that_is_worth_most(found: list[int], usd: float, gain: float) -> None:
    """Worth: the gain up to that tier, in dollars, less what it costs."""
    bounds = dollar_bounds(found, usd)
    assert all(a <= b for a, b in pairwise(bounds))
    assert all(-NEVER <= bound <= NEVER for bound in bounds)
    assume(all(abs(bound) < NEVER for bound in bounds))
    steps = len(found) - 1
    worth = [gain * usd * NANOS * tier / steps - cost for tier, cost in enumerate(found)]
    chosen = worth[tier_at(gain, bounds)]
    assert chosen == pytest.approx(max(worth), rel=1e-9, abs=1e-3)


@given(costs, rates, rates)
def test_more_dollars_per_gain_never_raise_a_bound(found: list[int], one: float, other: float) -> None:
    ascending = sorted(found)
    less, more = sorted((one, other))
    few, many = dollar_bounds(ascending, less), dollar_bounds(ascending, more)
    assert all(a >= b - 1e-12 for a, b in zip(few, many, strict=True))


# ---------------------------------------------------------------------- load


@given(st.integers(0, 500), st.integers(1, 100))
def test_one_more_request_never_costs_less_on_a_fuller_engine(in_flight: int, slots: int) -> None:
    here, next_one = Load(in_flight, slots, True), Load(in_flight + 1, slots, True)
    assert IDLE_SHARE <= marginal_share(here) <= marginal_share(next_one)
    assert (marginal_share(here) >= 1) is here.saturated
    assert marginal_share(Load(in_flight, slots, False)) == 1


# ---------------------------------------------------------------------- conversations


@given(gains, st.lists(gains, min_size=1, max_size=4), st.integers(0, 4), st.floats(0, 0.2))
def test_a_conversation_moves_only_the_way_the_gain_points_and_only_beyond_the_margin(
    gain: float, unsorted: list[float], before: int, margin: float
) -> None:
    bounds = sorted(unsorted)
    assume(before <= len(bounds))
    fresh, stayed = tier_at(gain, bounds), stay(gain, bounds, before, margin)
    assert stayed in (fresh, before)
    if stayed > before:
        assert gain >= bounds[before] + margin
    if stayed < before:
        assert gain < bounds[before - 1] - margin


@given(st.lists(gains, min_size=1, max_size=4), costs, st.integers(0, 4), st.floats(1, 1e9))
def test_a_saved_prefix_never_makes_a_change_easier(
    unsorted: list[float], found: list[int], before: int, saved: float
) -> None:
    bounds = sorted(unsorted)
    assume(len(found) == len(bounds) + 1 and before < len(found))
    moved = priced(bounds, sorted(found), before, saved)
    assert all(a <= b for a, b in pairwise(moved))
    for tier, (was, now) in enumerate(zip(bounds, moved, strict=True)):
        assert now >= was - 1e-12 if tier >= before else now <= max(bounds[: tier + 1]) + 1e-12


@given(st.integers(0, 10**6), st.floats(0, 10_000), st.none() | st.floats(0, 10_000))
def test_what_a_prefix_cache_saves_is_never_negative(tokens: int, price: float, cached: float | None) -> None:
    candidate = Candidate("m", "b", "small", None, frozenset(), price, price, cached)
    saved = saved_nanos(candidate, tokens)
    assert 0 <= saved <= tokens * price
