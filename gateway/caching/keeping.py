"""A whole answer that was bought, kept for whoever asks the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cache.admission import EMBEDDINGS, passing_request, whole_answer
from cache.answers import Kept
from cache.base import Entry
from cache.partition import last_text
from gateway.caching.entry_ids import entry_id
from gateway.caching.place import Place
from gateway.exchange import Exchange, Tried
from gateway.hit_money import bought
from metering.dialects.reported import Reported
from router.features import prompt_text_parts


def give(tried: Tried, place: Place, body: bytes, answer: Mapping[str, Any], report: Reported | None) -> None:
    """Keeps the answer once this turn of the event loop is over, for those who wait for it as well."""
    if place.turn is not None:
        place.turn.hand_over()
    tried.exchange.services.afterwards.answer(keep, tried, place, body, answer, report)


def keep(tried: Tried, place: Place, body: bytes, answer: Mapping[str, Any], report: Reported | None) -> None:
    """Stores a whole answer, once, in its non-streamed form."""
    entry, turn = entry_of(tried, place, body, answer, report), place.turn
    if entry is None:
        if turn is not None:
            turn.release()
        return
    if turn is not None:
        turn.answer(entry)  # who waits asks at the same moment, so even what passes is right for them
    exchange = tried.exchange
    if _passes(exchange, place):
        return
    services = exchange.services
    if place.text is not None and place.question is None:
        place.question = services.meaning.question(place.partition, place.text)
    services.cache.keep(Kept(place.partition, place.keys, entry, place.question, place.seen))
    if place.doubt is not None:
        services.audits.compare(exchange, place, place.doubt, answer)


def _passes(exchange: Exchange, place: Place) -> bool:
    """Whether what was said last keeps the answer from being kept."""
    call = exchange.call
    if call.api_name == EMBEDDINGS:
        return False
    text = last_text(call.api_name, call.fields)
    if text is None:
        text = "\n".join(prompt_text_parts(call.fields, call.api_name))
    return passing_request(text, place.plan.exclusions) is not None


def entry_of(
    tried: Tried, place: Place, body: bytes, answer: Mapping[str, Any], report: Reported | None
) -> Entry | None:
    """None where it is not to be kept."""
    exchange = tried.exchange
    if len(body) > place.plan.max_entry_bytes or whole_answer(exchange.call.api_name, answer) is not None:
        return None
    now_us = exchange.journey.now_us()
    return Entry(
        id=entry_id(exchange.services.cache_secret, "hit", exchange.journey.ulid, answer),
        tenant=exchange.caller.tenant,
        body=body,
        served_model=tried.candidate.model,
        backend=tried.candidate.backend,
        stored_us=now_us,
        expires_us=now_us + place.plan.ttl_us,
        stand_in=tried.served.stand_in,
        route=exchange.call.model,
        epoch=place.plan.epoch,
        **bought(tried, report)._asdict(),
    )
