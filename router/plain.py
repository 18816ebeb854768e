"""The first router: the file's rules, then a plain score against the policy's threshold, then what fits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from router.complexity import Complexity, complexity
from router.cost import with_costs
from router.decision import Candidate, Decision, NoCandidate, Route, RouteRequest, in_order
from router.fit import Fitting, described, fitting, nothing_fits
from router.rules import first_match

THRESHOLDS: Mapping[str, float] = {"economy": 0.50, "balanced": 0.40, "quality": 0.30}
"""Policy -> the score from which a request leaves the cheapest tier."""
TOP_SCORE = 0.70
"""Hardly any prompt scores more, so a last tier that began later would never be chosen."""


class PlainRouter:
    """A Router without state: the same request and route always give the same decision."""

    def decide(self, request: RouteRequest, route: Route) -> Decision:
        """Every candidate that fits, in the order of trying. Raises NoCandidate."""
        rule = first_match(route.rules, request, route.name)
        if rule is None:
            tier, reason, details = _scored(request, route)
            first, wanted = route.tiers[tier], route.tiers[tier][0].tier
            ordered = route.orders[tier]
        else:
            reason = wanted = f"rule:{rule.position}"
            details = {"rule": rule.position, "use": rule.use}
            first = route.rule_targets[rule.use]
            ordered = in_order(first, route, _tier_of(rule.use, route))
        found = fitting(_one_model(ordered, request), request)
        choices = found.fits or found.doubtful
        if not choices:
            raise NoCandidate(nothing_fits(found.dropped))
        if choices[0] not in first:
            reason = f"fit:{wanted}>{choices[0].tier}"
        return _decision(route.name, choices, found, request, reason, details)


def direct(candidates: Sequence[Candidate], request: RouteRequest) -> Decision:
    """For a model that the client named: its backends in the file's order. Raises NoCandidate.

    Only what cannot be is refused: a backend whose window is in doubt is asked, after those that fit.
    """
    found = fitting(candidates, request)
    choices = found.fits + found.doubtful
    if not choices:
        raise NoCandidate(nothing_fits(found.dropped))
    return _decision("", choices, found, request, "explicit", {})


def band(score: float, threshold: float, tiers: int) -> int:
    """Which tier a score means: the first below the threshold; from there to TOP_SCORE the others have equal
    parts, and the last has everything beyond."""
    if tiers == 1 or score < threshold:
        return 0
    return min(tiers - 1, 1 + int((score - threshold) / (TOP_SCORE - threshold) * (tiers - 1)))


def _scored(request: RouteRequest, route: Route) -> tuple[int, str, dict[str, Any]]:
    """(tier, reason, details) by the score."""
    if request.api == "embeddings":
        return 0, "embeddings", {}
    if request.economy:
        return 0, "budget:economy", {}
    found = complexity(request)
    threshold = THRESHOLDS[route.policy]
    sign = "<" if found.score < threshold else ">="
    tier = band(found.score, threshold, len(route.tiers))
    reason = f"score:{found.score:.2f}{sign}{threshold:.2f}"
    return tier, reason, _score_details(found, route.policy, threshold) if request.explain else {}


def _score_details(found: Complexity, policy: str, threshold: float) -> dict[str, Any]:
    return {
        "score": found.score,
        "last_turn": round(found.last_turn, 3),
        "earlier": round(found.earlier, 3),
        "request": round(found.request, 3),
        "policy": policy,
        "threshold": threshold,
    }


def _one_model(candidates: Sequence[Candidate], request: RouteRequest) -> Sequence[Candidate]:
    """Vectors of different models cannot be compared, so embeddings never move to another model: neither
    because a backend failed nor because an input is long."""
    if request.api != "embeddings":
        return candidates
    model = next((c.model for c in candidates if request.needs <= c.features), None)
    return [c for c in candidates if model in (None, c.model)]


def _tier_of(model: str, route: Route) -> int:
    """Where a rule's model stands among the tiers; the dearest where it does not: whoever writes a rule wants
    it followed upwards rather than down."""
    places = (n for n, tier in enumerate(route.tiers) if any(c.model == model for c in tier))
    return next(places, len(route.tiers) - 1)


def _decision(
    name: str,
    choices: Sequence[Candidate],
    found: Fitting,
    request: RouteRequest,
    reason: str,
    details: dict[str, Any],
) -> Decision:
    if request.explain:
        details["prompt_tokens"] = request.prompt_tokens
    if request.explain and found.dropped:
        details["dropped"] = [described(each) for each in found.dropped if each.candidate not in choices]
    return Decision(name, with_costs(choices, request), reason, details, request.prompt_tokens)
