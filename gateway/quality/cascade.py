"""A route that asks its cheapest tier first: its answer is judged before the client has it.

Every answer is an attempt of the same request, with a hold and a row of its own. An answer that was judged
away keeps its tokens and its cost, under the outcome `escalated`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from gateway.answering import answer_headers
from gateway.attempts import AttemptBudget
from gateway.caching.place import Place
from gateway.call import Api
from gateway.delivery import texts_of
from gateway.errors import GatewayError, UpstreamRejected
from gateway.exchange import Exchange, Tried
from gateway.quality.plans import CascadePlan
from gateway.sending import GaveUp, nobody_there, send, send_to_first
from gateway.settle import resolve, suspend
from metering.dialects.reported import Reported
from metering.event import Event
from metering.outcome import Outcome
from router.cascade import Judgement, judged, steps, without_logprobs
from router.decision import Candidate, Choice, Decision
from router.features import outline

KEPT = "kept"
NOT_ESCALATED = "not_escalated"
_DECIDED = ("rule", "budget")
"""Kinds of reasons that leave nothing to try."""


async def climb(exchange: Exchange, decision: Decision, place: Place | None) -> None:
    """Sends a request whose route may have a cascade. Raises as `send` does."""
    plan = exchange.snapshot.cascades.get(decision.route)
    call = exchange.call
    if plan is None or call.api is Api.EMBEDDINGS or decided(decision):
        return await send(exchange, decision, place)
    stairs = steps(exchange.snapshot.routes[decision.route], decision.choices)
    if call.stream or len(stairs) == 1:
        why = "stream" if call.stream else "one-tier"
        decision = exchange.journey.decision = _because(decision, f"{decision.reason},cascade:{why}")
        return await send(exchange, decision, place)
    await _Climb(exchange, _because(decision, "cascade"), plan).run(stairs, place)


def decided(decision: Decision) -> bool:
    """A rule said which model it must be, or which policy holds instead of the route's; or a budget did."""
    return decision.reason.partition(":")[0] in _DECIDED or ",rule:" in decision.reason


@dataclass(slots=True)
class _Held:
    """An answer that was judged doubtful, in case that nothing better comes."""

    tried: Tried
    event: Event
    body: bytes
    payload: dict[str, Any]
    earlier_nanos: int | None
    """What other answers had cost before it."""


