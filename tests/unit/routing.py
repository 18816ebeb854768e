"""Candidates and requests for the tests of the router."""

from __future__ import annotations

from typing import Any

from router.decision import Candidate, Route, RouteRequest, Rule
from router.features import estimate_prompt_tokens, needs

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
) -> Candidate:
    each = prices or (None, None)
    return Candidate(model, backend, tier or model, window, features, *each)


def request(
    fields: dict[str, Any] | str = "Hello",
    *,
    api: str = CHAT,
    tenant: str = "acme",
    project: str = "site",
    tags: dict[str, str] | None = None,
) -> RouteRequest:
    if isinstance(fields, str):
        fields = {"messages": [{"role": "user", "content": fields}]}
    size = estimate_prompt_tokens(fields, api)
    return RouteRequest(api, fields, size, needs(fields, api), tenant, project, tags or {})


def rule(position: int = 1, use: str = "large", **conditions: Any) -> Rule:
    asked: dict[str, Any] = dict.fromkeys(
        ("tenant", "project", "model", "api", "prompt_tokens_over", "prompt_tokens_under", "tools")
    )
    return Rule(position=position, use=use, **{**asked, "tags": {}, **conditions})


def route(
    *tiers: Candidate | tuple[Candidate, ...],
    policy: str = "balanced",
    fallback: tuple[Candidate, ...] = (),
    rules: tuple[Rule, ...] = (),
    targets: dict[str, tuple[Candidate, ...]] | None = None,
) -> Route:
    wrapped = tuple(tier if isinstance(tier, tuple) else (tier,) for tier in tiers)
    return Route("auto", policy, wrapped, fallback, rules, targets or {})
