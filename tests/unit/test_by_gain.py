"""Dollars, pacing, conversations under way and load, as decisions see them."""

from __future__ import annotations

import pytest
from routing import FixedGain, candidate, load, previous, request, route, rule

from metering.budgets.model import BudgetUse
from router.deciding import GainRouter
from router.decision import Decision, Route, RouteRequest
from router.policy import large_share, usd_per_gain

SMALL, LARGE = candidate("small"), candidate("large", "openai", prices=(2_500.0, 10_000.0))
SPARE = candidate("spare", "other", tier="fallback")


def decide(asked: RouteRequest, among: Route) -> Decision:
    return GainRouter().decide(asked, among)


def models(decision: Decision) -> list[str]:
    return [choice.candidate.model for choice in decision.choices]


# ---------------------------------------------------------------------- dollars

TOKENS = {"messages": [{"role": "user", "content": "x" * 3972}], "max_tokens": 1000}
"""1,000 prompt tokens and 1,000 of output: at these prices 2,250,000 nano-dollars small, 12,500,000 large."""


@pytest.mark.parametrize(
    ("gain", "usd", "first"),
    [(0.5, 0.0205, "large"), (0.5, 0.0204, "small"), (0.1, 0.1026, "large"), (0.1, 0.1024, "small")],
)
def test_up_while_the_extra_dollars_are_at_most_the_gain_times_the_rate(
    gain: float, usd: float, first: str
) -> None:
    decision = decide(request(TOKENS), route(SMALL, LARGE, policy=usd_per_gain(usd), model=FixedGain(gain)))
    assert models(decision)[0] == first
    assert decision.threshold == pytest.approx(0.01025 / usd)


def test_what_is_expected_of_the_answer_counts() -> None:
    among = route(SMALL, LARGE, policy=usd_per_gain(0.0205), model=FixedGain(0.5))
    assert models(decide(request(TOKENS, expected_output_tokens=10), among))[0] == "large"
    short = usd_per_gain(0.006)
    assert (
        models(decide(request(TOKENS), route(SMALL, LARGE, policy=short, model=FixedGain(0.5))))[0] == "small"
    )
    told = request(TOKENS, expected_output_tokens=10)
    assert models(decide(told, route(SMALL, LARGE, policy=short, model=FixedGain(0.5))))[0] == "large"


def test_where_a_price_is_unknown_the_balanced_share_stands_in() -> None:
    blind = candidate("large", "openai", prices=None)
    decision = decide(request(), route(SMALL, blind, policy=usd_per_gain(5.0), model=FixedGain(0.69)))
    assert decision.reason == "gain:0.690<0.700"


# ---------------------------------------------------------------------- pacing


def test_a_budget_ahead_of_the_calendar_raises_the_bound() -> None:
    among = route(SMALL, LARGE, model=FixedGain(0.75), pacing=1.0)
    assert decide(request(budgets=(BudgetUse(0.5, 0.5),)), among).reason == "gain:0.750>=0.700"
    ahead = decide(request(budgets=(BudgetUse(0.2, 0.5), BudgetUse(0.75, 0.5))), among)
    assert (ahead.reason, ahead.tier) == ("gain:0.750<0.850,paced", 0)
    assert ahead.details["pacing"] == 0.5


def test_pacing_takes_away_no_more_than_it_may() -> None:
    among = route(SMALL, LARGE, model=FixedGain(0.75), pacing=0.5)
    assert decide(request(budgets=(BudgetUse(1.5, 0.1),)), among).threshold == pytest.approx(0.85)


def test_unpaced_routes_and_rolling_windows_are_left_alone() -> None:
    spent = (BudgetUse(0.9, 0.1),)
    assert decide(request(budgets=spent), route(SMALL, LARGE, model=FixedGain(0.75))).tier == 1
    rolling = (BudgetUse(0.9, None),)
    assert decide(request(budgets=rolling), route(SMALL, LARGE, model=FixedGain(0.75), pacing=1.0)).tier == 1