class _Climb:
    """The censor of one request's answers."""

    def __init__(self, exchange: Exchange, decision: Decision, plan: CascadePlan) -> None:
        self._exchange = exchange
        self._plan = plan
        self._decision = exchange.journey.decision = decision
        self._budget = AttemptBudget(exchange.snapshot.settings.server.attempts)
        self._asked_logprobs = "logprobs" in outline(exchange.call.fields, exchange.call.api_name).needs
        self._forgo: tuple[str, str] | None = None
        """Who is asked without log-probabilities, since it refused the request with them."""
        self._held: _Held | None = None
        self._given = False

    async def run(self, stairs: list[tuple[Choice, ...]], place: Place | None) -> None:
        """Until the client has an answer. Raises what the last one met, if none came at all."""
        problem: GatewayError | None = None
        try:
            for step in stairs:
                try:
                    await self._ask(step, place, judge=step is not stairs[-1])
                except GaveUp as gave_up:
                    problem = gave_up.problem or problem
                except GatewayError as error:
                    if self._held is None:
                        raise
                    problem = error
                if self._given:
                    return
                if not self._budget.left:
                    break
            if self._held is None:
                raise problem or nobody_there(self._decision)
            self._give_held(self._held, problem)
        finally:
            self._let_go()

    async def _ask(self, step: tuple[Choice, ...], place: Place | None, *, judge: bool) -> None:
        censor = self if judge else None
        try:
            await send_to_first(self._exchange, self._decision, step, place, self._budget, censor)
        except UpstreamRejected:
            served = self._exchange.journey.served
            if not judge or served is None or self.adds(served) is None or not self._budget.left:
                raise
            # It may have refused what the gateway asked for, not what the client did.
            self._forgo = (served.model, served.backend)
            await send_to_first(self._exchange, self._decision, step, place, self._budget, censor)
            self._plan.without_logprobs.add(self._forgo)
        self._given = self._given or not judge

    # ------------------------------------------------------------------ as a censor

    def adds(self, candidate: Candidate) -> Mapping[str, Any] | None:
        """See Censor.adds."""
        who = (candidate.model, candidate.backend)
        if self._asked_logprobs or "logprobs" not in candidate.features:
            return None
        if who == self._forgo or who in self._plan.without_logprobs:
            return None
        return {"logprobs": True if self._exchange.call.api is Api.CHAT else 1}

    async def look(
        self, tried: Tried, body: bytes, payload: dict[str, Any], report: Reported | None
    ) -> tuple[bytes, dict[str, Any]] | None:
        """See Censor.look."""
        judgement = judged(self._exchange.call.fields, payload, self._plan.bar)
        self._explain(tried, judgement)
        self._let_go()
        if tried.added is not None:
            payload = without_logprobs(payload)
            body = orjson.dumps(payload)
        if judgement.doubt is None:
            self._given = True
            return body, payload
        event, journey = suspend(tried, report), self._exchange.journey
        self._held = _Held(tried, event, body, payload, journey.earlier_nanos)
        cost, before = event.cost_nanos, journey.earlier_nanos
        journey.earlier_nanos = None if cost is None or before is None else before + cost
        journey.ended(Outcome.REJECTED, 0)  # as far as the client is concerned, nothing has come yet
        return None

    def _explain(self, tried: Tried, judgement: Judgement) -> None:
        """In the reason of this attempt's row and of what follows, and in the metric."""
        doubt, confidence = judgement
        kept = "sure" if confidence is not None else "form"
        decision = _because(self._decision, f"cascade:{kept if doubt is None else doubt}")
        if self._exchange.call.explain:
            told = None if confidence is None else {k: round(v, 4) for k, v in confidence._asdict().items()}
            judgements = [*decision.details.get("cascade", ()), {"doubt": doubt, "confidence": told}]
            decision = decision._replace(details={**decision.details, "cascade": judgements})
        self._decision = tried.decision = self._exchange.journey.decision = decision
        self._exchange.services.metrics.judged(decision.route, KEPT if doubt is None else doubt)

    # ------------------------------------------------------------------ the answer held back

    def _let_go(self) -> None:
        """Another answer took its place, or the client has gone: its row says so."""
        held, self._held = self._held, None
        if held is not None:
            resolve(held.tried, held.event, Outcome.ESCALATED, output=_said(held))

    def _give_held(self, held: _Held, problem: GatewayError | None) -> None:
        """Nobody dearer could answer: a doubtful answer is better than none."""
        self._held = None
        tried, event, journey = held.tried, held.event, self._exchange.journey
        journey.earlier_nanos = held.earlier_nanos
        decision = _because(tried.decision, f"{tried.decision.reason},not-escalated")
        tried.decision = journey.decision = decision
        journey.served, journey.stand_in = tried.candidate, tried.served.stand_in
        if problem is not None:
            journey.extra["not_escalated"] = problem.error_code
        self._exchange.services.metrics.judged(decision.route, NOT_ESCALATED)
        resolve(tried, event, Outcome.COMPLETED, output=_said(held))
        journey.event, journey.error = event, ""
        journey.ended(Outcome.COMPLETED, tried.status)
        client = self._exchange.client
        client.unwatch()
        headers = answer_headers(journey, stream=False, cost_nanos=event.cost_nanos)
        client.answer(tried.status, headers, held.body)
        if self._exchange.snapshot.shadow is not None:
            self._exchange.services.shadow.offer(tried, lambda: held.payload)


def _said(held: _Held) -> str:
    return "".join(texts_of(held.payload))


def _because(decision: Decision, reason: str) -> Decision:
    return decision._replace(reason=reason)
