"""The headers that Weir adds to answers, and nothing of the upstream's but its content type."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import lru_cache

from gateway.clock import Clock
from gateway.errors import GatewayError
from gateway.front.wire import Header
from gateway.ids import ulid
from gateway.journey import Journey
from metering.budgets import Left, Unit
from router.decision import Decision

JSON = (b"content-type", b"application/json")
EVENT_STREAM = (b"content-type", b"text/event-stream; charset=utf-8")
_LIMIT_NAMES: dict[Unit, tuple[bytes, bytes]] = {
    "requests": (b"x-ratelimit-remaining-requests", b"x-ratelimit-reset-requests"),
    "tokens": (b"x-ratelimit-remaining-tokens", b"x-ratelimit-reset-tokens"),
}
_STREAM_HEADERS: tuple[Header, ...] = (EVENT_STREAM, (b"cache-control", b"no-cache"))


def answer_headers(journey: Journey, *, stream: bool, cost_nanos: int | None = None) -> list[Header]:
    """For an inference answer. `cost_nanos` only where it is known before the answer goes out."""
    headers: list[Header] = [*_STREAM_HEADERS] if stream else [JSON]
    headers.append((b"x-request-id", journey.request_id.encode()))
    headers += _road_headers(journey)
    if journey.call is not None and journey.call.explain and journey.decision is not None:
        headers.append((b"x-weir-explain", explanation(journey.decision)))
    if cost_nanos is not None and journey.earlier_nanos is not None and not stream:
        headers.append((b"x-weir-cost-usd", usd(cost_nanos + journey.earlier_nanos)))
    return headers


def error_headers(journey: Journey, error: GatewayError) -> list[Header]:
    """For an error, as far as its request came."""
    headers: list[Header] = [JSON, (b"x-request-id", journey.request_id.encode()), *error.headers]
    return headers + _road_headers(journey) if journey.call is not None else headers


def _road_headers(journey: Journey) -> list[Header]:
    """What the cache, the router and the gateway itself had to do with it. The route reads
    `small; gain:0.118<0.124`, with `; stand-in` where one served."""
    headers: list[Header] = [
        (b"x-weir-cache", journey.cache_status.encode()),
        (b"x-weir-overhead-ms", b"%.3f" % (journey.overhead_s() * 1000)),
    ]
    if journey.limits is not None:
        headers += limit_headers(journey.limits(), journey.now_us())
    served, decision = journey.served, journey.decision
    if served is not None and decision is not None:
        stand_in = "; stand-in" if journey.stand_in else ""
        headers.append((b"x-weir-model", served.model.encode()))
        headers.append((b"x-weir-backend", served.backend.encode()))
        headers.append((b"x-weir-route", f"{served.tier}; {decision.reason}{stand_in}".encode()))
    return headers


def limit_headers(limits: Iterable[Left], now_us: int) -> list[Header]:
    """OpenAI's `x-ratelimit-*`."""
    headers: list[Header] = []
    for unit, limit, remaining, resets_us in limits:
        for_remaining, for_reset = _LIMIT_NAMES[unit]
        reset_s = (resets_us - now_us) / 1e6
        headers.append(_limit_header(unit, limit))
        headers.append((for_remaining, b"%d" % remaining))
        headers.append((for_reset, b"%.3fs" % reset_s if reset_s > 0 else b"0s"))
    return headers


@lru_cache(maxsize=1024)
def _limit_header(unit: Unit, limit: int) -> Header:
    """The same in every answer under that limit."""
    return b"x-ratelimit-limit-" + unit.encode(), b"%d" % limit


def json_headers(clock: Clock) -> list[Header]:
    """For answers that are no inference."""
    return [JSON, request_id_header(clock)]


def request_id_header(clock: Clock) -> Header:
    """A new one, for answers that have no journey."""
    return b"x-request-id", b"req_" + ulid(clock.wall_ns()).encode()


def explanation(decision: Decision) -> bytes:
    """The whole decision as one line of JSON, in ASCII: safe in a header whatever a name holds."""
    choices = [
        {
            "model": choice.candidate.model,
            "backend": choice.candidate.backend,
            "tier": choice.candidate.tier,
            "expected_usd": None if choice.expected_nanos is None else choice.expected_nanos / 1e9,
        }
        for choice in decision.choices
    ]
    whole = {
        "route": decision.route,
        "reason": decision.reason,
        "choices": choices,
        "details": dict(decision.details),
    }
    return json.dumps(whole, default=str).encode("ascii")


def usd(nanos: int) -> bytes:
    """Nano-dollars as a plain decimal: exact, never in scientific notation."""
    sign = "-" if nanos < 0 else ""
    whole, fraction = divmod(abs(nanos), 1_000_000_000)
    return f"{sign}{whole}.{fraction:09d}".encode()
