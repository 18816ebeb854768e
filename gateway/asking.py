"""What a decision is told beside the request itself: budgets, loads, and how the conversation went so far."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.exchange import Exchange
from gateway.journey import Journey
from gateway.services import Services
from metering.budgets import BudgetUse
from metering.outcome import Outcome
from router.decision import NO_LOADS, Previous
from router.features import CHAT
from router.load import Load
from router.rules import Rule

_ANSWERED = (Outcome.COMPLETED, Outcome.CLIENT_GONE)
"""Whoever left a stream has seen some of it."""


def budget_uses(exchange: Exchange) -> tuple[BudgetUse, ...]:
    subject = exchange.journey.subject
    if subject is None:
        return ()
    return exchange.services.budgets.uses(subject, exchange.journey.started_us)


def loads(exchange: Exchange) -> Mapping[str, Load]:
    """Of the engines that could answer this request and whose slots are known."""
    engines = exchange.snapshot.engines.get(exchange.call.model)
    if engines is None:
        return NO_LOADS
    in_flight = exchange.services.fleet.in_flight
    return {backend: Load(in_flight(backend), slots, hourly) for backend, slots, hourly in engines}


def demand(rule: Rule) -> str:
    """What of a rule sets its requests apart from their twins without it (a tag less, another project): an
    answer kept for those must not be served here. Only economy is content with any answer."""
    if rule.use or rule.policy is None:
        return rule.use
    return "" if rule.policy.name == "economy" else f"policy {rule.policy.name}"


def last_turn(exchange: Exchange) -> Previous | None:
    return exchange.services.conversations.last(_digest(exchange.services, exchange.journey))


def remember(services: Services, journey: Journey) -> None:
    """Which model answered, for the conversation's next turn. After the client has its answer."""
    decision, served, call = journey.decision, journey.served, journey.call
    if decision is None or served is None or call is None or call.api_name != CHAT:
        return
    route = services.live.snapshot.routes.get(decision.route)
    if route is None or not route.sticky or journey.outcome not in _ANSWERED:
        return
    digest = _digest(services, journey)
    services.conversations.remember(digest, served.model, decision.gain, decision.prompt_tokens)


def _digest(services: Services, journey: Journey) -> bytes:
    if journey.conversation is None:
        caller, call = journey.caller, journey.call
        assert caller is not None, "only identified requests are routed"
        assert call is not None, "only understood requests are routed"
        journey.conversation = services.conversations.digest(
            caller.tenant, caller.key, call.model, call.fields
        )
    return journey.conversation
