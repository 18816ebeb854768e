"""Where a request meets limits, before it is routed, and how a refusal of limits and budgets looks."""

from __future__ import annotations

from functools import partial

from gateway.budget_settings import is_limit
from gateway.errors import BudgetExceeded, GatewayError, LimitReached, Unavailable
from gateway.exchange import Exchange
from gateway.front.wire import Header
from metering.budgets import Refused, Subject


async def admit(exchange: Exchange) -> None:
    """The request's place under the limits of its tenant and key. Raises LimitReached or Unavailable."""
    desk, journey, caller = exchange.services.budgets, exchange.journey, exchange.caller
    journey.subject = subject = Subject(caller.tenant, caller.project, caller.key, exchange.call.tags)
    if not exchange.snapshot.limited:
        return
    now_us = journey.started_us
    try:
        permit = desk.try_permit(subject, now_us) or await desk.permit(subject, now_us)
    except Refused as refused:
        journey.limits = partial(desk.limits, subject, now_us)
        raise refusal(exchange, refused) from None
    journey.permit, journey.limits = permit, permit.limits


def wants_economy(exchange: Exchange) -> bool:
    """Whether a budget is so far spent that the cheap tiers are to be preferred."""
    subject = exchange.journey.subject
    if subject is None or not exchange.snapshot.thrifty:
        return False
    return exchange.services.budgets.action(subject, exchange.journey.started_us) == "economy"


def refusal(exchange: Exchange, refused: Refused) -> GatewayError:
    """As the client sees it. Whether trying again can help is said in the way SDKs listen to."""
    exchange.services.metrics.refused(refused.counter, refused.reason)
    exchange.journey.extra["budget"] = refused.counter
    retry_s = max(1, round(refused.retry_after_s + 0.5))
    retry: tuple[Header, ...] = ((b"retry-after", b"%d" % retry_s),)
    if refused.reason == "away":
        return Unavailable(str(refused), code="budget_state_away", headers=retry)
    if not is_limit(refused.budget):
        soon = refused.spent + refused.needed <= refused.limit
        again = (b"x-should-retry", b"true" if soon else b"false")
        return BudgetExceeded(str(refused), headers=(*retry, again) if soon else (again,))
    return LimitReached(str(refused), headers=retry)