def test_dollars_per_gain_are_paced_too() -> None:
    among = route(SMALL, LARGE, policy=usd_per_gain(0.03), model=FixedGain(0.5), pacing=1.0)
    assert decide(request(TOKENS), among).tier == 1
    assert decide(request(TOKENS, budgets=(BudgetUse(0.75, 0.5),)), among).tier == 0
    assert decide(request(TOKENS, budgets=(BudgetUse(1.0, 0.5),)), among).tier == 0


def test_a_budgets_economy_comes_before_every_policy() -> None:
    among = route(SMALL, LARGE, policy=large_share(1.0), model=FixedGain(1.0))
    decision = decide(request(economy=True, previous=previous("large")), among)
    assert (decision.reason, decision.tier, decision.gain) == ("budget:economy", 0, None)


# ---------------------------------------------------------------------- conversations


@pytest.mark.parametrize(
    ("before", "gain", "reason"),
    [
        ("large", 0.69, "sticky:large"),
        ("large", 0.63, "sticky:large"),
        ("large", 0.61, "gain:0.610<0.700"),
        ("small", 0.71, "sticky:small"),
        ("small", 0.79, "gain:0.790>=0.700"),
        ("small", 0.2, "gain:0.200<0.700"),
        ("gone", 0.71, "gain:0.710>=0.700"),
    ],
)
def test_a_conversation_stays_where_it_was_unless_the_gain_is_clear(
    before: str, gain: float, reason: str
) -> None:
    asked = request(previous=previous(before))
    assert decide(asked, route(SMALL, LARGE, model=FixedGain(gain))).reason == reason


def test_the_prefix_cache_that_a_change_throws_away_is_priced_in() -> None:
    dear = candidate("large", "openai", prices=(2_500.0, 10_000.0), cached=250.0)
    among = route(SMALL, dear, model=FixedGain(0.3))
    long = request("x" * 80_000, previous=previous("large", prompt_tokens=18_000))
    assert decide(long, among).reason == "sticky:large"
    assert decide(long._replace(previous=previous("large", prompt_tokens=900)), among).tier == 0
    forgotten = previous("large", prompt_tokens=18_000, age_s=301)
    assert decide(long._replace(previous=forgotten), among).tier == 0


# ---------------------------------------------------------------------- load


def test_an_engine_without_room_is_passed_over_for_the_next_candidate() -> None:
    among = route(SMALL, LARGE, model=FixedGain(0.1), fallback=(SPARE,))
    assert decide(request(loads={"gpu1": load(3)}), among).reason == "gain:0.100<0.700"
    full = decide(request(loads={"gpu1": load(4)}), among)
    assert (full.reason, models(full), full.tier) == ("load:small>large", ["large", "spare", "small"], 0)
    everybody = {"gpu1": load(4), "openai": load(9, hourly=False), "other": load(4)}
    nowhere = decide(request(loads=everybody), among)
    assert (nowhere.reason, models(nowhere)[0]) == ("gain:0.100<0.700", "small")


def test_a_second_engine_of_the_tier_comes_before_another_model() -> None:
    tier = (SMALL, candidate("small", "gpu2"))
    decision = decide(
        request(loads={"gpu1": load(4), "gpu2": load(1)}), route(tier, LARGE, model=FixedGain(0.1))
    )
    assert decision.reason == "gain:0.100<0.700"
    assert [choice.candidate.backend for choice in decision.choices] == ["gpu2", "openai", "gpu1"]


def test_a_rules_model_bursts_to_no_other_model() -> None:
    among = route(
        SMALL, LARGE, rules=(rule(use="small"),), targets={"small": (SMALL, candidate("small", "gpu2"))}
    )
    decision = decide(request(loads={"gpu1": load(4), "gpu2": load(4), "openai": load(0)}), among)
    assert (decision.reason, models(decision)) == ("rule:1", ["small", "small", "large"])


def test_idle_capacity_that_is_paid_for_is_cheap() -> None:
    among = route(SMALL, LARGE, policy=usd_per_gain(0.024), model=FixedGain(0.5))
    assert decide(request(TOKENS), among).tier == 1
    assert decide(request(TOKENS, loads={"gpu1": load(0)}), among).tier == 0
    assert decide(request(TOKENS, loads={"gpu1": load(0, hourly=False)}), among).tier == 1
