"""What a router is told, and what it answers: plain values, so that decisions can be tested and replayed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, NamedTuple, Protocol


@dataclass(frozen=True, slots=True)
class Candidate:
    """One model on one backend that could answer."""

    model: str
    backend: str
    tier: str
    """`small`, `large`, `tier-2`... within the route, `fallback`, or `direct` for a model named outright."""
    context_tokens: int | None
    features: frozenset[str]
    input_nanos_per_token: float | None
    """Expected list price in nano-dollars per token; None where unknown. For ranking, never for billing."""
    output_nanos_per_token: float | None


class RouteRequest(NamedTuple):
    """The conversation and who asks. `fields` is the request's JSON, read-only."""

    api: str
    fields: Mapping[str, Any]
    prompt_tokens: int
    """An estimate, good to a factor of two; the fit check asks for better where it matters."""
    needs: frozenset[str]
    """Features the request cannot do without: chat, tools, vision, json_schema, logprobs, embeddings..."""
    tenant: str
    project: str
    tags: Mapping[str, str]
    explain: bool = True
    """Whether anybody will read the decision's details."""
    economy: bool = False
    """A budget asks for the cheap tiers."""
    expected_output_tokens: int | None = None
    """Of an answer to such a request, from what was metered; None where nothing is known."""


class Choice(NamedTuple):
    """A candidate in the order of trying, with what it is expected to cost."""

    candidate: Candidate
    expected_nanos: int | None


class Decision(NamedTuple):
    """Never empty: a router that finds nothing raises NoCandidate."""

    route: str
    """The virtual model, or '' where the client named a model."""
    choices: tuple[Choice, ...]
    reason: str
    """Why the first choice is first: short, stable, fit for a header (`rule:2`, `score:0.31<0.50`)."""
    details: Mapping[str, Any]
    """For `x-weir-route: explain`: the score's parts, the threshold, what was dropped and why. Empty where
    nobody asked."""
    prompt_tokens: int = 0
    """The estimate that the decision was made with."""
    gain: float | None = None
    """Expected quality of the dearest tier minus the cheapest's; None where no model was asked."""
    threshold: float | None = None
    """The gain from which the policy leaves the cheapest tier; None where no policy was asked."""
    known: bool | None = None
    """False: the prior spoke, because the conversation is far from what the model knows."""
    model_version: str = ""
    """Names the artefact that predicted the gain; '' where none was asked."""


class NoCandidate(Exception):
    """Nothing can serve this request. `message` names what was missing from each candidate."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Router(Protocol):
    def decide(self, request: RouteRequest, route: Route) -> Decision:
        """Raises NoCandidate."""
        ...


@dataclass(frozen=True, slots=True)
class Rule:
    """Compiled from the file's `rules:`. None means: not asked."""

    position: int
    """1-based, as a reader of the file counts."""
    use: str
    tenant: str | None
    project: str | None
    tags: Mapping[str, str]
    model: str | None
    api: str | None
    prompt_tokens_over: int | None
    prompt_tokens_under: int | None
    tools: bool | None


@dataclass(frozen=True, slots=True)
class Route:
    """A virtual model with everything the router may choose from, cheap to dear, fallbacks last."""

    name: str
    policy: str
    tiers: tuple[tuple[Candidate, ...], ...]
    """Per tier the candidates (one per backend that serves the tier's model), in the file's order."""
    fallback: tuple[Candidate, ...]
    rules: tuple[Rule, ...]
    rule_targets: Mapping[str, tuple[Candidate, ...]]
    """Model name -> candidates, for every `use:` of the rules."""
    orders: tuple[tuple[Candidate, ...], ...] = field(init=False)
    """Per tier, what to try in which order when it is the one chosen: itself, the dearer ones upwards, the
    cheaper ones downwards, the fallbacks; each model on each backend once."""

    def __post_init__(self) -> None:
        orders = tuple(in_order((), self, tier) for tier in range(len(self.tiers)))
        object.__setattr__(self, "orders", orders)


def in_order(first: Iterable[Candidate], route: Route, tier: int) -> tuple[Candidate, ...]:
    """`first`, then the order around that tier; each model on each backend once, where it comes first."""
    tiers = (*route.tiers[tier:], *reversed(route.tiers[:tier]))
    once: dict[tuple[str, str], Candidate] = {}
    for candidate in (*first, *chain.from_iterable(tiers), *route.fallback):
        once.setdefault((candidate.model, candidate.backend), candidate)
    return tuple(once.values())
