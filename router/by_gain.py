"""Which tier the predicted gain means: under a policy, with pacing, for a conversation that is under way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from router.cost import marginal_nanos
from router.decision import Candidate, Route, RouteRequest
from router.gain import Gain
from router.pacing import pressure_of
from router.policy import Policy, dollar_bounds, share_bounds, tier_at
from router.sticky import kept_tokens, priced, saved_nanos, stay


class First(NamedTuple):
    """Who comes first, and why."""

    candidates: Sequence[Candidate]
    ordered: Sequence[Candidate]
    """They, and the line behind them."""
    tier: int | None
    reason: str
    details: dict[str, Any]
    ruled: bool = False
    """A rule named them: no other model answers for want of room."""
    found: Gain | None = None
    threshold: float | None = None


def at_tier(
    route: Route,
    tier: int,
    reason: str,
    details: dict[str, Any],
    found: Gain | None = None,
    threshold: float | None = None,
) -> First:
    return First(route.tiers[tier], route.orders[tier], tier, reason, details, False, found, threshold)


def by_gain(request: RouteRequest, route: Route, policy: Policy) -> First:
    """For a route of two tiers or more."""
    found = route.model.gain(request) if request.gain is None else request.gain
    gain = found.gain
    pressed = route.pacing * pressure_of(request.budgets) if route.pacing and request.budgets else 0.0
    if pressed or policy.usd_per_gain is not None:
        bounds = _bounds(route, policy, pressed, _costs(request, route))
    else:
        bounds = route.bounds[policy.name]
    tier, threshold = tier_at(gain, bounds), bounds[0]
    reason = reason_of(found, threshold)
    if pressed:
        reason += ",paced"
    before = None if request.previous is None else route.tier_of(request.previous.model)
    if before is not None:
        leaning = _leaning(request, route, policy, pressed, bounds, before)
        if (stayed := stay(gain, leaning, before, route.margin)) != tier:
            tier, reason = stayed, f"sticky:{route.tiers[stayed][0].tier}"
    details: dict[str, Any] = {}
    if request.explain:
        details = _details(request, route, policy, found, bounds)
        details["pacing"] = round(pressed, 3)
        details["sticky"] = None if before is None else route.tiers[before][0].tier
    return at_tier(route, tier, reason, details, found, threshold)


def reason_of(found: Gain, threshold: float) -> str:
    """`gain:0.118<0.124`; `prior:` where the model did not know its way."""
    sign = "<" if found.gain < threshold else ">="
    return f"{'gain' if found.known else 'prior'}:{found.gain:.3f}{sign}{threshold:.3f}"


def _bounds(
    route: Route, policy: Policy, pressed: float, costs: Sequence[int | float | None]
) -> tuple[float, ...]:
    """`costs` of each tier, for a policy of dollars."""
    if policy.usd_per_gain is not None:
        known = [cost for cost in costs if cost is not None]
        if len(known) == len(costs):
            return dollar_bounds(known, policy.usd_per_gain * (1.0 - pressed))
    if pressed:
        return share_bounds(route.model, policy.share * (1.0 - pressed), len(route.tiers))
    return route.bounds[policy.name]


def _leaning(
    request: RouteRequest,
    route: Route,
    policy: Policy,
    pressed: float,
    bounds: tuple[float, ...],
    before: int,
) -> tuple[float, ...]:
    """Bounds for a conversation on tier `before`, with what its prefix cache saves there."""
    tokens = 0 if request.previous is None else kept_tokens(request.previous, request.prompt_tokens)
    saved = saved_nanos(route.tiers[before][0], tokens) if tokens else 0.0
    if saved <= 0.0:
        return bounds
    costs: list[int | float | None] = [*_costs(request, route)]
    here = costs[before]
    if policy.usd_per_gain is None or here is None or None in costs:
        return priced(bounds, costs, before, saved)
    costs[before] = here - saved
    return _bounds(route, policy, pressed, costs)


def _costs(request: RouteRequest, route: Route) -> list[int | None]:
    """Of the first backend of each tier, as things are now."""
    return [marginal_nanos(tier[0], request) for tier in route.tiers]


def _details(
    request: RouteRequest, route: Route, policy: Policy, found: Gain, bounds: Sequence[float]
) -> dict[str, Any]:
    costs = _costs(request, route)
    return {
        "gain": round(found.gain, 4),
        "known": found.known,
        "novelty": round(found.novelty, 3),
        "family": found.family,
        "model_version": route.model.version,
        "policy": policy.name,
        "bounds": [round(each, 4) for each in bounds],
        "tiers": [
            {
                "tier": tier[0].tier,
                "model": tier[0].model,
                "expected_usd": None if cost is None else cost / 1e9,
            }
            for tier, cost in zip(route.tiers, costs, strict=True)
        ],
        **({"parts": dict(found.details)} if found.details else {}),
    }
