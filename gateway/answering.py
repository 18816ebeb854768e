"""The headers that Weir adds to answers, and nothing of the upstream's but its content type."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from math import isfinite
from typing import Any

from gateway.clock import Clock
from gateway.errors import GatewayError
from gateway.front.wire import Header
from gateway.ids import ulid
from gateway.journey import Journey
from metering.budgets import Left, Unit
from router.decision import Choice, Decision

JSON = (b"content-type", b"application/json")
EVENT_STREAM = (b"content-type", b"text/event-stream; charset=utf-8")
MAX_EXPLANATION_BYTES = 4_096
"""Servers and clients refuse heads that are much larger: nginx takes 4 or 8 KiB for all of them together."""
SHOWN_CHOICES = 4
"""Where an explanation is too long."""
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
    """The whole decision as one line of JSON, in ASCII: safe in a header whatever a name holds. What would be
    more than MAX_EXPLANATION_BYTES is shortened, and `cut` says what was."""
    whole = whole_decision(decision)
    for shorten in (_as_it_is, _fewer_choices, _plain_details, _no_details, _hardly_anything):
        whole = shorten(whole)
        told = json.dumps(whole, default=str, allow_nan=False).encode("ascii")
        if len(told) <= MAX_EXPLANATION_BYTES:
            break
    return told


def whole_decision(decision: Decision) -> dict[str, Any]:
    """Everything there is to say of it, fit for JSON."""
    whole: dict[str, Any] = _finite(
        {
            "route": decision.route,
            "reason": decision.reason,
            "gain": decision.gain,
            "threshold": decision.threshold,
            "known": decision.known,
            "gain_model": decision.model_version or None,
            "choices": [_told(choice) for choice in decision.choices],
            "details": decision.details,
        }
    )
    return whole


def _told(choice: Choice) -> dict[str, Any]:
    candidate, nanos = choice
    return {
        "model": candidate.model,
        "backend": candidate.backend,
        "tier": candidate.tier,
        "expected_usd": None if nanos is None else nanos / 1e9,
    }


def _as_it_is(whole: dict[str, Any]) -> dict[str, Any]:
    return whole


def _fewer_choices(whole: dict[str, Any]) -> dict[str, Any]:
    return {**whole, "choices": whole["choices"][:SHOWN_CHOICES], "cut": "choices"}


def _plain_details(whole: dict[str, Any]) -> dict[str, Any]:
    """Numbers and words, no lists."""
    details = {name: value for name, value in whole["details"].items() if not isinstance(value, (dict, list))}
    return {**whole, "details": details, "cut": "choices, details"}


def _no_details(whole: dict[str, Any]) -> dict[str, Any]:
    return {**whole, "details": {}}


def _hardly_anything(whole: dict[str, Any]) -> dict[str, Any]:
    """Of names as long as that, nothing fits."""
    return {"route": whole["route"][:100], "reason": whole["reason"][:100], "cut": "all but the beginning"}


def _finite(value: Any) -> Any:
    """Bounds may be infinite, which JSON has no word for."""
    if isinstance(value, Mapping):
        return {str(name): _finite(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(each) for each in value]
    return str(value) if isinstance(value, float) and not isfinite(value) else value


def usd(nanos: int) -> bytes:
    """Nano-dollars as a plain decimal: exact, never in scientific notation."""
    sign = "-" if nanos < 0 else ""
    whole, fraction = divmod(abs(nanos), 1_000_000_000)
    return f"{sign}{whole}.{fraction:09d}".encode()
