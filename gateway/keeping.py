"""The cache's place on the road: where an answer is kept, serving one, keeping one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from cache.admission import cacheable_request, whole_answer
from cache.base import Entry, EntryKey, PartitionKey
from cache.partition import Scope, request_keys
from gateway.answering import answer_headers
from gateway.exchange import Exchange, Tried
from gateway.fold import replay
from gateway.hit_money import bought, hit_money, kept_usage
from gateway.settle import make_event, record
from metering.dialects.reported import Reported
from metering.event import Event
from metering.outcome import Outcome
from router.decision import Candidate, Decision


class Place(NamedTuple):
    """Where the answer to this request is, or would be, kept."""

    partition: PartitionKey
    entry: EntryKey
    ttl_us: int
    max_bytes: int


def place_of(exchange: Exchange, ruled: str) -> Place | None:
    """None where this request may neither be served from the cache nor be kept. `ruled` is the model that a
    rule demands, or ''."""
    call, caller = exchange.call, exchange.caller
    settings = exchange.snapshot.settings.cache
    if (
        not settings.exact
        or call.cache_control.no_store
        or cacheable_request(call.api_name, call.fields) is not None
    ):
        return None
    scope = Scope(
        tenant=caller.tenant,
        project=caller.project if settings.share in ("project", "key") else None,
        key=caller.key if settings.share == "key" else None,
    )
    secret = exchange.services.cache_secret
    name = f"{call.model} {ruled}"  # no model's name holds a space
    partition, entry = request_keys(secret, scope, call.api_name, name, call.fields)
    return Place(partition, entry, int(settings.ttl * 1e6), settings.max_entry)


def lookup(exchange: Exchange, place: Place | None) -> Entry | None:
    control = exchange.call.cache_control
    if place is None or control.no_cache:
        return None
    journey, services = exchange.journey, exchange.services
    found = services.cache.get(place.partition, place.entry, journey.started_us)
    if found is not None and not control.serves(journey.started_us - found.stored_us):
        found = None
    journey.cache_status = "miss" if found is None else "exact"
    services.metrics.cache(journey.cache_status)
    return found


def keep(tried: Tried, place: Place, body: bytes, answer: Mapping[str, Any], report: Reported | None) -> None:
    """Stores a whole answer, once, in its non-streamed form."""
    exchange = tried.exchange
    if len(body) > place.max_bytes or whole_answer(exchange.call.api_name, answer) is not None:
        return
    now_us = exchange.journey.now_us()
    entry = Entry(
        id="hit_" + exchange.journey.ulid,
        tenant=exchange.caller.tenant,
        body=body,
        served_model=tried.candidate.model,
        backend=tried.candidate.backend,
        stored_us=now_us,
        expires_us=now_us + place.ttl_us,
        stand_in=tried.served.stand_in,
        **bought(tried, report)._asdict(),
    )
    exchange.services.cache.put(place.partition, place.entry, entry)


async def serve_kept(exchange: Exchange, entry: Entry) -> None:
    """Answers from the cache, in the form that was asked for, and records the hit."""
    journey, call, client = exchange.journey, exchange.call, exchange.client
    route = call.model if call.model in exchange.snapshot.routes else ""
    journey.served = Candidate(entry.served_model, entry.backend, "cache", None, frozenset(), None, None)
    journey.decision = Decision(route=route, choices=(), reason="cache:exact", details={})
    journey.stand_in = entry.stand_in
    journey.event = _hit(exchange, entry, journey.served, route)
    exchange.services.afterwards.row(record, exchange.services, journey.event)
    journey.ended(Outcome.CACHED, 200)
    hit_id = (b"x-weir-cache-id", entry.id.encode())
    if call.stream:
        body = replay(call.api, orjson.loads(entry.body), wants_usage=call.wants_usage)
        client.start(200, [*answer_headers(journey, stream=True), hit_id])
        client.finish(body)
    else:
        client.answer(200, [*answer_headers(journey, stream=False, cost_nanos=0), hit_id], entry.body)


def _hit(exchange: Exchange, entry: Entry, candidate: Candidate, route: str) -> Event:
    journey = exchange.journey
    usage = kept_usage(entry)
    total_us = journey.now_us() - journey.started_us
    return make_event(
        exchange,
        event_id=journey.ulid,
        candidate=candidate,
        route=route,
        reason="cache:exact",
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
