"""From an attempt's end to its one row: usage to price, price to event, event to ledger and metrics."""

from __future__ import annotations

from typing import NamedTuple

import orjson

from gateway.exchange import Exchange, Tried
from gateway.lengths import learn_from
from gateway.services import Services
from gateway.snapshot import Snapshot
from metering.days import utc_day
from metering.dialects.reported import Reported
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
    avoided_nanos: int | None = None
    """Of a cache hit alone."""


UNKNOWN = Money("", None, None, None)
NOTHING = Money("", 0, 0, None)


def money_of(tried: Tried, report: Reported, now_s: float) -> Money:
    """What the attempt costs by its tokens, and what the same would have cost unrouted."""
    exchange, candidate = tried.exchange, tried.candidate
    return charge(
        exchange.snapshot,
        exchange.caller.tenant,
        tried.decision.route,
        candidate.model,
        candidate.backend,
        tried.started_us,
        report,
        int((now_s - tried.began_s) * 1e6),
    )


def charge(
    snapshot: Snapshot,
    tenant: str,
    route: str,
    model: str,
    backend: str,
    at_us: int,
    report: Reported,
    took_us: int,
) -> Money:
    """At the prices in force at that moment (UTC microseconds)."""
    price, factor, dearest, _ = snapshot.tariff(tenant, route, model, backend, utc_day(at_us))
    if price is None:
        return UNKNOWN
    usage, tier = report.usage, report.service_tier
    in_force = price.for_request(at_us, tier)
    nanos = in_force.cost_nanos(usage, took_us)
    cost = apply_markup(nanos, factor)
    if dearest is price:
        return Money(in_force.version, nanos, cost, cost)
    baseline = None
    if dearest is not None:
        baseline = apply_markup(dearest.for_request(at_us, tier).cost_nanos(usage, took_us), factor)
    return Money(in_force.version, nanos, cost, baseline)


def baseline_nanos(exchange: Exchange, route: str, model: str, backend: str, usage: TokenUsage) -> int | None:
    """The same tokens, unrouted and uncached: on the route's dearest tier, or on the model itself."""
    at_us = exchange.journey.started_us
    _, factor, dearest, _ = exchange.snapshot.tariff(
        exchange.caller.tenant, route, model, backend, exchange.journey.day
    )
    return None if dearest is None else apply_markup(dearest.for_request(at_us).cost_nanos(usage), factor)


def settle(tried: Tried, outcome: Outcome, *, error: str = "", report: Reported | None = None) -> Event:
    """Records the attempt. Without a report, its cost is nothing if nothing was done, else unknown."""
    event = _end(tried, outcome, error)
    _measure(tried, event, report)
    _let_go(tried, event)
    services = tried.exchange.services
    services.afterwards.row(record, services, event)
    return event


def settle_later(tried: Tried, outcome: Outcome, *, error: str, output: str) -> None:
    """Records the attempt once its tokens are counted: the upstream did work that it did not report. The
    row's times are those of now, not of when the counting ends."""
    _count_and_record(tried, _end(tried, outcome, error), output)


def suspend(tried: Tried, report: Reported | None) -> Event:
    """The attempt is over, and whether the client gets its answer is decided later: its row, and what budgets
    hold where nothing was reported, wait for `resolve`."""
    event = _end(tried, Outcome.ESCALATED, "")
    if report is not None:
        _measure(tried, event, report)
        _let_go(tried, event)
    return event


def resolve(tried: Tried, event: Event, outcome: Outcome, *, output: str) -> None:
    """Records a suspended attempt. `output` is counted where its upstream reported nothing."""
    event.outcome, event.reason = outcome, tried.decision.reason
    if event.usage is None:
        _count_and_record(tried, event, output)
    else:
        services = tried.exchange.services
        services.afterwards.row(record, services, event)


def _count_and_record(tried: Tried, event: Event, output: str) -> None:
    services, call = tried.exchange.services, tried.exchange.call

    async def count_and_record() -> None:
        prompt = "\n".join(prompt_text_parts(call.fields, call.api_name))
        usage = await services.counter.usage(tried.target, tried.served.upstream_model, prompt, output)
        _measure(tried, event, Reported(usage))
        _let_go(tried, event)
        record(services, event)

    services.background.spawn(count_and_record())


def _let_go(tried: Tried, event: Event) -> None:
    """The budgets are charged what the row says, and the rest of what they held is free again."""
    if tried.hold is not None:
        tried.hold.settle(event.cost_nanos, 0 if event.usage is None else event.usage.total)


