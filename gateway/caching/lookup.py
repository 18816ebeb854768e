"""Is there a kept answer: the same request, the same words, the same meaning. A broken cache is a miss."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from cache.admission import CHAT, passing_request
from cache.answers import PENDING, Hit
from cache.base import Entry, EntryKey, PartitionKey
from cache.bound.audit import BoundKey, Kind, bound_key
from cache.bound.sampling import drawn, is_grey
from cache.canonical import canonical
from cache.partition import canonical_key
from gateway.caching.meaning import CANDIDATES, Best
from gateway.caching.place import Doubt, Place, curated_partition, threshold_of
from gateway.caching.plans import SemanticPlan
from gateway.caching.second import agrees
from gateway.exchange import Exchange

TIERS = ("exact", "canonical")


class Found(NamedTuple):
    entry: Entry
    tier: str
    score: float | None = None
    audited: bool = False
    """To be answered afresh too, and compared."""


async def look_up(exchange: Exchange, place: Place | None) -> Found | None:
    """Waits only where the answer lies with a server."""
    if place is None or exchange.call.cache_control.no_cache:
        return None
    hit = await _find(exchange, place.partition, place.keys)
    if hit is not None and _fresh_enough(exchange, hit.entry):
        return _told(exchange, Found(hit.entry, TIERS[hit.key]))
    semantic, found = place.plan.semantic, None
    if semantic is not None:
        if semantic.curated:
            found = await _among_pairs(exchange, semantic)
        elif place.text is not None:
            found = await _by_meaning(exchange, place, semantic, place.text)
    return _told(exchange, found)


def bound_key_of(exchange: Exchange, place: Place, semantic: SemanticPlan) -> BoundKey:
    """Whose audits decide whether this partition's hits by meaning are served."""
    call, meaning = exchange.call, exchange.services.meaning
    policy = f"{meaning.version(semantic.regime)} {threshold_of(exchange, semantic):.4f}"
    if semantic.second is not None:
        policy += f" {semantic.second.model} {semantic.second.at_least:.4f}"
    return bound_key(semantic.level, exchange.caller.tenant, call.model, place.partition, policy)


async def _by_meaning(exchange: Exchange, place: Place, semantic: SemanticPlan, text: str) -> Found | None:
    services = exchange.services
    if passing_request(text, place.plan.exclusions) is not None:
        return None
    question = place.question = services.meaning.question(place.partition, text)
    near = services.cache.nearest(question, CANDIDATES)
    threshold = threshold_of(exchange, semantic)
    best = services.meaning.best(question, near, semantic.regime, threshold) if near else None
    if best is None or services.audits.is_wrong(place.keys, best.near.entry_id):
        return None
    if best.score < threshold:
        if is_grey(best.score, threshold, semantic.grey) and _drawn(exchange, semantic.audit_ppm):
            await _doubt(exchange, place, best, Kind.GREY)
        return None
    if semantic.second is not None and not await agrees(exchange, semantic.second, text, best.near.text):
        return None
    key = bound_key_of(exchange, place, semantic)
    if not services.audits.armed(exchange, key, semantic):
        await _doubt(exchange, place, best, Kind.SHADOW)
        return None
    entry = await _fetch(exchange, place.partition, best)
    if entry is None or not _fresh_enough(exchange, entry):
        return None
    share_ppm = services.audits.book.share_ppm(key, semantic.promise, semantic.audit_ppm)
    return Found(entry, "semantic", best.score, audited=_drawn(exchange, share_ppm))


async def _among_pairs(exchange: Exchange, semantic: SemanticPlan) -> Found | None:
    """Of a question that stands by itself, among the route's own pairs."""
    text = _only_question(exchange)
    if text is None:
        return None
    services = exchange.services
    partition = curated_partition(services.cache_secret, exchange.call.model)
    keys = (canonical_key(services.cache_secret, partition, canonical(text)),)
    hit = await _find(exchange, partition, keys)
    if hit is not None:
        return Found(hit.entry, "canonical")
    question, threshold = services.meaning.question(partition, text), threshold_of(exchange, semantic)
    near = services.cache.nearest(question, CANDIDATES)
    best = services.meaning.best(question, near, semantic.regime, threshold)
    if best is None or best.score < threshold:
        return None
    entry = await _fetch(exchange, partition, best)
    return None if entry is None else Found(entry, "semantic", best.score)


def _only_question(exchange: Exchange) -> str | None:
    """The text of the one turn there is, beside the system's; None in a conversation under way."""
    call = exchange.call
    if call.api_name != CHAT:
        return None
    turns = [each for each in call.fields["messages"] if each.get("role") not in ("system", "developer")]
    if len(turns) != 1 or turns[0].get("role") != "user":
        return None
    content = turns[0].get("content")
    return content if isinstance(content, str) and content else None


async def _doubt(exchange: Exchange, place: Place, best: Best, kind: Kind) -> None:
    """The kept answer is compared once the fresh one is there."""
    entry = await _fetch(exchange, place.partition, best)
    if entry is not None:
        place.doubt = Doubt(kind, entry)


async def _fetch(exchange: Exchange, partition: PartitionKey, best: Best) -> Entry | None:
    cache, now_us = exchange.services.cache, exchange.journey.started_us
    entry = cache.fetch_now(partition, best.near.entry_id, now_us)
    if entry is PENDING:
        return await cache.fetch(partition, best.near.entry_id, now_us)
    return entry


async def _find(exchange: Exchange, partition: PartitionKey, keys: Sequence[EntryKey]) -> Hit | None:
    cache, now_us = exchange.services.cache, exchange.journey.started_us
    hit = cache.find_now(partition, keys, now_us)
    if hit is PENDING:
        return await cache.find(partition, keys, now_us)
    return hit


def _fresh_enough(exchange: Exchange, entry: Entry) -> bool:
    return exchange.call.cache_control.serves(exchange.journey.started_us - entry.stored_us)


def _drawn(exchange: Exchange, share_ppm: int) -> bool:
    """By the gateway's own id: no client can tell, or choose, whose hit is audited."""
    return drawn(exchange.services.cache_secret, exchange.journey.ulid, share_ppm)


def _told(exchange: Exchange, found: Found | None) -> Found | None:
    exchange.journey.cache_status = "miss" if found is None else found.tier
    exchange.services.metrics.cache(exchange.journey.cache_status)
    return found
