"""What each stage of the road costs, called by itself in a loop: microseconds, no sockets.

The last rows are the whole road from the parsed HTTP request to the last byte handed to the connection, with
an upstream that answers at once: what remains of a request's cost is parsing HTTP, the transport, the kernel.
Processor time is counted, not time, so that a busy machine does not show.
"""

from __future__ import annotations

import asyncio
import dataclasses
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import orjson
import uvloop

from benchmarks.gateway_config import KEY, gateway_config
from benchmarks.overhead.payload import answer, events, request
from gateway.answering import answer_headers
from gateway.api.chat import CHAT
from gateway.api.read import read_call
from gateway.app import App
from gateway.caching.place import place_of
from gateway.call import Api, Call
from gateway.config_file import load
from gateway.exchange import Exchange, Tried
from gateway.front.client import Client
from gateway.ids import ulid
from gateway.journey import Journey
from gateway.opening import open_payload
from gateway.rewrite import upstream_body
from gateway.runtime import Runtime
from gateway.services import Services
from gateway.settle import settle
from gateway.streams import StreamRelay
from gateway.transport.base import Header, Origin, Timeouts, TransportStats
from metering.dialects.registry import DIALECTS
from metering.outcome import Outcome
from router.decision import RouteRequest
from router.features import outline
from tests.fakes.link import FakeLink, client_with

LOOPS = 2000
AUTHORIZATION = f"Bearer {KEY}".encode()
_HTTP = request("/v1/chat/completions", "auto", stream=False)
_BEFORE, _, _AFTER = _HTTP.partition(b"\r\n\r\n")[2].partition(b"@" * 12)


def _body(number: int) -> bytes:
    return b"%b%012d%b" % (_BEFORE, number, _AFTER)


class Answered:
    """A whole reply."""

    status = 200

    def __init__(self, body: bytes) -> None:
        self._body = body
        self.headers: Sequence[Header] = [(b"content-type", b"application/json")]

    def header(self, name: bytes) -> bytes | None:
        return None

    async def read(self, limit_bytes: int) -> bytes:
        return self._body

    async def chunk(self) -> bytes:
        return b""

    def abort(self) -> None: ...


class InstantTransport:
    """Answers at once, without a network."""

    def __init__(self) -> None:
        self._reply = Answered(answer())

    async def send(
        self,
        origin: Origin,
        method: bytes,
        target: bytes,
        headers: Sequence[Header],
        body: bytes,
        timeouts: Timeouts,
        *,
        fresh: bool = False,
    ) -> Answered:
        return self._reply

    def stats(self) -> TransportStats:
        return TransportStats(0, 0, 0, 0)

    async def aclose(self) -> None: ...


def measure_stages() -> dict[str, float]:
    """Microseconds by stage."""
    with tempfile.TemporaryDirectory(prefix="weir-stages-") as folder:
        return uvloop.run(_measure(Path(folder)))


async def _measure(folder: Path) -> dict[str, float]:
    path = folder / "weir.yaml"
    path.write_bytes(orjson.dumps(gateway_config(folder, "http://127.0.0.1:1/v1", "http://127.0.0.1:2/v1")))
    log_fd = os.open(folder / "log", os.O_WRONLY | os.O_CREAT)
    runtime = Runtime(load(path, os.environ), log_fd=log_fd)
    await runtime.start()
    try:
        stages = _stages(runtime.services)
        on_loop, elsewhere = await _whole(runtime)
        return {
            **stages,
            "the whole road, no network": on_loop,
            "writing the log line and the ledger row": elsewhere,
        }
    finally:
        await runtime.stop()
        os.close(log_fd)


def _headers(body: bytes) -> list[Header]:
    return [
        (b"host", b"127.0.0.1"),
        (b"authorization", AUTHORIZATION),
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
    ]


def _client(body: bytes) -> Client:
    return client_with(body, _headers(body))


