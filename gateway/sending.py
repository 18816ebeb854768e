"""Attempts on the candidates of a decision, in order, until one of them answers: the road's last stage."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable

from gateway.admission import refusal
from gateway.attempt import Attempt
from gateway.attempts import AttemptBudget, Verdict, backoff_s
from gateway.backends.target import Target
from gateway.bounds import bound_of
from gateway.caching.place import Place
from gateway.delivery import Censor
from gateway.errors import GatewayError, Unavailable
from gateway.exchange import Exchange, Tried
from gateway.ids import ulid
from gateway.journey import Journey
from gateway.upstream_errors import AttemptFailed
from metering.budgets import Hold, Refused, Subject
from router.decision import Candidate, Choice, Decision


class GaveUp(Exception):
    """No machine of a candidate's backend answered. `problem` is what the last one met, None if none could
    be tried."""

    def __init__(self, problem: GatewayError | None) -> None:
        super().__init__()
        self.problem = problem


async def send(exchange: Exchange, decision: Decision, place: Place | None) -> None:
    """Tries the candidates in order, within one budget of attempts. Raises what the last one met."""
    budget = AttemptBudget(exchange.snapshot.settings.server.attempts)
    try:
        await send_to_first(exchange, decision, decision.choices, place, budget)
    except GaveUp as gave_up:
        raise gave_up.problem or nobody_there(decision) from None


async def send_to_first(
    exchange: Exchange,
    decision: Decision,
    choices: Iterable[Choice],
    place: Place | None,
    budget: AttemptBudget,
    censor: Censor | None = None,
) -> None:
    """Returns when one of them has answered. Raises GaveUp, or the error that the client must see."""
    problem: GatewayError | None = None
    for choice in choices:
        try:
            return await _send_to(exchange, decision, choice.candidate, place, budget, censor)
        except GaveUp as gave_up:
            problem = gave_up.problem or problem
        if budget.left == 0:
            break
    raise GaveUp(problem)


async def _send_to(
    exchange: Exchange,
    decision: Decision,
    candidate: Candidate,
    place: Place | None,
    budget: AttemptBudget,
    censor: Censor | None,
) -> None:
    """Attempts on one candidate's backend until it has answered. Raises GaveUp, or the error that the client
    must see."""
    retry = exchange.snapshot.settings.backends[candidate.backend].retry
    pick = exchange.services.fleet.pick
    tried: list[Target] = []
    problem: GatewayError | None = None
    while budget.left and (target := pick(candidate.backend, tried)) is not None:
        tried.append(target)
        subject = exchange.journey.subject
        hold = None if subject is None else await _hold(exchange, subject, decision, candidate)
        try:
            under_way = _begin(exchange, decision, candidate, target, budget.take(), hold)
            if censor is not None:
                under_way.added = censor.adds(candidate)
            return await Attempt(under_way, place, censor).run()
        except AttemptFailed as failed:
            if failed.verdict is Verdict.PASS_ON:
                raise failed.error from None
            problem = failed.error
            if failed.verdict is not Verdict.RETRY or not budget.left:
                break
            pause_s = backoff_s(retry, len(tried), failed.retry_after_s, random.random())
            if pause_s is None:
                break
            await _pause(exchange.journey, pause_s)
    raise GaveUp(problem)


async def _hold(exchange: Exchange, subject: Subject, decision: Decision, candidate: Candidate) -> Hold:
    """Room in every budget for the most that one more attempt can cost, a fallback's or a retry's too. Raises
    GaveUp where there is none on this candidate: a cheaper one may still fit."""
    desk, now_us = exchange.services.budgets, exchange.journey.now_us()
    served = exchange.snapshot.served[candidate.model, candidate.backend]
    bound = bound_of(exchange, decision, candidate, served)
    try:
        return desk.try_hold(subject, bound, now_us) or await desk.hold(subject, bound, now_us)
    except Refused as refused:
        raise GaveUp(refusal(exchange, refused)) from None


def _begin(
    exchange: Exchange,
    decision: Decision,
    candidate: Candidate,
    target: Target,
    number: int,
    hold: Hold | None,
) -> Tried:
    journey = exchange.journey
    served = exchange.snapshot.served[candidate.model, candidate.backend]
    journey.served, journey.stand_in, journey.attempts = candidate, served.stand_in, number
    # One ULID serves the request and its first row: making another costs more than it tells.
    event_id = journey.ulid if number == 1 else ulid(journey.clock.wall_ns())
    gpu = exchange.services.gpus.get(candidate.backend)
    now_s = journey.clock.monotonic()
    return Tried(
        exchange, decision, candidate, served, target, number, event_id, now_s, journey.waited_s, gpu, hold
    )


async def _pause(journey: Journey, seconds: float) -> None:
    await asyncio.sleep(seconds)
    journey.waited_s += seconds


def nobody_there(decision: Decision) -> Unavailable:
    backends = ", ".join(dict.fromkeys(choice.candidate.backend for choice in decision.choices))
    return Unavailable(
        f"No backend that could answer is available now ({backends}).",
        code="no_backend_available",
        headers=((b"retry-after", b"1"),),
    )
