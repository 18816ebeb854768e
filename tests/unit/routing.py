"""Candidates and requests for the tests of the router."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from router.decision import Candidate, Previous, Route, RouteRequest
from router.features import estimate_prompt_tokens, needs
from router.gain import Gain, GainModel
from router.load import Load
from router.policy import Policy, named
from router.rules import Rule
from tests.fakes.plain_gain import PriorGain

CHAT = "chat.completions"
EVERYTHING = frozenset(
    {"chat", "completions", "embeddings", "tools", "vision", "json_schema", "logprobs"},
)


def candidate(
    model: str,
    backend: str = "gpu1",
    *,
    tier: str = "",
    window: int | None = None,
    features: frozenset[str] = EVERYTHING,
    prices: tuple[float, float] | None = (250.0, 2_000.0),
    cached: float | None = None,
) -> Candidate:
    each = prices or (None, None)
    return Candidate(model, backend, tier or model, window, features, *each, cached)


def request(
    fields: dict[str, Any] | str = "Hello",
    *,
    api: str = CHAT,
    tenant: str = "acme",
    project: str = "site",
    tags: dict[str, str] | None = None,
    **known: Any,
) -> RouteRequest:
    if isinstance(fields, str):
        fields = {"messages": [{"role": "user", "content": fields}]}
    size = estimate_prompt_tokens(fields, api)
    return RouteRequest(api, fields, size, needs(fields, api), tenant, project, tags or {}, **known)


def rule(position: int = 1, use: str = "large", **conditions: Any) -> Rule:
    return Rule(position=position, use="" if "policy" in conditions else use, **conditions)


@dataclass(frozen=True)
class FixedGain:
    """A GainModel that says one thing of every conversation, calibrated as if gains were spread evenly from 0
    to 1: a share of 0.3 has the bound 0.7."""

    says: float
    known: bool = True
    version: str = "fixed"

    def gain(self, request: RouteRequest) -> Gain:
        return Gain(self.says, self.known, 0.0, "chat", {"said": self.says} if request.explain else {})

    def gains(self, requests: Sequence[RouteRequest]) -> list[Gain]:
        return [self.gain(request) for request in requests]

    def threshold(self, large_share: float) -> float:
        return 1.0 - large_share


def route(
    *tiers: Candidate | tuple[Candidate, ...],
    policy: str | Policy = "balanced",
    fallback: tuple[Candidate, ...] = (),
    rules: tuple[Rule, ...] = (),
    targets: dict[str, tuple[Candidate, ...]] | None = None,
    model: GainModel | None = None,
    pacing: float = 0.0,
) -> Route:
    wrapped = tuple(tier if isinstance(tier, tuple) else (tier,) for tier in tiers)
    asked = named(policy) if isinstance(policy, str) else policy
    return Route("auto", asked, wrapped, fallback, rules, targets or {}, model or PriorGain(), pacing)


def previous(
    model: str, *, gain: float | None = None, prompt_tokens: int = 0, age_s: float = 60.0
) -> Previous:
    return Previous(model, gain, prompt_tokens, age_s)


def load(in_flight: int, slots: int = 4, *, hourly: bool = True) -> Load:
    return Load(in_flight, slots, hourly)
