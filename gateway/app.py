"""The application: one table of routes, and the exchange's last resort."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial

import orjson

from gateway.answering import json_headers
from gateway.api import feedback, health, models, usage
from gateway.api.chat import CHAT
from gateway.api.completions import COMPLETIONS
from gateway.api.embeddings import EMBEDDINGS
from gateway.errors import GatewayError, NotFound, WrongMethod
from gateway.front import asgi
from gateway.front.asgi import AsgiApp
from gateway.front.client import Client
from gateway.pipeline import infer
from gateway.services import Services
from gateway.version import __version__

Handler = Callable[[Services, Client], Awaitable[None]]

MANAGEMENT = ("/admin", "/docs", "/openapi.json")
_NOTHING: Mapping[str, Handler] = {}


def routes() -> dict[str, dict[str, Handler]]:
    """Path -> method -> handler. Every OpenAI path is served with and without /v1."""
    table: dict[str, dict[str, Handler]] = {
        "/": {"GET": _welcome},
        "/health": {"GET": health.live},
        "/health/live": {"GET": health.live},
        "/health/ready": {"GET": health.ready},
        "/health/readiness": {"GET": health.ready},
        "/metrics": {"GET": health.metrics},
    }
    for resource in (CHAT, COMPLETIONS, EMBEDDINGS):
        table[resource.path] = table["/v1" + resource.path] = {"POST": partial(infer, resource=resource)}
    table["/usage"] = table["/v1/usage"] = {"GET": usage.own_usage}
    table["/feedback"] = table["/v1/feedback"] = {"POST": feedback.give_feedback}
    table["/models"] = table["/v1/models"] = {"GET": models.list_models}
    return table


class App:
    """No framework on the hot path. `management` is asked for on its first use, since the
    framework behind it costs a second of start-up."""

    def __init__(self, services: Services, management: Callable[[], AsgiApp]) -> None:
        self._services = services
        self._routes = routes()
        self._make_management = management
        self._management: AsgiApp | None = None

    async def __call__(self, client: Client) -> None:
        path, method = client.path, client.method
        handler = self._routes.get(path, _NOTHING).get(method)
        if handler is None:
            if path.startswith(MANAGEMENT):
                return await self._managed(client)
            handler = _elsewhere(self._routes.get(path), path, method)
        try:
            await handler(self._services, client)
        except GatewayError as error:  # inference answers its own; this is for everything else
            headers = [*json_headers(self._services.clock), *error.headers]
            client.answer(error.http_status, headers, error.body())

    async def _managed(self, client: Client) -> None:
        if self._management is None:
            self._management = self._make_management()
        await asgi.serve(self._management, client)


def _elsewhere(methods: Mapping[str, Handler] | None, path: str, method: str) -> Handler:
    """What answers where the table has nothing."""
    name = _model_name(path)
    if name is not None and method == "GET":

        async def retrieve(services: Services, client: Client) -> None:
            await models.retrieve_model(services, client, name)

        return retrieve
    allowed = "GET" if name is not None else ", ".join(methods or ())

    async def refuse(services: Services, client: Client) -> None:
        if allowed:
            raise WrongMethod(
                f"{path[:200]} does not take {method}; it takes {allowed}.",
                headers=((b"allow", allowed.encode()),),
            )
        raise NotFound(f"There is nothing at {path[:200]!r}.", code="unknown_path")

    return refuse


def _model_name(path: str) -> str | None:
    """Model names may hold slashes."""
    for prefix in ("/v1/models/", "/models/"):
        if path.startswith(prefix) and len(path) > len(prefix):
            return path[len(prefix) :]
    return None


async def _welcome(services: Services, client: Client) -> None:
    body = {"name": "weir", "version": __version__, "openai_base_url": "/v1", "management": "/docs"}
    client.answer(200, json_headers(services.clock), orjson.dumps(body))
