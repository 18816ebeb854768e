"""The router: the file's rules, then the gain against the policy's bounds, then what fits and has room.

Pure: the same request and route always give the same decision. What it knows of the world (the time, budgets,
loads, the conversation's last turn) is part of the request.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from router.by_gain import First, at_tier, by_gain
from router.cost import marginal_nanos, with_costs
from router.decision import Candidate, Decision, Look, NoCandidate, Route, RouteRequest, in_order
from router.fit import Fitting, described, fitting, nothing_fits
from router.rules import Rule, first_match


class GainRouter:
    """A Router without state."""

    def decide(self, request: RouteRequest, route: Route, rule: Rule | Look | None = Look.IT_UP) -> Decision:
        """Every candidate that fits, in the order of trying. Raises NoCandidate."""
        if rule is Look.IT_UP:
            rule = first_match(route.rules, request, route.name)
        first = _ruled(rule, route) if rule is not None and rule.use else _by_policy(request, route, rule)
        found = fitting(_one_model(first.ordered, request), request)
        choices = found.fits or found.doubtful
        if not choices:
            raise NoCandidate(nothing_fits(found.dropped))
        reason = first.reason
        if choices[0] not in first.candidates:
            wanted = reason if first.ruled else first.candidates[0].tier
            reason = f"fit:{wanted}>{choices[0].tier}"
        elif request.loads:
            moved = with_room(choices, first.candidates, request, not first.ruled)
            if moved[0] not in first.candidates:
                reason = f"load:{choices[0].tier}>{moved[0].tier}"
            choices = moved
        if request.explain:
            _explain(first.details, choices, found, request)
        gain = first.found
        known, version = (None, "") if gain is None else (gain.known, route.model.version)
        return Decision(
            route.name,
            with_costs(choices, request),
            reason,
            first.details,
            request.prompt_tokens,
            None if gain is None else gain.gain,
            first.threshold,
            known,
            version,
            first.tier,
        )


def asks_gain(request: RouteRequest, route: Route, rule: Rule | None) -> bool:
    """Whether `decide` would ask the route's model."""
    if rule is not None and rule.use:
        return False
    return _without_gain(request, route) is None


def direct(candidates: Sequence[Candidate], request: RouteRequest) -> Decision:
    """For a model that the client named: its backends in the file's order. Raises NoCandidate.

    Only what cannot be is refused: a backend whose window is in doubt is asked, after those that fit.
    """
    found = fitting(candidates, request)
    choices = found.fits + found.doubtful
    if not choices:
        raise NoCandidate(nothing_fits(found.dropped))
    if request.loads:
        choices = with_room(choices, choices, request, False)
    details: dict[str, Any] = {}
    if request.explain:
        _explain(details, choices, found, request)
    return Decision("", with_costs(choices, request), "explicit", details, request.prompt_tokens)


def with_room(
    choices: Sequence[Candidate], first: Sequence[Candidate], request: RouteRequest, may_burst: bool
) -> tuple[Candidate, ...]:
    """Those whose engine has no room go behind the others: behind all of them where another model may answer,
    else behind those of `first` alone. Where nobody has room the order stays."""
    full = [each for each in choices if (load := request.loads.get(each.backend)) and load.saturated]
    if not full or len(full) == len(choices):
        return tuple(choices)
    if may_burst:
        return (*(each for each in choices if each not in full), *full)
    leading = [each for each in choices if each in first]
    behind = [each for each in choices if each not in first]
    free = [each for each in leading if each not in full]
    return (*free, *(each for each in leading if each in full), *behind)


def _ruled(rule: Rule, route: Route) -> First:
    first = route.rule_targets[rule.use]
    tier = route.tier_of(first[0].model)
    # Outside the tiers the dearest follows: whoever writes a rule wants it followed upwards rather than down.
    ordered = in_order(first, route, len(route.tiers) - 1 if tier is None else tier)
    reason = f"rule:{rule.position}"
    return First(first, ordered, tier, reason, {"rule": rule.position, "use": rule.use}, ruled=True)


def _by_policy(request: RouteRequest, route: Route, rule: Rule | None) -> First:
    policy = route.policy if rule is None or rule.policy is None else rule.policy
    if (why := _without_gain(request, route)) is not None:
        return at_tier(route, 0, why, {})
    chosen = by_gain(request, route, policy)
    if rule is None:
        return chosen
    if request.explain:
        chosen.details["rule"] = rule.position
    return chosen._replace(reason=f"{chosen.reason},rule:{rule.position}")


def _without_gain(request: RouteRequest, route: Route) -> str | None:
    """Why the cheapest tier it is, whatever the gain; None where the gain decides."""
    if request.api == "embeddings":
        return "embeddings"
    if request.economy:
        return "budget:economy"
    return "single" if len(route.tiers) == 1 else None


def _one_model(candidates: Sequence[Candidate], request: RouteRequest) -> Sequence[Candidate]:
    """Vectors of different models cannot be compared, so embeddings never move to another model: neither
    because a backend failed nor because an input is long."""
    if request.api != "embeddings":
        return candidates
    model = next((c.model for c in candidates if request.needs <= c.features), None)
    return [c for c in candidates if model in (None, c.model)]


def _explain(
    details: dict[str, Any], choices: Sequence[Candidate], found: Fitting, request: RouteRequest
) -> None:
    details["prompt_tokens"] = request.prompt_tokens
    if request.loads:
        details["load"] = {
            backend: {"in_flight": load.in_flight, "slots": load.slots}
            for backend, load in request.loads.items()
        }
        details["marginal_usd"] = {
            f"{each.model} on {each.backend}": None if nanos is None else nanos / 1e9
            for each in choices
            for nanos in [marginal_nanos(each, request)]
        }
    if found.dropped:
        details["dropped"] = [described(each) for each in found.dropped if each.candidate not in choices]
