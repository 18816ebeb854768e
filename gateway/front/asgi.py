"""An ASGI application behind the front door: for management, which a framework serves."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from gateway.front.client import Client, ClientLeft

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]

_DISCONNECT: Message = {"type": "http.disconnect"}


async def serve(app: AsgiApp, client: Client) -> None:
    """One exchange, as ASGI 3 has it (https://asgi.readthedocs.io/en/latest/specs/www.html)."""
    exchange = _Exchange(client)
    await app(_scope(client), exchange.receive, exchange.send)


def _scope(client: Client) -> Scope:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": client.method,
        "scheme": "http",
        "path": client.path,
        "raw_path": client.path.encode(),
        "query_string": client.query,
        "root_path": "",
        "headers": list(client.headers),
        "client": (client.host, 0) if client.host else None,
        "server": None,
    }


class _Exchange:
    """An answer's head waits for its first piece: then it is known whether that piece is all of it."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._received_all = False
        self._status = 0
        self._headers: list[tuple[bytes, bytes]] = []

    async def receive(self) -> Message:
        client = self._client
        if self._received_all:
            await client.over()
        if client.gone or client.ended:
            return _DISCONNECT
        try:
            piece, more = await client.piece()
        except ClientLeft:
            return _DISCONNECT
        self._received_all = not more
        return {"type": "http.request", "body": piece, "more_body": more}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            self._headers = [(n.lower(), v) for n, v in message["headers"] if n.lower() != b"content-length"]
            return
        body, more = message.get("body", b""), message.get("more_body", False)
        if not self._client.started and not more:
            self._client.answer(self._status, self._headers, body)
            return
        if not self._client.started:
            self._client.start(self._status, self._headers)
        if more:
            await self._client.send(body)
        else:
            self._client.finish(body)
