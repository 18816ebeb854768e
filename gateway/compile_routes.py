"""The file's virtual models and rules as the router takes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

from gateway.config import GatewaySettings, RouteSettings
from gateway.config_routing import PolicySettings, RuleConditions, RuleSettings, TimeSettings, minutes_of
from router.decision import Candidate, Route
from router.gain import GainModel
from router.hours import DAYS, EVERY_DAY, MINUTES_PER_DAY, Hours
from router.patterns import Pattern
from router.policy import Policy, large_share, named, usd_per_gain
from router.rules import Rule
from router.tiers import is_tier_name, tier_called, tier_name

TASK_TAG = "task"
GainModels = Callable[[str | None], GainModel]
"""The artefact of a route, or None for the shipped one -> its gain model."""


class Engine(NamedTuple):
    """A backend whose load a decision looks at."""

    backend: str
    slots: int
    hourly: bool


def compile_routes(
    settings: GatewaySettings, direct: Mapping[str, tuple[Candidate, ...]], gain_models: GainModels
) -> dict[str, Route]:
    """`direct`: per public model, its candidates in the file's order."""
    return {
        name: _route(name, route, settings.rules, direct, gain_models(route.artefact))
        for name, route in settings.models.items()
    }


def engines_of(
    settings: GatewaySettings, routes: Mapping[str, Route], direct: Mapping[str, tuple[Candidate, ...]]
) -> dict[str, tuple[Engine, ...]]:
    """Per public name, the engines among its candidates whose slots are known; only names that have one."""
    engines: dict[str, Engine] = {}
    for backend, settings_of in settings.backends.items():
        if (slots := settings_of.slots_in_all) is not None:
            engines[backend] = Engine(backend, slots, settings_of.gpus is not None)
    found: dict[str, tuple[Engine, ...]] = {}
    for name, candidates in (*((name, _all(route)) for name, route in routes.items()), *direct.items()):
        backends = dict.fromkeys(each.backend for each in candidates)
        if among := tuple(engines[backend] for backend in backends if backend in engines):
            found[name] = among
    return found


def asks_budgets(routes: Mapping[str, Route]) -> bool:
    """Whether any decision looks at how far budgets are spent."""
    return any(
        route.pacing or any(rule.budget_used_over is not None for rule in route.rules)
        for route in routes.values()
    )


def policy_of(chosen: str | PolicySettings) -> Policy:
    if isinstance(chosen, str):
        return named(chosen)
    if chosen.large_share is not None:
        return large_share(float(chosen.large_share))
    assert chosen.usd_per_gain is not None, "the settings have exactly one number"
    return usd_per_gain(float(chosen.usd_per_gain))


def rule_of(position: int, rule: RuleSettings) -> Rule:
    """`position` counts from 1."""
    when = rule.when
    return Rule(
        position=position,
        use=rule.use or "",
        policy=None if rule.policy is None else policy_of(rule.policy),
        models=frozenset(when.model or ()),
        tenants=frozenset(when.tenant or ()),
        projects=None if when.project is None else frozenset(when.project),
        tags=_tags(when),
        apis=frozenset(when.api or ()),
        prompt_tokens_over=when.prompt_tokens_over,
        prompt_tokens_under=when.prompt_tokens_under,
        tools=when.tools,
        languages=frozenset(when.language or ()),
        patterns=tuple(Pattern(text) for text in when.matches or ()),
        hours=None if when.time is None else _hours(when.time),
        budget_used_over=when.budget_used_over,
    )


def _route(
    name: str,
    route: RouteSettings,
    rules: tuple[RuleSettings, ...],
    direct: Mapping[str, tuple[Candidate, ...]],
    model: GainModel,
) -> Route:
    count = len(route.tiers)
    tiers = tuple(_as_tier(direct[model], tier_name(n, count)) for n, model in enumerate(route.tiers))
    compiled = tuple(
        rule_of(position, rule)
        for position, rule in enumerate(rules, 1)
        if rule.when.model is None or name in rule.when.model
    )
    return Route(
        name=name,
        policy=policy_of(route.policy),
        tiers=tiers,
        fallback=tuple(c for model in route.fallback for c in _as_tier(direct[model], "fallback")),
        rules=compiled,
        rule_targets={rule.use: _target(rule.use, tiers, direct) for rule in compiled if rule.use},
        model=model,
        pacing=0.0 if route.pacing is None else float(route.pacing.at_most),
        sticky=route.sticky and count > 1,
    )


def _target(
    use: str, tiers: tuple[tuple[Candidate, ...], ...], direct: Mapping[str, tuple[Candidate, ...]]
) -> tuple[Candidate, ...]:
    """A model of that name, or else a tier."""
    if use not in direct and is_tier_name(use):
        return tiers[tier_called(use, len(tiers))]
    return _as_tier(direct[use], "rule")


def _tags(when: RuleConditions) -> dict[str, frozenset[str]]:
    tags = {name: frozenset(values) for name, values in (when.tag or {}).items()}
    if when.task is not None:
        tags[TASK_TAG] = frozenset(when.task) & tags.get(TASK_TAG, frozenset(when.task))
    return tags


def _hours(time: TimeSettings) -> Hours:
    first, last = (0, MINUTES_PER_DAY) if time.hours is None else minutes_of(time.hours)
    days = EVERY_DAY if time.days is None else frozenset(DAYS.index(day) for day in time.days)
    return Hours(first, last, days, time.timezone)


def _as_tier(candidates: tuple[Candidate, ...], tier: str) -> tuple[Candidate, ...]:
    return tuple(replace(candidate, tier=tier) for candidate in candidates)


def _all(route: Route) -> Iterator[Candidate]:
    for candidates in (*route.tiers, route.fallback, *route.rule_targets.values()):
        yield from candidates
