"""One recorded row decided again: the request that the router would see, and what it would choose."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import orjson

from gateway.replay.gains import NotRecorded, RecordedGain
from gateway.snapshot import Snapshot
from metering.budgets import BudgetUse
from metering.event import Event, Routing
from router.decision import Candidate, NoCandidate, Route, Router, RouteRequest

Tags = tuple[tuple[str, str], ...]


class Replayed(NamedTuple):
    """A route of the new file with everything that is needed to choose on it without a prompt."""

    router: Router
    route: Route
    gains: RecordedGain


RoutesOf = Callable[[Snapshot], Mapping[str, Replayed]]
"""How the routes of a configuration are made ready: by the gateway's own router, with recorded gains."""


class Again(NamedTuple):
    """What the router says of one row."""

    candidate: Candidate | None
    """None where nothing could be decided."""
    why_not: str
    """Why the row stays as it was; '' where it was decided."""


class Decider:
    """One configuration's decisions."""

    def __init__(self, snapshot: Snapshot, routes: Mapping[str, Replayed]) -> None:
        self.snapshot = snapshot
        self._routes = routes

    def decide(
        self,
        event: Event,
        tags: Tags,
        *,
        economy: bool = False,
        budgets: tuple[BudgetUse, ...] = (),
        output_tokens: int | None = None,
    ) -> Again:
        """`output_tokens`: what was expected of the answer before it came."""
        routing = event.routing
        why_not = self._cannot(event, routing)
        if routing is None or why_not:
            return Again(None, why_not)
        replayed = self._routes[event.route]
        replayed.gains.now = routing
        asked = asked_again(event, routing, tags)._replace(
            economy=economy, budgets=budgets, expected_output_tokens=output_tokens
        )
        try:
            decision = replayed.router.decide(asked, replayed.route)
        except NotRecorded as missing:
            return Again(None, str(missing))
        except NoCandidate:
            return Again(None, "no model of the new file can serve it")
        if self._climbs(event, decision.reason):
            return Again(
                None, f"the new file's route {event.route} is a cascade: no answer is stored to judge"
            )
        return Again(decision.choices[0].candidate, "")

    def _climbs(self, event: Event, reason: str) -> bool:
        """Whether a cascade would have asked tier after tier: neither streams, nor what a rule or a budget
        decides."""
        if event.route not in self.snapshot.cascades or event.stream or event.api == "embeddings":
            return False
        return not reason.startswith(("rule:", "budget:")) and ",rule:" not in reason

    def _cannot(self, event: Event, routing: Routing | None) -> str:
        if event.kind == "hit":
            return "the cache answered, before any routing"
        if not event.route:
            return "the client named a model"
        if event.reason.startswith("cascade"):
            return "a cascade decided, by the answer"
        if event.attempt > 1:
            return "a later attempt: a backend failed, whatever the policy"
        if event.route not in self._routes:
            return f"the new file has no route {event.route}"
        return "" if routing is not None else "an older release recorded nothing of its routing"


def asked_again(event: Event, routing: Routing, tags: Tags) -> RouteRequest:
    """The request as the router saw it, but for its text, which nobody keeps, and what budgets said."""
    needs = frozenset(routing.needs.split(",")) if routing.needs else frozenset()
    return RouteRequest(
        api=event.api,
        fields={},
        prompt_tokens=routing.prompt_tokens,
        needs=needs | {event.api.partition(".")[0]},
        tenant=event.tenant,
        project=event.project,
        tags=dict(tags),
        explain=False,
        at_us=event.started_us,
    )


def tags_of(event: Event) -> Tags:
    """As the budgets and rules see them."""
    if event.tags == "{}":
        return ()
    return tuple(sorted((str(name), str(value)) for name, value in orjson.loads(event.tags).items()))
