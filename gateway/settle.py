"""From an attempt's end to its one row: usage to price, price to event, event to ledger and metrics."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import orjson

from gateway.exchange import Exchange, Tried
from gateway.ids import ulid
from gateway.services import Services
from metering.event import Event
from metering.money import apply_markup
from metering.outcome import Outcome
from metering.usage import TokenUsage
from router.decision import Candidate
from router.features import prompt_text_parts

NOTHING_DONE = frozenset({Outcome.UPSTREAM_REFUSED, Outcome.UPSTREAM_FAILED})
"""Ends after which no upstream charges: it refused, was not reached, or said 429 or 5xx before any work."""


class Money(NamedTuple):
    """Of one event, in nano-dollars; None where unknown."""

    price_version: str
    list_nanos: int | None
    cost_nanos: int | None
    baseline_nanos: int | None


UNKNOWN = Money("", None, None, None)
NOTHING = Money("", 0, 0, None)


def money_of(tried: Tried, usage: TokenUsage) -> Money:
    """What the attempt costs, and what the same tokens would have cost unrouted."""
    exchange, candidate = tried.exchange, tried.candidate
    price, markup, dearest = exchange.snapshot.tariff(
        exchange.caller.tenant, tried.decision.route, candidate.model, candidate.backend, exchange.journey.day
    )
    if price is None:
        return UNKNOWN
    nanos = price.cost_nanos(usage)
    cost = apply_markup(nanos, markup)
    if dearest is price:
        return Money(price.version, nanos, cost, cost)
    baseline = None if dearest is None else apply_markup(dearest.cost_nanos(usage), markup)
    return Money(price.version, nanos, cost, baseline)


def baseline_nanos(exchange: Exchange, route: str, model: str, backend: str, usage: TokenUsage) -> int | None:
    """The same tokens, unrouted and uncached: on the route's dearest tier, or on the model itself."""
    _, markup, dearest = exchange.snapshot.tariff(
        exchange.caller.tenant, route, model, backend, exchange.journey.day
    )
    return None if dearest is None else apply_markup(dearest.cost_nanos(usage), markup)


def settle(tried: Tried, outcome: Outcome, *, error: str = "", usage: TokenUsage | None = None) -> Event:
    """Records the attempt. Without `usage`, its cost is nothing if nothing was done, else unknown."""
    without_usage = NOTHING if outcome in NOTHING_DONE else UNKNOWN
    money = without_usage if usage is None else money_of(tried, usage)
    event = _end(tried, outcome, error, usage, money)
    record(tried.exchange.services, event)
    return event


def settle_later(tried: Tried, outcome: Outcome, *, error: str, output: str) -> None:
    """Records the attempt once its tokens are counted: the upstream did work that it did not report. The
    row's times are those of now, not of when the counting ends."""
    draft = _end(tried, outcome, error, None, UNKNOWN)
    services, call = tried.exchange.services, tried.exchange.call

    async def count_and_record() -> None:
        prompt = "\n".join(prompt_text_parts(call.fields, call.api_name))
        usage = await services.counter.usage(tried.target, tried.served.upstream_model, prompt, output)
        record(services, _priced(draft, usage, money_of(tried, usage)))

    services.background.spawn(count_and_record())


def record(services: Services, event: Event) -> None:
    services.meter.record(event)
    services.metrics.attempt(event)


def make_event(
    exchange: Exchange,
    *,
    candidate: Candidate,
    route: str,
    reason: str,
    attempt: int,
    started_us: int,
    total_us: int,
    overhead_us: int,
    first_token_us: int | None,
    outcome: Outcome,
    status: int,
    error: str,
    usage: TokenUsage | None,
    money: Money,
    stand_in: bool,
) -> Event:
    """The one place that fills a row in."""
    caller, call, journey = exchange.caller, exchange.call, exchange.journey
    return Event(
        # One ULID serves the request and its first row: making another costs more than it tells.
        id=journey.ulid if attempt <= 1 else ulid(started_us * 1000),
        request_id=journey.request_id,
        attempt=attempt,
        started_us=started_us,
        finished_us=started_us + total_us,
        tenant=caller.tenant,
        cost_center=caller.cost_center,
        project=caller.project,
        key=caller.key,
        tags=orjson.dumps(dict(call.tags)).decode() if call.tags else "{}",
        api=call.api_name,
        requested_model=call.model,
        route=route,
        tier=candidate.tier,
        reason=reason,
        backend=candidate.backend,
        served_model=candidate.model,
        outcome=outcome,
        status=status,
        error=error,
        stream=call.stream,
        usage=usage,
        price_version=money.price_version,
        list_nanos=money.list_nanos,
        cost_nanos=money.cost_nanos,
        baseline_nanos=money.baseline_nanos,
        cache_status=journey.cache_status,
        queue_us=0,
        first_token_us=first_token_us,
        total_us=total_us,
        overhead_us=overhead_us,
        stand_in=stand_in,
    )


def _end(tried: Tried, outcome: Outcome, error: str, usage: TokenUsage | None, money: Money) -> Event:
    """The attempt is over: its event, and what the journey will tell of it."""
    assert not tried.settled, "an attempt is settled once"
    tried.settled = True
    journey = tried.exchange.journey
    now_s, first_s = journey.clock.monotonic(), tried.first_byte_s
    event = make_event(
        tried.exchange,
        candidate=tried.candidate,
        route=tried.decision.route,
        reason=tried.decision.reason,
        attempt=tried.number,
        started_us=journey.started_us + int((tried.began_s - journey.started_s) * 1e6),
        total_us=int((now_s - tried.began_s) * 1e6),
        overhead_us=_overhead_us(tried, now_s),
        first_token_us=None if first_s is None else int((first_s - tried.began_s) * 1e6),
        outcome=outcome,
        status=tried.status,
        error=error,
        usage=usage,
        money=money,
        stand_in=tried.served.stand_in,
    )
    journey.event, journey.outcome, journey.error = event, outcome, error
    return event


def _overhead_us(tried: Tried, now_s: float) -> int:
    """The first attempt carries what the gateway did before it; later ones only their own."""
    journey = tried.exchange.journey
    if tried.number == 1:
        return max(0, int((now_s - journey.started_s - journey.waited_s) * 1e6))
    return max(0, int((now_s - tried.began_s - (journey.waited_s - tried.waited_before_s)) * 1e6))


def _priced(draft: Event, usage: TokenUsage, money: Money) -> Event:
    return replace(
        draft,
        usage=usage,
        price_version=money.price_version,
        list_nanos=money.list_nanos,
        cost_nanos=money.cost_nanos,
        baseline_nanos=money.baseline_nanos,
    )
