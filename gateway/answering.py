"""The headers that Weir adds to answers, and nothing of the upstream's but its content type."""

from __future__ import annotations

import orjson

from gateway.asgi import Header
from gateway.clock import Clock
from gateway.errors import GatewayError
from gateway.ids import ulid
from gateway.journey import Journey
from router.decision import Candidate, Decision

JSON = (b"content-type", b"application/json")
EVENT_STREAM = (b"content-type", b"text/event-stream; charset=utf-8")
_STREAM_HEADERS: tuple[Header, ...] = (EVENT_STREAM, (b"cache-control", b"no-cache"))


def answer_headers(journey: Journey, *, stream: bool, cost_nanos: int | None = None) -> list[Header]:
    """For an inference answer. `cost_nanos` only where it is known before the answer goes out."""
    headers: list[Header] = [*_STREAM_HEADERS] if stream else [JSON]
    served, decision = journey.served, journey.decision
    headers.append((b"x-request-id", journey.request_id.encode()))
    headers.append((b"x-weir-cache", journey.cache_status.encode()))
    headers.append((b"x-weir-overhead-ms", b"%.3f" % (journey.overhead_s() * 1000)))
    if served is not None and decision is not None:
        headers.append((b"x-weir-model", served.model.encode()))
        headers.append((b"x-weir-backend", served.backend.encode()))
        headers.append((b"x-weir-route", _route(journey, served, decision)))
        if journey.call is not None and journey.call.explain:
            headers.append((b"x-weir-explain", explanation(journey)))
    if cost_nanos is not None and not stream:
        headers.append((b"x-weir-cost-usd", usd(cost_nanos)))
    return headers


def error_headers(journey: Journey, error: GatewayError) -> list[Header]:
    headers: list[Header] = [JSON, (b"x-request-id", journey.request_id.encode()), *error.headers]
    if journey.call is not None:
        headers.append((b"x-weir-cache", journey.cache_status.encode()))
        headers.append((b"x-weir-overhead-ms", b"%.3f" % (journey.overhead_s() * 1000)))
    served, decision = journey.served, journey.decision
    if served is not None and decision is not None:
        headers.append((b"x-weir-model", served.model.encode()))
        headers.append((b"x-weir-backend", served.backend.encode()))
        headers.append((b"x-weir-route", _route(journey, served, decision)))
    return headers


def _route(journey: Journey, served: Candidate, decision: Decision) -> bytes:
    """`small; score:0.31<0.50`, with `; stand-in` where one served."""
    return f"{served.tier}; {decision.reason}{'; stand-in' if journey.stand_in else ''}".encode()


def json_headers(clock: Clock) -> list[Header]:
    """For answers that are no inference."""
    return [JSON, request_id_header(clock)]


def request_id_header(clock: Clock) -> Header:
    """A new one, for answers that have no journey."""
    return b"x-request-id", b"req_" + ulid(clock.wall_ns()).encode()


def explanation(journey: Journey) -> bytes:
    """The whole decision as one line of JSON, safe in a header."""
    decision = journey.decision
    assert decision is not None
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
    return orjson.dumps(whole, default=str).decode().encode("ascii", "backslashreplace")


def usd(nanos: int) -> bytes:
    """Nano-dollars as a plain decimal: exact, never in scientific notation."""
    sign = "-" if nanos < 0 else ""
    whole, fraction = divmod(abs(nanos), 1_000_000_000)
    return f"{sign}{whole}.{fraction:09d}".encode()
