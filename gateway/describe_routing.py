"""What virtual models and rules mean, as data and as sentences: for `weir check`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from gateway.compile_routes import policy_of
from gateway.config import GatewaySettings, RouteSettings
from gateway.config_routing import PolicySettings, RuleConditions, RuleSettings, TimeSettings
from router.tiers import is_tier_name, tier_called


def describe_routes(settings: GatewaySettings) -> list[dict[str, Any]]:
    """JSON-ready."""
    return [
        {
            "name": name,
            "policy": policy_of(route.policy).name,
            "tiers": list(route.tiers),
            "fallback": list(route.fallback),
            "means": list(_route_sentences(route)),
        }
        for name, route in settings.models.items()
    ]


def describe_rules(settings: GatewaySettings) -> list[dict[str, Any]]:
    return [
        {
            "when": rule.when.model_dump(mode="json", exclude_unset=True),
            "use": rule.use,
            "policy": None if rule.policy is None else policy_of(rule.policy).name,
            "means": _rule_sentence(rule, settings),
        }
        for rule in settings.rules
    ]


def routing_in_words(description: Mapping[str, Any]) -> Iterator[str]:
    routes, rules = description["routes"], description["rules"]
    if routes:
        yield "Virtual models"
    for route in routes:
        yield f"  {route['name']} ({route['policy']}): {' < '.join(route['tiers'])}"
        for sentence in route["means"]:
            yield f"    {sentence}"
    if rules:
        yield "Rules for virtual models: the first that matches decides"
    for position, rule in enumerate(rules, 1):
        yield f"  rule {position}: {rule['means']}"
    if rules:
        own = ", ".join(f"{route['name']}: {route['policy']}" for route in routes)
        yield f"  otherwise: the virtual model's own policy decides ({own})."
    if routes or rules:
        yield ""


# ---------------------------------------------------------------------- virtual models


def _route_sentences(route: RouteSettings) -> Iterator[str]:
    if len(route.tiers) == 1:
        yield f"{route.tiers[0]} answers everything."
    else:
        yield _policy_sentence(route.policy, route.tiers)
        if len(route.tiers) > 2 and policy_of(route.policy).usd_per_gain is None:
            yield f"Of those, {_listed(route.tiers[1:])} get equal parts, the dearest those that gain most."
        if route.sticky:
            yield "A conversation stays on its model unless the gain is clear."
        if route.pacing is not None:
            most = float(route.pacing.at_most)
            limit = "all of" if most == 1 else f"{most * 100:g} % of"
            yield (
                "While a budget is spent faster than its period passes, fewer conversations leave "
                f"{route.tiers[0]}: up to {limit} them stay."
            )
    if route.fallback:
        yield f"If none of these can answer: {', then '.join(route.fallback)}."


def _policy_sentence(chosen: str | PolicySettings, tiers: tuple[str, ...]) -> str:
    policy, first = policy_of(chosen), tiers[0]
    if policy.usd_per_gain is not None:
        return (
            f"A conversation leaves {first} while the extra dollars are at most the predicted gain times "
            f"{policy.usd_per_gain:g}."
        )
    if policy.share == 0:
        return f"No conversation leaves {first}."
    if policy.share == 1:
        return f"Every conversation leaves {first}."
    return f"About {policy.share * 100:g} % of conversations leave {first}: those that gain most."


# ---------------------------------------------------------------------- rules


def _rule_sentence(rule: RuleSettings, settings: GatewaySettings) -> str:
    """`when the tenant is legal, the large tier answers (auto: gpt-5).`"""
    when = " and ".join(_conditions(rule.when))
    if rule.policy is not None:
        return f"when {when}, the policy is {_policy_words(rule.policy)}."
    assert rule.use is not None, "the settings have one of both"
    if rule.use in settings.concrete_models or not is_tier_name(rule.use):
        return f"when {when}, {rule.use} answers."
    models = {
        name: route.tiers[tier_called(rule.use, len(route.tiers))]
        for name, route in settings.models.items()
        if rule.when.model is None or name in rule.when.model
    }
    named = ", ".join(f"{name}: {model}" for name, model in models.items())
    return f"when {when}, the {rule.use} tier answers ({named})."


def _policy_words(chosen: str | PolicySettings) -> str:
    policy = policy_of(chosen)
    if policy.usd_per_gain is not None:
        return f"{policy.usd_per_gain:g} USD per gain"
    return f"{policy.name} (about {policy.share * 100:g} % leave the first tier)"


def _conditions(when: RuleConditions) -> Iterator[str]:
    yield from _who(when)
    if when.task is not None:
        yield f"the task is {_any_of(when.task)}"
    for name, values in (when.tag or {}).items():
        yield f"the tag {name} is {_any_of(values)}"
    if when.api is not None:
        yield f"the resource is {_any_of(when.api)}"
    if when.prompt_tokens_over is not None:
        yield f"the prompt has over {when.prompt_tokens_over:,} tokens"
    if when.prompt_tokens_under is not None:
        yield f"the prompt has under {when.prompt_tokens_under:,} tokens"
    if when.tools is not None:
        yield "tools are offered" if when.tools else "no tools are offered"
    if when.language is not None:
        yield f"the user writes {_any_of(when.language)}"
    if when.matches is not None:
        yield f"a turn matches {_any_of(f'`{pattern}`' for pattern in when.matches)}"
    if when.time is not None:
        yield _time(when.time)
    if when.budget_used_over is not None:
        yield f"more than {when.budget_used_over * 100:g} % of a budget is spent"


def _who(when: RuleConditions) -> Iterator[str]:
    if when.tenant is not None:
        yield f"the tenant is {_any_of(when.tenant)}"
    if when.project is not None:
        yield f"the project is {_any_of(when.project)}"
    if when.model is not None:
        yield f"the virtual model is {_any_of(when.model)}"


def _time(time: TimeSettings) -> str:
    words = []
    if time.hours is not None:
        first, _, last = time.hours.replace(" ", "").partition("-")
        words.append(f"it is between {first} and {last}")
    if time.days is not None:
        words.append(f"on {_listed(time.days)}" if words else f"it is {_any_of(time.days)}")
    return f"{' '.join(words)} ({time.timezone})"


def _any_of(values: Iterable[str]) -> str:
    return " or ".join(value or "''" for value in values)


def _listed(values: Iterable[str]) -> str:
    *others, last = values
    return f"{', '.join(others)} and {last}" if others else last
