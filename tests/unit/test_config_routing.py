"""Policies and rules in a file: what is taken, what is refused and in which words, what `weir check` says."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from gateway.asking import demand
from gateway.compile_routes import Engine, rule_of
from gateway.config_file import ConfigError, LoadedConfig, parse
from gateway.describe import describe, in_words
from gateway.snapshot import Snapshot, compile_snapshot
from metering.catalogue import GenaiCatalogue
from router.hours import Hours
from router.policy import large_share, named, usd_per_gain

TODAY = date(2026, 1, 1)
BASE = """
backends:
  gpu: {kind: vllm, url: "http://127.0.0.1:1/v1", models: {s: s, m: m}, gpus: {usd_per_hour: 2}, slots: 8}
  up: {kind: openai, url: "https://up.example/v1", models: {l: l}}
rates: [{model: l, input: 10, output: 20, cache_read: 1}]
tenants: {acme: {budgets: [{usd: 5}]}, legal: {}}
"""
TWO = BASE + "models: {auto: {tiers: [s, l]}}\n"
"""Ends with the virtual models, so that rules can follow."""


def snapshot(text: str) -> Snapshot:
    return compile_snapshot(parse(text, {}).settings, 1, GenaiCatalogue(), TODAY)


def words(loaded: LoadedConfig) -> str:
    """As `weir check` prints them."""
    compiled = compile_snapshot(loaded.settings, 1, GenaiCatalogue(), TODAY)
    return "\n".join(in_words(describe(compiled, TODAY)))


def mistake(text: str) -> str:
    with pytest.raises(ConfigError) as refused:
        parse(text, {})
    assert len(refused.value.problems) == 1, refused.value
    return str(refused.value)


def route_of(settings: str) -> Any:
    return snapshot(BASE + f"models: {{auto: {{tiers: [s, l], {settings}}}}}\n").routes["auto"]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("economy", named("economy")),
        ("{large_share: 0.3}", large_share(0.3)),
        ("{usd_per_gain: 0.02}", usd_per_gain(0.02)),
    ],
)
def test_policies(policy: str, expected: object) -> None:
    assert route_of(f"policy: {policy}").policy == expected


def test_what_is_left_out() -> None:
    route = route_of("policy: balanced")
    assert (route.pacing, route.sticky) == (0.0, True)
    assert route_of("pacing: true").pacing == 1.0
    assert route_of("pacing: false").pacing == 0.0
    assert route_of("pacing: {at_most: 0.5}").pacing == 0.5
    assert route_of("sticky: false").sticky is False
    assert snapshot(BASE + "models: {one: {tiers: [s]}}\n").routes["one"].sticky is False


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ("policy: ballanced", "models.auto.policy: must be one of 'economy', 'balanced', 'quality'"),
        ("policy: {large_shar: 0.3}", 'unknown key; did you mean "large_share"?'),
        ("policy: {large_share: 3}", "models.auto.policy.large_share: must be less than or equal to 1"),
        ("policy: {usd_per_gain: 0}", "models.auto.policy.usd_per_gain: must be greater than 0"),
        ("policy: {large_share: 0.3, usd_per_gain: 1}", "give exactly one of large_share, usd_per_gain"),
        ("pacing: {at_mots: 1}", 'did you mean "at_most"?'),
        ("artefact: own.npz", "models.auto.artefact: own.npz: no such file"),
    ],
)
def test_mistakes_of_virtual_models(settings: str, expected: str) -> None:
    assert expected in mistake(BASE + f"models: {{auto: {{tiers: [s, l], {settings}}}}}\n")


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (
            "{when: {tenant: leagl}, use: l}",
            "no tenant is named leagl, in this file or in the key store",
        ),
        ("{when: {tenant: legal}, use: lrage}", 'did you mean "large"?'),
        (
            "{when: {tenant: legal}, use: tier-3}",
            "auto has no tier tier-3; it has small, tier-1, tier-2",
        ),
        ("{when: {tenant: legal}, use: auto}", "auto is a virtual model; name a model of a backend here"),
        ("{when: {tenant: legal}}", "give exactly one of use, policy"),
        ("{when: {tenant: legal}, use: l, policy: economy}", "give exactly one of use, policy"),
        ("{when: {tenant: legal}, policy: econmy}", "must be one of 'economy', 'balanced', 'quality'"),
        ("{when: {}, use: l}", "a rule without conditions would hide every rule after it"),
        ("{when: {tennant: legal}, use: l}", 'unknown key; did you mean "tenant"?'),
        ("{when: {tenant: []}, use: l}", "rules[0].when.tenant"),
        ("{when: {model: [auto, atuo]}, use: l}", "no virtual model is named atuo; rules hold for virtual"),
        ("{when: {language: xx}, use: l}", "no language 'xx' is known here; known are ar, de, el"),
        ("{when: {matches: '(a'}, use: l}", "no regular expression for RE2: missing ): (a"),
        ("{when: {matches: '(?=a)'}, use: l}", "no regular expression for RE2: invalid perl operator: (?="),
        ("{when: {time: {timezone: UTC}}, use: l}", "give hours, days or both"),
        ("{when: {time: {hours: '22-6'}}, use: l}", "'22-6' is no range of hours; write 08:00-18:00"),
        ("{when: {time: {hours: '22:00-25:00'}}, use: l}", "has a time that no clock shows"),
        ("{when: {time: {hours: '08:00-08:00'}}, use: l}", "ends where it begins"),
        ("{when: {time: {days: mon-fry}}, use: l}", "'mon-fry' is no day; write mon, tue"),
        ("{when: {time: {days: mon, timezone: Berlin}}, use: l}", "'Berlin' is no time zone"),
        ("{when: {budget_used_over: 90}, use: l}", "rules[0].when.budget_used_over: must be less than or"),
        ("{when: {prompt_tokens_over: 9, prompt_tokens_under: 10}, use: l}", "this never matches"),
    ],
)
def test_mistakes_of_rules_have_a_line_and_a_way_out(rule: str, expected: str) -> None:
    found = mistake(TWO + f"rules:\n  - {rule}\n")
    assert expected in found
    assert re.match(r"<config>:\d+:\d+: rules\[0\]", found)


def compiled(when: str, then: str = "use: l") -> Any:
    settings = parse(TWO + f"rules: [{{when: {when}, {then}}}]\n", {}).settings
    return rule_of(1, settings.rules[0])


def test_conditions_are_one_value_or_several() -> None:
    assert compiled("{tenant: legal}").tenants == {"legal"}
    assert compiled("{tenant: [legal, acme]}").tenants == {"legal", "acme"}
    assert compiled("{tag: {team: [a, b], x: c}}").tags == {"team": {"a", "b"}, "x": {"c"}}
    assert compiled("{task: [a, b]}").tags == {"task": {"a", "b"}}
    assert compiled("{task: [a, b], tag: {task: b}}").tags == {"task": {"b"}}
    assert compiled("{project: ''}").projects == {""}
    assert compiled("{budget_used_over: 90%}").budget_used_over == pytest.approx(0.9)
    assert compiled("{budget_used_over: 0.5}").budget_used_over == 0.5


@pytest.mark.parametrize(
    ("time", "hours"),
    [
        ("{hours: '22:00-06:00'}", Hours(1320, 360)),
        ("{hours: 00:30-24:00, days: fri-mon}", Hours(30, 1440, frozenset({0, 4, 5, 6}))),
        ("{days: [sat, SUN], timezone: Asia/Tokyo}", Hours(days=frozenset({5, 6}), timezone="Asia/Tokyo")),
        ("{days: 'mon, wed-thu'}", Hours(days=frozenset({0, 2, 3}))),
    ],
)
def test_times_of_a_week(time: str, hours: Hours) -> None:
    assert compiled(f"{{time: {time}}}").hours == hours


def test_a_tier_is_that_of_the_virtual_model_asked_for() -> None:
    text = BASE + "models: {auto: {tiers: [s, l]}, more: {tiers: [s, m, l]}}\n"
    text += "rules: [{when: {tenant: legal}, use: large}, {when: {model: more, tenant: acme}, use: tier-2}]\n"
    routes = snapshot(text).routes
    assert [c.model for c in routes["auto"].rule_targets["large"]] == ["l"]
    assert [(c.model, c.tier) for c in routes["more"].rule_targets["tier-2"]] == [("m", "tier-2")]
    assert len(routes["auto"].rules) == 1


def test_an_answer_for_a_rule_is_kept_apart_unless_it_asks_for_less() -> None:
    assert demand(compiled("{tenant: legal}")) == "l"
    assert demand(compiled("{tenant: legal}", "policy: quality")) == "policy quality"
    assert demand(compiled("{tenant: legal}", "policy: economy")) == ""


def test_engines_with_slots_and_what_their_tokens_cost() -> None:
    found = snapshot(TWO)
    assert found.engines == {
        "auto": (Engine("gpu", 8, True),),
        "s": (Engine("gpu", 8, True),),
        "m": (Engine("gpu", 8, True),),
    }
    small, large = (tier[0] for tier in found.routes["auto"].tiers)
    assert small.input_nanos_per_token is not None
    assert small.output_nanos_per_token is not None
    assert 0 < small.input_nanos_per_token < small.output_nanos_per_token
    assert (large.input_nanos_per_token, large.cached_nanos_per_token) == (10_000.0, 1_000.0)
    replicas = TWO.replace(
        'url: "http://127.0.0.1:1/v1"', 'urls: ["http://127.0.0.1:1/v1", "http://127.0.0.1:2/v1"]'
    )
    assert snapshot(replicas).engines["s"] == (Engine("gpu", 16, True),)
    assert snapshot(TWO.replace(", slots: 8", "")).engines == {}


def test_budgets_are_read_only_where_a_decision_asks() -> None:
    assert snapshot(TWO).spending is False
    assert snapshot(TWO + "rules: [{when: {budget_used_over: 0.9}, policy: economy}]\n").spending is True
    assert snapshot(BASE + "models: {auto: {tiers: [s, l], pacing: true}}\n").spending is True


ROLLING = BASE.replace("{usd: 5}", "{usd: 5, per: {rolling: 1d}}")
NAMED_SMALL = TWO.replace("models: {s: s, m: m}", "models: {s: s, m: m, small: s}")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            TWO.replace("budgets: [{usd: 5}]", "") + "rules: [{when: {budget_used_over: 0.9}, use: l}]\n",
            "there is no budget in this file: this never matches",
        ),
        (ROLLING + "models: {auto: {tiers: [s, l], pacing: true}}\n", "nothing is ever paced"),
        (NAMED_SMALL + "rules: [{when: {tenant: acme}, use: small}]\n", "that is meant, not the tier"),
    ],
)
def test_what_is_questioned(text: str, expected: str) -> None:
    assert [expected in str(each) for each in parse(text, {}).warnings] == [True]


def test_dollars_need_prices() -> None:
    text = TWO.replace("rates: [{model: l, input: 10, output: 20, cache_read: 1}]", "unknown_price: flag")
    text = text.replace("tiers: [s, l]", "tiers: [s, l], policy: {usd_per_gain: 1}")
    (warning,) = parse(text, {}, priced=lambda settings, backend, model: False).warnings
    assert "models.auto.tiers[1]: l has no price, so usd_per_gain cannot weigh it" in str(warning)


# ---------------------------------------------------------------------- what `weir check` says

DOCUMENT = (Path(__file__).resolve().parents[2] / "docs" / "routing.md").read_text()


def test_the_example_of_the_docs_means_what_they_say() -> None:
    """Legal always large, batch classification small, everything else balanced, economy at 90 %."""
    found = re.search(r"```yaml\n# example: rules\n(.*?)```.*?```text\n(.*?)```", DOCUMENT, re.DOTALL)
    assert found is not None
    loaded = parse(found[1], {"OPENAI_API_KEY": "k"})
    assert loaded.warnings == ()
    said = words(loaded)
    assert found[2].strip() in said


def test_every_condition_is_said_in_words() -> None:
    when = (
        "{tenant: [legal, acme], project: a, model: auto, task: x, tag: {team: b}, api: completions, "
        "prompt_tokens_over: 1000, prompt_tokens_under: 2000, tools: false, language: [de, fr], "
        "matches: '(?i)nda', time: {hours: '22:00-06:00', days: sat-sun, timezone: Europe/Berlin}, "
        "budget_used_over: 0.8}"
    )
    text = TWO + f"rules: [{{when: {when}, policy: {{large_share: 0.5}}}}]\n"
    said = (
        "rule 1: when the tenant is legal or acme and the project is a and the virtual model is auto",
        "and the task is x and the tag team is b and the resource is completions",
        "and the prompt has over 1,000 tokens and the prompt has under 2,000 tokens",
        "and no tools are offered and the user writes de or fr and a turn matches `(?i)nda`",
        "and it is between 22:00 and 06:00 on sat and sun (Europe/Berlin)",
        "and more than 80 % of a budget is spent,",
        "the policy is large_share 0.5 (about 50 % leave the first tier).",
    )
    assert " ".join(said) in words(parse(text, {}))


def test_every_policy_is_said_in_words() -> None:
    text = BASE + (
        "models:\n"
        "  a: {tiers: [s, m, l], policy: quality, pacing: {at_most: 0.5}, sticky: false, fallback: [m]}\n"
        "  b: {tiers: [s, l], policy: {usd_per_gain: 0.02}, pacing: true}\n"
        "  c: {tiers: [s, l], policy: {large_share: 0}}\n"
        "  d: {tiers: [s, l], policy: {large_share: 1}}\n"
        "  e: {tiers: [l]}\n"
    )
    said = words(parse(text, {}))
    for sentence in (
        "About 60 % of conversations leave s: those that gain most.",
        "Of those, m and l get equal parts, the dearest those that gain most.",
        "fewer conversations leave s: up to 50 % of them stay.",
        "If none of these can answer: m.",
        "A conversation leaves s while the extra dollars are at most the predicted gain times 0.02.",
        "fewer conversations leave s: up to all of them stay.",
        "No conversation leaves s.",
        "Every conversation leaves s.",
        "l answers everything.",
    ):
        assert sentence in said
    assert said.count("A conversation stays on its model") == 3
