"""GET /v1/models and /v1/models/{id}: what this key may name."""

from __future__ import annotations

from typing import Any

import orjson

from gateway.answering import json_headers
from gateway.errors import NotFound
from gateway.front.client import Client
from gateway.services import Services
from gateway.snapshot import Snapshot
from gateway.tenants import Caller


async def list_models(services: Services, client: Client) -> None:
    caller, snapshot = _who(services, client), services.live.snapshot
    rows = [_row(services, snapshot, name) for name in snapshot.models() if caller.may_use(name)]
    await _answer(services, client, {"object": "list", "data": rows})


async def retrieve_model(services: Services, client: Client, name: str) -> None:
    """Raises NotFound, also for a model that this key may not use: that it exists is nobody's business."""
    caller, snapshot = _who(services, client), services.live.snapshot
    if name not in snapshot.models() or not caller.may_use(name):
        raise NotFound(
            f"The model '{name[:128]}' does not exist here.", param="model", code="model_not_found"
        )
    await _answer(services, client, _row(services, snapshot, name))


def _who(services: Services, client: Client) -> Caller:
    return services.identify(client.header(b"authorization"), client.header(b"x-api-key"))


def _row(services: Services, snapshot: Snapshot, name: str) -> dict[str, Any]:
    if name in snapshot.routes:
        tiers = [tier[0].model for tier in snapshot.routes[name].tiers]
        owner, details = "weir", {"route": True, "tiers": tiers}
    else:
        candidates = snapshot.direct[name]
        owner = candidates[0].backend
        details = {"route": False, "context_tokens": candidates[0].context_tokens}
        stood_for = snapshot.settings.backends[owner].stand_in_for
        if stood_for is not None:
            owner, details["stand_in_for"] = f"{owner} (stand-in)", stood_for
    return {
        "id": name,
        "object": "model",
        "created": services.live.since_s,
        "owned_by": owner,
        "weir": details,
    }


async def _answer(services: Services, client: Client, value: object) -> None:
    client.answer(200, json_headers(services.clock), orjson.dumps(value))
