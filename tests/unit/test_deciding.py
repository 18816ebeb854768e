from __future__ import annotations

import re
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from routing import EVERYTHING, FixedGain, candidate, request, route, rule

from router.cost import DEFAULT_OUTPUT_TOKENS
from router.deciding import GainRouter, direct
from router.decision import Candidate, Decision, NoCandidate, Route, RouteRequest
from router.policy import SHARES, large_share, named

SMALL, LARGE = candidate("small"), candidate("large", "openai", prices=(2_500.0, 10_000.0))
SPARE = candidate("spare", "other", tier="fallback")
TEXT_ONLY = frozenset({"chat"})
WITH_TOOLS: dict[str, Any] = {"messages": [{"role": "user", "content": "Hi"}], "tools": [{}]}
HARD = "Prove that this must hold for every input, without exception, and compare: " + "f(x) = {x + 1} " * 90


def decide(asked: RouteRequest, among: Route) -> Decision:
    return GainRouter().decide(asked, among)


def models(decision: Decision) -> list[str]:
    return [choice.candidate.model for choice in decision.choices]


def test_an_easy_prompt_goes_to_the_first_tier_and_the_rest_stands_behind() -> None:
    decision = decide(request("Hi"), route(SMALL, LARGE, fallback=(SPARE,)))
    assert models(decision) == ["small", "large", "spare"]
    assert decision.route == "auto"
    assert re.fullmatch(r"prior:0\.\d{3}<0\.208", decision.reason)


def test_a_hard_prompt_goes_to_the_last() -> None:
    decision = decide(request(HARD), route(SMALL, LARGE))
    assert models(decision) == ["large", "small"]
    assert re.fullmatch(r"prior:0\.\d{3}>=0\.208", decision.reason)


@pytest.mark.parametrize(
    ("policy", "shares"),
    [
        (named("economy"), 0.1),
        (named("balanced"), 0.3),
        (named("quality"), 0.6),
        (large_share(0.25), 0.25),
        (large_share(0.0), 0.0),
        (large_share(1.0), 1.0),
    ],
)
def test_a_share_of_conversations_leaves_the_first_tier(policy: Any, shares: float) -> None:
    gains = [place / 100 + 0.005 for place in range(100)]
    firsts = [
        models(decide(request(), route(SMALL, LARGE, policy=policy, model=FixedGain(gain))))[0]
        for gain in gains
    ]
    assert firsts.count("large") == round(shares * 100)
    assert firsts == sorted(firsts, reverse=True)


def test_of_more_tiers_each_dearer_one_has_an_equal_part() -> None:
    tiers = [candidate(f"t{n}") for n in range(4)]
    firsts = [
        models(
            decide(request(), route(*tiers, policy=large_share(0.3), model=FixedGain(place / 100 + 0.005)))
        )[0]
        for place in range(100)
    ]
    assert [firsts.count(f"t{n}") for n in range(4)] == [70, 10, 10, 10]
    assert firsts == sorted(firsts)


def test_the_reason_says_whether_the_model_knew_its_way() -> None:
    sure = decide(request(), route(SMALL, LARGE, model=FixedGain(0.25)))
    assert (sure.reason, sure.gain, sure.threshold, sure.known) == ("gain:0.250<0.700", 0.25, 0.7, True)
    assert (sure.model_version, sure.tier) == ("fixed", 0)
    unsure = decide(request(), route(SMALL, LARGE, model=FixedGain(0.9, known=False)))
    assert (unsure.reason, unsure.known, unsure.tier) == ("prior:0.900>=0.700", False, 1)


def test_one_tier_needs_no_model() -> None:
    decision = decide(request(), route(SMALL, fallback=(SPARE,)))
    assert (decision.reason, decision.gain, models(decision)) == ("single", None, ["small", "spare"])


def test_after_the_chosen_tier_dearer_ones_upwards_then_cheaper_ones_downwards() -> None:
    tiers = [candidate(f"t{n}") for n in range(5)]
    middle = route(*tiers, rules=(rule(1, use="t2"),), targets={"t2": (tiers[2],)}, fallback=(SPARE,))
    assert models(decide(request(), middle)) == ["t2", "t3", "t4", "t1", "t0", "spare"]


def test_all_backends_of_a_tier_come_in_the_files_order_and_none_twice() -> None:
    tier = (candidate("small", "gpu1"), candidate("small", "gpu2"))
    again = (candidate("small", "gpu2", tier="fallback"), SPARE)
    decision = decide(request("Hi"), route(tier, LARGE, fallback=again))
    assert [choice.candidate.backend for choice in decision.choices] == ["gpu1", "gpu2", "openai", "other"]
    assert decision.choices[1].candidate.tier == "small"


# ---------------------------------------------------------------------- rules


