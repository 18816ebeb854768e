"""A kept answer given to a client, in the form that was asked for, and its row."""

from __future__ import annotations

import asyncio

import orjson

from cache.base import Entry
from gateway.answering import answer_headers
from gateway.caching.lookup import Found
from gateway.exchange import Exchange
from gateway.fold import replay, replayed
from gateway.front.wire import Header
from gateway.hit_money import hit_money, kept_usage
from gateway.settle import make_event, record
from metering.event import Event
from metering.outcome import Outcome
from router.decision import Candidate, Decision

WORDS_PER_S = 40
"""Of a replay at natural pace: about what a large model writes."""
_PACES = {b"natural": True, b"at-once": False}


async def serve_kept(exchange: Exchange, found: Found) -> None:
    """Records the hit, then answers."""
    journey, call, client, entry = exchange.journey, exchange.call, exchange.client, found.entry
    route = call.model if call.model in exchange.snapshot.routes else ""
    reason = f"cache:{found.tier}"
    journey.served = Candidate(entry.served_model, entry.backend, "cache", None, frozenset(), None, None)
    journey.decision = Decision(route=route, choices=(), reason=reason, details={})
    journey.stand_in = entry.stand_in
    journey.event = _hit(exchange, entry, journey.served, route, reason)
    exchange.services.afterwards.row(record, exchange.services, journey.event)
    journey.ended(Outcome.CACHED, 200)
    beside: list[Header] = [(b"x-weir-cache-id", entry.id.encode())]
    if found.score is not None:
        beside.append((b"x-weir-cache-score", b"%.3f" % found.score))
    if not call.stream:
        headers = [*answer_headers(journey, stream=False, cost_nanos=0), *beside]
        return client.answer(200, headers, entry.body)
    answer = orjson.loads(entry.body)
    client.start(200, [*answer_headers(journey, stream=True), *beside])
    if _naturally(exchange):
        await _at_natural_pace(
            exchange, replayed(call.api, answer, wants_usage=call.wants_usage, by_word=True)
        )
    else:
        client.finish(replay(call.api, answer, wants_usage=call.wants_usage))


def _naturally(exchange: Exchange) -> bool:
    natural = exchange.snapshot.caches.of(exchange.call.model).natural
    return _PACES.get((exchange.client.header(b"x-weir-replay") or b"").strip().lower(), natural)


async def _at_natural_pace(exchange: Exchange, events: list[bytes]) -> None:
    client, journey = exchange.client, exchange.journey
    from_s = journey.clock.monotonic()
    for event in events[:-1]:
        await client.send(event)
        await asyncio.sleep(1 / WORDS_PER_S)
    journey.waited_s += journey.clock.monotonic() - from_s
    client.finish(events[-1])


def _hit(exchange: Exchange, entry: Entry, candidate: Candidate, route: str, reason: str) -> Event:
    journey = exchange.journey
    usage = kept_usage(entry)
    total_us = journey.now_us() - journey.started_us
    return make_event(
        exchange,
        event_id=journey.ulid,
        candidate=candidate,
        route=route,
        reason=reason,
        attempt=0,
        started_us=journey.started_us,
        total_us=total_us,
        overhead_us=total_us,
        first_token_us=None,
        outcome=Outcome.CACHED,
        status=200,
        error="",
        usage=usage,
        money=hit_money(exchange, route, entry, usage),
        stand_in=entry.stand_in,
    )
