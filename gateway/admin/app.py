"""The management application: /admin/..., /docs and /openapi.json.

Importing this imports FastAPI, which takes most of a second: do it on the first management request.
"""

from __future__ import annotations

from fastapi import Depends, FastAPI, Response
from fastapi.responses import HTMLResponse
from fastapi.security import HTTPBearer

from gateway.admin import audit, books, budgets, cache, errors, keys, quality, reports, system
from gateway.admin.access import REQUEST_ID, authenticate
from gateway.admin.docs_page import CONTENT_SECURITY_POLICY, render_docs
from gateway.admin.roles import PRINCIPAL
from gateway.admin.services import AdminServices
from gateway.errors import BodyTooLarge, GatewayError
from gateway.front.asgi import Message, Receive, Scope, Send
from gateway.ids import ulid
from gateway.version import __version__

MAX_BODY_BYTES = 100_000
_DESCRIPTION = (
    "Tenants, keys, usage, books and the state of this gateway. Inference is at /v1, as in OpenAI's API."
)


def create_admin_app(services: AdminServices) -> ManagementApp:
    """An ASGI application for the paths /admin/..., /docs and /openapi.json."""
    api = FastAPI(
        title="Weir management",
        description=_DESCRIPTION,
        version=__version__,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        # FastAPI's own bearer check only documents the scheme: ManagementApp has checked the key already.
        dependencies=[
            Depends(HTTPBearer(auto_error=False, description="The admin key, or a key with a role."))
        ],
    )
    errors.install(api)
    for module in (keys, reports, quality, cache, budgets, books, audit, system):
        module.install(api.router, services)

    @api.get("/docs", include_in_schema=False)
    def docs() -> Response:
        headers = {"content-security-policy": CONTENT_SECURITY_POLICY}
        return HTMLResponse(render_docs(api.openapi()), headers=headers)

    return ManagementApp(api, services)


class ManagementApp:
    """Lets nobody without a key reach /admin, gives every answer its request id, and bounds bodies."""

    def __init__(self, api: FastAPI, services: AdminServices) -> None:
        self.api = api
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request_id = b"req_" + ulid(self._services.clock.wall_ns()).encode()
        REQUEST_ID.set(request_id.decode())

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"x-request-id", request_id)]
            await send(message)

        try:
            self._admit(scope)
        except GatewayError as error:
            await errors.respond(error)(scope, receive, send_with_id)
            return
        await self.api(scope, _bounded(receive), send_with_id)

    def _admit(self, scope: Scope) -> None:
        """Raises Unauthorized, Forbidden, Unavailable, BodyTooLarge."""
        headers: dict[bytes, bytes] = dict(reversed(scope["headers"]))
        if scope["path"].startswith("/admin"):
            scope[PRINCIPAL] = authenticate(
                headers.get(b"authorization"),
                headers.get(b"x-api-key"),
                admin_key=self._services.admin_key(),
                identify=self._services.identify,
            )
        declared = headers.get(b"content-length", b"0")
        if declared.isdigit() and int(declared) > MAX_BODY_BYTES:
            raise _too_large()


def _bounded(receive: Receive) -> Receive:
    """For bodies that do not declare their length."""
    received = 0

    async def bounded() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > MAX_BODY_BYTES:
            raise _too_large()
        return message

    return bounded


def _too_large() -> BodyTooLarge:
    return BodyTooLarge(f"A management request has at most {MAX_BODY_BYTES} bytes.")
