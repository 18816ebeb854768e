"""What a hit of the cache is worth: what buying its answer again would have cost, and unrouted."""

from __future__ import annotations

from typing import NamedTuple

from cache.base import Entry
from gateway.exchange import Exchange, Tried
from gateway.settle import Money
from metering.dialects.reported import Reported
from metering.event import UNPRICED
from metering.money import apply_markup
from metering.usage import Provenance, TokenUsage


class Bought(NamedTuple):
    """What an answer took when it was bought, by the names of Entry's fields."""

    input_tokens: int
    output_tokens: int
    usage_known: bool
    cache_read_tokens: int
    cache_write_tokens: int
    cache_write_1h_tokens: int
    reasoning_tokens: int
    service_tier: str
    took_us: int


def bought(tried: Tried, report: Reported | None) -> Bought:
    """Of a settled attempt."""
    event = tried.exchange.journey.event
    took_us = 0 if event is None else event.total_us
    if report is None:
        return Bought(0, 0, False, 0, 0, 0, 0, "", took_us)
    usage = report.usage
    return Bought(
        usage.input_total,
        usage.output,
        True,
        usage.cache_read,
        usage.cache_write,
        usage.cache_write_1h,
        usage.reasoning,
        report.service_tier,
        took_us,
    )


def kept_usage(entry: Entry) -> TokenUsage | None:
    """As it was when the answer was bought; None where nobody reported it."""
    if not entry.usage_known:
        return None
    return TokenUsage(
        entry.input_tokens - entry.cache_read_tokens - entry.cache_write_tokens,
        entry.cache_read_tokens,
        entry.cache_write_tokens,
        entry.output_tokens,
        entry.reasoning_tokens,
        Provenance.COUNTED,
        entry.cache_write_1h_tokens,
    )


def hit_money(exchange: Exchange, route: str, entry: Entry, usage: TokenUsage | None) -> Money:
    """A hit costs nothing. At the prices of now, `avoided_nanos` is what the same usage costs at the model
    and backend that gave the answer, `baseline_nanos` on the route's dearest tier; None where unknown."""
    if usage is None:
        return Money(UNPRICED, 0, 0, None)
    journey = exchange.journey
    price, factor, dearest, _ = exchange.snapshot.tariff(
        exchange.caller.tenant, route, entry.served_model, entry.backend, journey.day
    )
    at_us, tier, took_us = journey.started_us, entry.service_tier, entry.took_us
    baseline = None
    if dearest is not None:
        baseline = apply_markup(dearest.for_request(at_us, tier).cost_nanos(usage, took_us), factor)
    if price is None:
        return Money(UNPRICED, 0, 0, baseline)
    in_force = price.for_request(at_us, tier)
    avoided = apply_markup(in_force.cost_nanos(usage, took_us), factor)
    return Money(in_force.version, 0, 0, baseline, avoided)
