"""GET /health/live, /health/ready and /metrics: for load balancers, orchestrators and Prometheus."""

from __future__ import annotations

import orjson

from gateway.answering import json_headers, request_id_header
from gateway.errors import Forbidden
from gateway.front.client import Client
from gateway.services import Services

METRICS = (b"content-type", b"text/plain; version=0.0.4; charset=utf-8")


async def live(services: Services, client: Client) -> None:
    """The process runs and its event loop turns."""
    client.answer(200, json_headers(services.clock), b'{"status":"live"}')


async def ready(services: Services, client: Client) -> None:
    """200 while new requests are welcome and some backend could answer them; else 503 and why."""
    reasons = services.not_ready()
    backends = {name: services.fleet.ready(name) for name in services.live.snapshot.settings.backends}
    if not any(backends.values()):
        reasons = [*reasons, "no backend is available"]
    body = {"status": "not ready" if reasons else "ready", "reasons": reasons, "backends": backends}
    client.answer(503 if reasons else 200, json_headers(services.clock), orjson.dumps(body))


async def metrics(services: Services, client: Client) -> None:
    """Open to the machine itself; from elsewhere it takes the admin key or a key that may read reports."""
    if not services.may_scrape(client.host, client.header(b"authorization")):
        raise Forbidden("From another machine, /metrics takes the admin key as a bearer token.")
    client.answer(200, [METRICS, request_id_header(services.clock)], services.metrics.exposition())
