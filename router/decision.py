"""What a router is told, and what it answers: plain values, so that decisions can be tested and replayed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from itertools import chain
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from metering.budgets.model import BudgetUse
from router.load import Load
from router.policy import Policy, share_bounds
from router.rules import Rule

if TYPE_CHECKING:
    from router.gain import Gain, GainModel

SPREAD = (0.1, 0.9)
"""Between the gains that these shares of conversations reach lie most of them."""
MARGIN = 0.1
"""Of that spread: how clear a change of mind must be."""
NO_LOADS: Mapping[str, Load] = MappingProxyType({})


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
    cached_nanos_per_token: float | None = None
    """Of input that the vendor has in its prefix cache; None where unknown."""


class Previous(NamedTuple):
    """How the conversation's last turn was answered."""

    model: str
    gain: float | None
    prompt_tokens: int
    age_s: float
    """Since that answer."""


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
    at_us: int = 0
    """UTC microseconds: rules ask for the time of day."""
    budgets: tuple[BudgetUse, ...] = ()
    """How far each budget over the request is spent; empty where no rule and no pacing asks."""
    previous: Previous | None = None
    """None for a first turn, or where nothing is remembered."""
    loads: Mapping[str, Load] = NO_LOADS
    """By backend, of those whose slots are known."""
    gain: Gain | None = None
    """What the route's model says of it, for a caller that has asked already, of many requests at once."""


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
    """Why the first choice is first: short, stable, fit for a header (`rule:2`, `gain:0.118<0.124`)."""
    details: Mapping[str, Any]
    """For `x-weir-route: explain`: the gain's parts, the policy, what was dropped and why. Empty where nobody
    asked."""
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
    tier: int | None = None
    """The tier that was wanted, before fit and load; None where a rule or the client named a model that is
    none."""


class NoCandidate(Exception):
    """Nothing can serve this request. `message` names what was missing from each candidate."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Look(Enum):
    """Instead of the rule that matches: find it."""

    IT_UP = auto()


class Router(Protocol):
    def decide(self, request: RouteRequest, route: Route, rule: Rule | Look | None = Look.IT_UP) -> Decision:
        """`rule` is what `first_match` found, for a caller that has asked already. Raises NoCandidate."""
        ...


@dataclass(frozen=True, slots=True)
class Route:
    """A virtual model with everything the router may choose from, cheap to dear, fallbacks last."""

    name: str
    policy: Policy
    tiers: tuple[tuple[Candidate, ...], ...]
    """Per tier the candidates (one per backend that serves the tier's model), in the file's order."""
    fallback: tuple[Candidate, ...]
    rules: tuple[Rule, ...]
    rule_targets: Mapping[str, tuple[Candidate, ...]]
    """What a rule uses -> candidates, for every `use:` of the rules."""
    model: GainModel
    pacing: float = 0.0
    """The largest part of its dear calls that pacing may take away; 0 where nothing is paced."""
    sticky: bool = True
    orders: tuple[tuple[Candidate, ...], ...] = field(init=False)
    """Per tier, what to try in which order when it is the one chosen: itself, the dearer ones upwards, the
    cheaper ones downwards, the fallbacks; each model on each backend once."""
    bounds: Mapping[str, tuple[float, ...]] = field(init=False, repr=False, compare=False)
    """Name of a policy, the route's or a rule's -> the gain from which a conversation leaves each tier, as
    long as nothing of the request itself changes that."""
    margin: float = field(init=False, repr=False, compare=False)
    """How far beyond a bound a gain must be before a conversation changes its tier."""

    def __post_init__(self) -> None:
        orders = tuple(in_order((), self, tier) for tier in range(len(self.tiers)))
        object.__setattr__(self, "orders", orders)
        policies = {self.policy, *(rule.policy for rule in self.rules if rule.policy is not None)}
        object.__setattr__(
            self,
            "bounds",
            {each.name: share_bounds(self.model, each.share, len(self.tiers)) for each in policies},
        )
        spread = self.model.threshold(SPREAD[0]) - self.model.threshold(SPREAD[1])
        object.__setattr__(self, "margin", MARGIN * max(0.0, spread))

    def tier_of(self, model: str) -> int | None:
        """The place of a model among the tiers."""
        places = (n for n, tier in enumerate(self.tiers) if any(c.model == model for c in tier))
        return next(places, None)


def in_order(first: Iterable[Candidate], route: Route, tier: int) -> tuple[Candidate, ...]:
    """`first`, then the order around that tier; each model on each backend once, where it comes first."""
    tiers = (*route.tiers[tier:], *reversed(route.tiers[:tier]))
    once: dict[tuple[str, str], Candidate] = {}
    for candidate in (*first, *chain.from_iterable(tiers), *route.fallback):
        once.setdefault((candidate.model, candidate.backend), candidate)
    return tuple(once.values())