def test_a_rule_comes_before_the_gain() -> None:
    among = route(
        SMALL,
        LARGE,
        rules=(rule(4, tenants=frozenset({"acme"})),),
        targets={"large": (candidate("large", tier="rule"),)},
    )
    decision = decide(request("Hi"), among)
    assert (decision.reason, decision.choices[0].candidate.tier) == ("rule:4", "rule")
    assert decision.details["use"] == "large"
    assert decide(request("Hi", tenant="beta"), among).reason.startswith("prior:")


def test_behind_a_rules_model_from_elsewhere_the_dearest_tier_follows() -> None:
    among = route(SMALL, LARGE, rules=(rule(use="spare"),), targets={"spare": (SPARE,)})
    assert models(decide(request("Hi"), among)) == ["spare", "large", "small"]


def test_a_rules_model_that_does_not_fit_is_passed_over_and_the_reason_says_so() -> None:
    cannot = candidate("large", features=TEXT_ONLY)
    among = route(SMALL, cannot, rules=(rule(2, tools=True),), targets={"large": (cannot,)})
    decision = decide(request(WITH_TOOLS), among)
    assert decision.reason == "fit:rule:2>small"
    assert models(decision) == ["small"]
    assert decision.details["dropped"] == ["large on gpu1 does not support tools"]


def test_a_rule_may_name_the_policy_instead_of_a_model() -> None:
    among = route(SMALL, LARGE, rules=(rule(3, policy=named("economy")),), model=FixedGain(0.75))
    decision = decide(request(), among)
    assert (decision.reason, decision.tier) == ("gain:0.750<0.900,rule:3", 0)
    assert (decision.details["rule"], decision.details["policy"]) == (3, "economy")


def test_a_rule_that_was_found_already_is_not_looked_for() -> None:
    among = route(SMALL, LARGE, rules=(rule(),), targets={"large": (LARGE,)}, model=FixedGain(0.1))
    assert GainRouter().decide(request(), among, None).reason == "gain:0.100<0.700"
    assert GainRouter().decide(request(), among, among.rules[0]).reason == "rule:1"


# ---------------------------------------------------------------------- fit


def test_a_tier_that_does_not_fit_escalates_upwards() -> None:
    decision = decide(request(WITH_TOOLS), route(candidate("small", features=TEXT_ONLY), LARGE))
    assert (decision.reason, models(decision)) == ("fit:small>large", ["large"])


def test_then_downwards_then_to_the_fallback() -> None:
    cannot = candidate("large", features=TEXT_ONLY)
    hard_with_tools = request({**request(HARD).fields, "tools": [{}]})
    assert decide(hard_with_tools, route(SMALL, cannot)).reason == "fit:large>small"
    neither = route(candidate("small", features=TEXT_ONLY), cannot, fallback=(SPARE,))
    assert decide(hard_with_tools, neither).reason == "fit:large>fallback"


def test_one_backend_of_the_tier_is_enough_for_the_reason_to_stand() -> None:
    tier = (candidate("small", "gpu1", features=TEXT_ONLY), candidate("small", "gpu2"))
    decision = decide(request(WITH_TOOLS), route(tier, LARGE))
    assert decision.reason.startswith("prior:")
    assert [choice.candidate.backend for choice in decision.choices] == ["gpu2", "openai"]


def test_a_long_prompt_escalates_to_a_window_that_holds_it() -> None:
    asked = request({"messages": [{"role": "user", "content": "x" * 40_000}], "max_tokens": 500})
    decision = decide(asked, route(candidate("small", window=8_192), candidate("large", window=128_000)))
    assert models(decision) == ["large"]
    assert "context window of 8192 tokens" in decision.details["dropped"][0]


def test_where_every_window_is_in_doubt_the_largest_is_tried_rather_than_nothing() -> None:
    asked = request("x" * 40_000)
    decision = decide(asked, route(candidate("small", window=8_000), candidate("large", window=9_000)))
    assert models(decision) == ["large", "small"]
    assert decision.details["dropped"] == []


def test_nothing_fits_and_the_message_says_what_was_missing() -> None:
    blind = route(candidate("small", features=TEXT_ONLY), candidate("large", window=10))
    asked = request({**request("x" * 4_000).fields, "tools": [{}]})
    with pytest.raises(NoCandidate) as nothing:
        decide(asked, blind)
    assert "small on gpu1 does not support tools" in nothing.value.message
    assert "large on gpu1 has a context window of 10 tokens" in nothing.value.message


def test_embeddings_never_move_to_another_model() -> None:
    vectors = (candidate("embed", "gpu1"), candidate("embed", "gpu2"))
    among = route(candidate("small", features=TEXT_ONLY), vectors, LARGE, fallback=(SPARE,))
    decision = decide(request({"input": "x"}, api="embeddings"), among)
    assert models(decision) == ["embed", "embed"]
    short = route(candidate("embed", window=10), LARGE)
    with pytest.raises(NoCandidate, match="embed on gpu1 has a context window"):
        decide(request({"input": "x" * 4_000}, api="embeddings"), short)