def _stages(services: Services) -> dict[str, float]:
    snapshot, body = services.live.snapshot, _body(0)
    client = _client(body)
    call = _read(client, body)
    caller = services.identify(AUTHORIZATION, None)
    journey = Journey.begin(services.clock, Api.CHAT)
    journey.caller, journey.call = caller, call
    exchange = Exchange(services, client, snapshot, caller, call, journey)
    decision = journey.decision = services.router.decide(_route_request(call), snapshot.routes["auto"])
    candidate = journey.served = decision.choices[0].candidate
    served = snapshot.served[candidate.model, candidate.backend]
    target = services.fleet.pick(candidate.backend)
    assert target is not None
    answer_bytes = answer()
    report = served.adapter.dialect.whole(orjson.loads(answer_bytes))

    def metered() -> None:
        event_id = ulid(time.time_ns())
        tried = Tried(
            exchange, decision, candidate, served, target, 1, event_id, journey.started_s, 0.0, None
        )
        services.meter.open(event_id, open_payload(tried))
        settle(tried, Outcome.COMPLETED, report=report)

    def keyed() -> None:
        place = place_of(exchange, "")
        assert place is not None
        services.cache.find_now(place.partition, place.keys, journey.started_us)

    def counted() -> None:
        tenant = caller.tenant
        services.metrics.request("chat.completions", "auto", tenant, Outcome.COMPLETED, 200, 0.1, 1e-4)
        services.metrics.route(decision.route, candidate.tier, decision.reason)

    stream = events()
    stages: dict[str, Callable[[], object]] = {
        "begin: id and clocks": lambda: Journey.begin(services.clock, Api.CHAT),
        "identify the key": lambda: services.identify(AUTHORIZATION, None),
        "parse and check the request": lambda: _read(client, body),
        "cache: keys and a lookup that misses": keyed,
        "route": lambda: services.router.decide(_route_request(call), snapshot.routes["auto"]),
        "rewrite the body for the upstream": lambda: upstream_body(
            call.body, call.fields, model=served.upstream_model, stream=False
        ),
        "read the answer and its usage": lambda: served.adapter.dialect.whole(orjson.loads(answer_bytes)),
        "meter: journal, price, event, journal again, metrics": metered,
        "metrics of the request": counted,
        "answer headers": lambda: answer_headers(journey, stream=False, cost_nanos=1),
        "log line": lambda: orjson.dumps(journey.line()),
    }
    found = {name: _us(stage) for name, stage in stages.items()}
    found["stream: check one event"] = _us(lambda: _relay(stream)) / len(stream)
    return found


def _read(client: Client, body: bytes) -> Call:
    return read_call(
        CHAT,
        client,
        body,
        request_id="req_benchmark",
        max_depth=100,
        now_s=0.0,
        now_us=0,
    )


def _route_request(call: Call) -> RouteRequest:
    prompt_tokens, needs, _ = outline(call.fields, call.api_name)
    return RouteRequest(call.api_name, call.fields, prompt_tokens, needs, "bench", "speed", {}, call.explain)


def _relay(stream: list[bytes]) -> None:
    usage = DIALECTS["openai"].stream()
    relay = StreamRelay(Api.CHAT, usage, hide_usage=False, cost_usd=lambda report: 0.001)
    for event in stream:
        relay.feed(event)


def _us(stage: Callable[[], object]) -> float:
    """Processor time of this thread; the best of five, each the mean of many calls."""
    best = float("inf")
    for _ in range(5):
        began = time.thread_time()
        for _ in range(LOOPS // 5):
            stage()
        best = min(best, (time.thread_time() - began) / (LOOPS // 5))
    return best * 1e6


async def _whole(runtime: Runtime) -> tuple[float, float]:
    """Processor time of the event loop's thread, and of the threads that write log and ledger."""
    services = dataclasses.replace(runtime.services, transport=InstantTransport())

    def no_management() -> Any:
        raise AssertionError("not asked for here")

    app, number = App(services, no_management), 0
    found: list[tuple[float, float]] = []
    for _ in range(5):
        thread_s, process_s = time.thread_time(), time.process_time()
        for _ in range(LOOPS // 5):
            number += 1
            await _one(app, _body(number))
        on_loop_s = time.thread_time() - thread_s
        await asyncio.sleep(0.3)  # until log and ledger are written
        on_loop_and_pause_s = time.thread_time() - thread_s
        elsewhere_s = time.process_time() - process_s - on_loop_and_pause_s
        found.append((on_loop_s / (LOOPS // 5) * 1e6, elsewhere_s / (LOOPS // 5) * 1e6))
    return min(found)


async def _one(app: App, body: bytes) -> None:
    link = FakeLink()
    await app(client_with(body, _headers(body), link))
    await asyncio.sleep(0)  # what is done after the answer
    assert link.written[0].startswith(b"HTTP/1.1 200"), link.written
