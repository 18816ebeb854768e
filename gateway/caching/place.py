"""Where the answer to a request is, or would be, kept."""

from __future__ import annotations

from dataclasses import dataclass

from cache.admission import CHAT, EMBEDDINGS, MAX_READ_CHARACTERS, cacheable_request, is_sampled
from cache.base import Entry, EntryKey, PartitionKey
from cache.bound.audit import Kind
from cache.canonical import READ_CHARS, canonical
from cache.partition import Group, canonical_key, last_text, request_keys
from cache.question import Question
from cache.singleflight import Turn
from gateway.caching.plans import CachePlan, SemanticPlan
from gateway.exchange import Exchange

_CURATED = Group("weir curated")
"""No group of a file can have this name: theirs hold no space."""


@dataclass(slots=True)
class Doubt:
    """A kept answer that was not served, to be compared with the fresh one."""

    kind: Kind
    entry: Entry


@dataclass(slots=True)
class Place:
    plan: CachePlan
    partition: PartitionKey
    keys: tuple[EntryKey, ...]
    """Verbatim, then canonical where that is looked at."""
    seen: int
    """How far this process had heard of purges."""
    text: str | None
    """What was asked last, where it may be matched by meaning."""
    question: Question | None = None
    """The same with its vector, once that was computed."""
    doubt: Doubt | None = None
    turn: Turn[Entry] | None = None
    """Among identical requests under way; None where none waits for another."""


def place_of(exchange: Exchange, ruled: str) -> Place | None:
    """None where this request may neither be served from the cache nor be kept. `ruled` is the model that a
    rule demands, or ''."""
    call, services = exchange.call, exchange.services
    plans = exchange.snapshot.caches
    plan = plans.of(call.model)
    if (
        not plan.exact
        or call.cache_control.no_store
        or cacheable_request(call.api_name, call.fields) is not None
        or (plan.exclusions.sampled and call.api_name != EMBEDDINGS and is_sampled(call.fields))
    ):
        return None
    name = f"{call.model} {ruled} {plan.epoch}" if plan.epoch else f"{call.model} {ruled}"
    secret = services.cache_secret  # no model's name holds a space
    partition, verbatim = request_keys(
        secret, plans.sharing(exchange.caller), call.api_name, name, call.fields
    )
    text = last_text(call.api_name, call.fields) if plan.canonical or plan.semantic is not None else None
    if text is None or call.api_name != CHAT:
        return Place(plan, partition, (verbatim,), services.cache.position(), None)
    keys: tuple[EntryKey, ...] = (verbatim,)
    if plan.canonical and len(text) <= READ_CHARS:
        keys = (verbatim, canonical_key(secret, partition, canonical(text)))
    by_meaning = plan.semantic is not None and not plan.semantic.curated and len(text) <= MAX_READ_CHARACTERS
    return Place(plan, partition, keys, services.cache.position(), text if by_meaning else None)


def curated_partition(secret: bytes, route: str) -> PartitionKey:
    """Of a route's own pairs. No tenant's answers are ever kept there."""
    return request_keys(secret, _CURATED, CHAT, f"{route} curated seeds", {})[0]


def threshold_of(exchange: Exchange, semantic: SemanticPlan) -> float:
    own = semantic.threshold
    return exchange.services.meaning.threshold(semantic.regime) if own is None else own
