"""Identical requests at the same time wait for the first one's answer, instead of buying it again."""

from __future__ import annotations

from cache.singleflight import Outcome
from gateway.caching.lookup import Found
from gateway.caching.place import Place
from gateway.exchange import Exchange


def waits_for_others(exchange: Exchange, place: Place) -> bool:
    """Whether this request may take another's answer, and give others its own."""
    control = exchange.call.cache_control
    return place.plan.wait_s > 0.0 and not control.no_cache and control.max_age_s is None


async def answered_meanwhile(exchange: Exchange, place: Place) -> Found | None:
    """What an identical request under way was answered; None where this one goes out itself."""
    turn, journey = place.turn, exchange.journey
    if turn is None or not turn.waits:
        return None
    from_s = journey.clock.monotonic()
    landed = await turn.wait(place.plan.wait_s)
    journey.waited_s += journey.clock.monotonic() - from_s
    if landed.outcome is not Outcome.ANSWERED or landed.answer is None:
        return None
    journey.cache_status = "exact"
    return Found(landed.answer, "exact")