def record(services: Services, event: Event) -> None:
    services.meter.record(event)
    services.metrics.attempt(event)
    learn_from(services.lengths, event)


def tags_text(tags: tuple[tuple[str, str], ...]) -> str:
    """As rows hold them."""
    return orjson.dumps(dict(tags)).decode() if tags else "{}"


def make_event(
    exchange: Exchange,
    *,
    event_id: str,
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
    """The one place that fills a row in. By position, in the order of Event: naming each of forty fields
    costs as much as filling them in."""
    caller, call, journey = exchange.caller, exchange.call, exchange.journey
    return Event(
        event_id, journey.request_id, attempt, started_us, started_us + total_us,
        caller.tenant, caller.cost_center, caller.project, caller.key, tags_text(call.tags),
        call.api_name, call.model, route, candidate.tier, reason, candidate.backend, candidate.model,
        outcome, status, error, call.stream,
        usage, money.price_version, money.list_nanos, money.cost_nanos, money.baseline_nanos,
        journey.cache_status, 0, first_token_us, total_us, overhead_us, stand_in,
        exchange.services.meter.process, None, None, None, None, "attempt" if attempt else "hit",
        "", journey.routing, money.avoided_nanos,
    )  # fmt: skip


def _end(tried: Tried, outcome: Outcome, error: str) -> Event:
    """The attempt is over: its event, not measured yet, and what the journey will tell of it."""
    assert not tried.settled, "an attempt is settled once"
    tried.settled = True
    journey = tried.exchange.journey
    now_s, first_s = journey.clock.monotonic(), tried.first_byte_s
    if tried.gpu is not None:
        tried.gpu_even_ns = tried.gpu.end(tried.gpu_begun)
    event = make_event(
        tried.exchange,
        event_id=tried.event_id,
        candidate=tried.candidate,
        route=tried.decision.route,
        reason=tried.decision.reason,
        attempt=tried.number,
        started_us=tried.started_us,
        total_us=int((now_s - tried.began_s) * 1e6),
        overhead_us=_overhead_us(tried, now_s),
        first_token_us=None if first_s is None else int((first_s - tried.began_s) * 1e6),
        outcome=outcome,
        status=tried.status,
        error=error,
        usage=None,
        money=NOTHING if outcome in NOTHING_DONE else UNKNOWN,
        stand_in=tried.served.stand_in,
    )
    journey.event, journey.outcome, journey.error = event, outcome, error
    return event


def _measure(tried: Tried, event: Event, report: Reported | None) -> None:
    """Fills in what the attempt used and cost: by its tokens or, where the backend is paid by the hour and
    its tokens have no price, by its GPU time."""
    if report is not None:
        event.usage = report.usage
        event.prefill_us, event.decode_us = report.prefill_us, report.decode_us
        _put(event, money_of(tried, report, tried.began_s + event.total_us / 1e6))
    if tried.gpu is None:
        return
    event.gpu_ns, event.gpu_nanos = tried.gpu.figure(event, tried.gpu_even_ns)
    if event.cost_nanos is None:
        exchange = tried.exchange
        factor = exchange.snapshot.settings.terms.factor(exchange.caller.tenant)
        cost = apply_markup(event.gpu_nanos, factor)
        _put(event, Money(tried.gpu.price.version, event.gpu_nanos, cost, _gpu_baseline(tried, event, cost)))


def _gpu_baseline(tried: Tried, event: Event, cost_nanos: int) -> int | None:
    """Of an attempt that GPU time paid for: its own cost where nothing dearer stood above it."""
    candidate, exchange = tried.candidate, tried.exchange
    own = (candidate.model, candidate.backend)
    if exchange.snapshot.baseline(tried.decision.route, *own) == own:
        return cost_nanos
    if event.usage is None:
        return None
    return baseline_nanos(exchange, tried.decision.route, *own, event.usage)


def _put(event: Event, money: Money) -> None:
    event.price_version, event.list_nanos, event.cost_nanos, event.baseline_nanos, _ = money


def _overhead_us(tried: Tried, now_s: float) -> int:
    """The first attempt carries what the gateway did before it; later ones only their own."""
    journey = tried.exchange.journey
    if tried.number == 1:
        return max(0, int((now_s - journey.started_s - journey.waited_s) * 1e6))
    return max(0, int((now_s - tried.began_s - (journey.waited_s - tried.waited_before_s)) * 1e6))
