"""What virtual models and rules say of each other, and of models, tenants and budgets."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from gateway.config import GatewaySettings
from gateway.config_budgets import RollingSettings
from gateway.config_findings import Finding, Names, model_exists, tenant_exists
from gateway.config_routing import PolicySettings, RuleConditions
from gateway.gain_models import artefact_problem
from gateway.problems import Path, did_you_mean
from router.tiers import is_tier_name, tier_names

Priced = Callable[[GatewaySettings, str, str], bool]


def check_routing(
    settings: GatewaySettings,
    names: Names,
    stored_tenants: Collection[str] | None,
    priced: Priced | None,
) -> Iterator[Finding]:
    yield from _routes(settings, names)
    yield from _dollars(settings, priced)
    yield from _pacing(settings)
    yield from _rules(settings, names, stored_tenants)


def _routes(settings: GatewaySettings, names: Names) -> Iterator[Finding]:
    for name, route in settings.models.items():
        here: Path = ("models", name)
        if name in names.models:
            yield Finding(here, "a backend serves a model of this name; a virtual model needs its own")
        for key, used in (("tiers", route.tiers), ("fallback", route.fallback)):
            for position, model in enumerate(used):
                yield from model_exists((*here, key, position), model, names)
        if route.artefact is not None and (problem := artefact_problem(route.artefact)):
            yield Finding((*here, "artefact"), problem)
        for position, model in enumerate(route.tiers):
            if model in route.tiers[:position]:
                yield Finding((*here, "tiers", position), f"{model} is already a tier of this route")


def _dollars(settings: GatewaySettings, priced: Priced | None) -> Iterator[Finding]:
    """A policy of dollars among models of which one has no price: it would never be what it says."""
    if priced is None:
        return
    rated = {rate.model for rate in settings.rates}
    for name, route in settings.models.items():
        if not (isinstance(route.policy, PolicySettings) and route.policy.usd_per_gain is not None):
            continue
        for position, model in enumerate(route.tiers):
            backends = settings.concrete_models.get(model, ())
            if model in rated or not backends:
                continue
            first = settings.backends[backends[0]]
            if first.gpus is None and not priced(settings, backends[0], model):
                message = f"{model} has no price, so usd_per_gain cannot weigh it: balanced stands in"
                yield Finding(("models", name, "tiers", position), message, warning=True)


def _pacing(settings: GatewaySettings) -> Iterator[Finding]:
    budgets = [*settings.budgets, *(each for tenant in settings.tenants.values() for each in tenant.budgets)]
    if any(not isinstance(budget.per, RollingSettings) for budget in budgets):
        return
    for name, route in settings.models.items():
        if route.pacing is not None:
            message = "no budget has a calendar period (hour, day, week, month), so nothing is ever paced"
            yield Finding(("models", name, "pacing"), message, warning=True)


def _rules(
    settings: GatewaySettings, names: Names, stored_tenants: Collection[str] | None
) -> Iterator[Finding]:
    budgets = bool(settings.budgets) or any(tenant.budgets for tenant in settings.tenants.values())
    for position, rule in enumerate(settings.rules):
        here: Path = ("rules", position)
        when = rule.when
        if rule.use is not None:
            yield from _use(here, rule.use, when, settings, names)
        for tenant in when.tenant or ():
            yield from tenant_exists((*here, "when", "tenant"), tenant, names, stored_tenants)
        for model in when.model or ():
            if model not in names.routes:
                hint = did_you_mean(model, names.routes)
                message = f"no virtual model is named {model}; rules hold for virtual models only{hint}"
                yield Finding((*here, "when", "model"), message)
        if when.budget_used_over is not None and not budgets:
            message = "there is no budget in this file: this never matches"
            yield Finding((*here, "when", "budget_used_over"), message, warning=True)
        yield from _never(here, when)


def _use(
    here: Path, use: str, when: RuleConditions, settings: GatewaySettings, names: Names
) -> Iterator[Finding]:
    """A model, or a tier that every virtual model it can hold for has."""
    path = (*here, "use")
    if not is_tier_name(use):
        if use in names.models or use in names.routes:
            yield from model_exists(path, use, names)
        else:
            hint = did_you_mean(use, names.models | {"small", "large"})
            message = f"no backend serves a model {use}, and no tier has that name (small, large, tier-2...)"
            yield Finding(path, f"{message}{hint}")
        return
    if use in names.models:
        message = f"a backend serves a model {use}: that is meant, not the tier of this name"
        yield Finding(path, message, warning=True)
        return
    for name, route in settings.models.items():
        if (when.model is None or name in when.model) and use not in tier_names(len(route.tiers)):
            has = ", ".join(tier_names(len(route.tiers)))
            yield Finding(path, f"{name} has no tier {use}; it has {has}")
            return


def _never(here: Path, when: RuleConditions) -> Iterator[Finding]:
    over, under = when.prompt_tokens_over, when.prompt_tokens_under
    if over is not None and under is not None and under <= over + 1:
        yield Finding(
            (*here, "when"), f"no prompt has over {over} and under {under} tokens: this never matches"
        )