# ---------------------------------------------------------------------- direct


def test_a_named_model_is_honoured() -> None:
    decision = direct([SMALL, candidate("small", "gpu2")], request(HARD))
    assert (decision.route, decision.reason) == ("", "explicit")
    assert [choice.candidate.backend for choice in decision.choices] == ["gpu1", "gpu2"]


def test_a_named_model_in_doubt_is_asked_after_those_that_fit() -> None:
    asked = request("x" * 4_000)
    sizes = {"never": 100, "doubtful": 900, "sure": 8_000}
    decision = direct([candidate("m", name, window=size) for name, size in sizes.items()], asked)
    assert [choice.candidate.backend for choice in decision.choices] == ["sure", "doubtful"]


def test_a_named_model_that_cannot_says_what_is_missing() -> None:
    with pytest.raises(NoCandidate, match="small on gpu1 does not support tools"):
        direct([candidate("small", features=TEXT_ONLY)], request(WITH_TOOLS))


# ---------------------------------------------------------------------- cost


@pytest.mark.parametrize(
    ("fields", "api", "prices", "nanos"),
    [
        ({"prompt": [1] * 100, "max_tokens": 10}, "completions", (250.0, 2_000.0), 45_000),
        ({"prompt": [1] * 100}, "completions", (1.0, 10.0), 100 + 10 * DEFAULT_OUTPUT_TOKENS),
        ({"prompt": [1] * 3, "max_tokens": 1}, "completions", (0.4, 0.2), 1),
        ({"input": [1] * 100}, "embeddings", (20.0, 0.0), 2_000),
        ({"prompt": [1]}, "completions", None, None),
    ],
)
def test_expected_cost(
    fields: dict[str, Any], api: str, prices: tuple[float, float] | None, nanos: int | None
) -> None:
    decision = direct([candidate("m", prices=prices)], request(fields, api=api))
    assert decision.choices[0].expected_nanos == nanos


# ---------------------------------------------------------------------- any route, any request

Pair = tuple[str, str]
PAIRS: list[Pair] = [(model, backend) for model in "abcd" for backend in ("gpu1", "gpu2")]
kinds = st.tuples(
    st.none() | st.integers(1, 400),
    st.sampled_from([EVERYTHING, TEXT_ONLY, frozenset({"chat", "tools"})]),
)
catalogues = st.fixed_dictionaries(dict.fromkeys(PAIRS, kinds))
pairs = st.sampled_from(PAIRS)


@settings(deadline=None)
@given(
    catalogues,
    st.lists(st.lists(pairs, min_size=1, max_size=2), min_size=1, max_size=4),
    st.lists(pairs, max_size=2),
    st.sampled_from(sorted(SHARES)),
    st.sampled_from(["Hi", HARD, "x" * 600]),
    st.booleans(),
)
def test_only_what_could_serve_is_chosen_each_once_with_a_reason_for_a_header(
    catalogue: dict[Pair, tuple[int | None, frozenset[str]]],
    tier_pairs: list[list[Pair]],
    fallback_pairs: list[Pair],
    policy: str,
    text: str,
    tools: bool,
) -> None:
    def made(some: list[Pair], tier: str) -> tuple[Candidate, ...]:
        return tuple(
            candidate(*pair, tier=tier, window=catalogue[pair][0], features=catalogue[pair][1])
            for pair in some
        )

    asked = request({**request(text).fields, **({"tools": [{}]} if tools else {})})
    tiers = [made(some, f"tier-{number}") for number, some in enumerate(tier_pairs, 1)]
    fallback = made(fallback_pairs, "fallback")
    among = route(*tiers, policy=policy, fallback=fallback)
    everybody = {(c.model, c.backend) for tier in (*tiers, fallback) for c in tier}
    try:
        decision = decide(asked, among)
    except NoCandidate:
        possible = [c for tier in (*tiers, fallback) for c in tier if asked.needs <= c.features]
        assert all(c.context_tokens is not None and c.context_tokens < asked.prompt_tokens for c in possible)
        return
    chosen = [(c.candidate.model, c.candidate.backend) for c in decision.choices]
    assert chosen
    assert len(set(chosen)) == len(chosen)
    assert set(chosen) <= everybody
    assert all(asked.needs <= choice.candidate.features for choice in decision.choices)
    assert re.fullmatch(r"single|[a-z]+:[!-~]+", decision.reason)
    assert orjson.loads(orjson.dumps(dict(decision.details)))["prompt_tokens"] == asked.prompt_tokens
    assert decide(asked, among) == decision
