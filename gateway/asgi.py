"""One HTTP exchange with a client: its body, its headers, its answer, and the moment it leaves."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from gateway.errors import BadRequest, BodyTooLarge

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Header = tuple[bytes, bytes]

WATCH_AFTER_S = 0.02
"""A call shorter than this, or than twice this, is over before an abort could save anything."""

DISCARD_BYTES = 100_000_000
DISCARD_WITHIN_S = 5.0
"""How much of a body that is refused for its size is read all the same, and for how long."""


class ClientLeft(Exception):
    """The client closed its connection before its body was whole."""


class Client:
    """The asking side of one request. Used by one task; `gone` turns true once, when the client leaves."""

    __slots__ = (
        "_headers",
        "_limit",
        "_owner",
        "_receive",
        "_send",
        "_ward",
        "_watcher",
        "gone",
        "scope",
        "started",
    )

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        self._headers = dict(reversed(scope["headers"]))  # the first of two equal names stays
        self.gone = False
        self.started = False
        self._receive = receive
        self._send = send
        self._owner: asyncio.Task[Any] | None = None
        self._ward: Ward | None = None
        self._limit: asyncio.TimerHandle | None = None
        self._watcher: asyncio.Task[None] | None = None

    def header(self, name: bytes) -> bytes | None:
        """The first header of that (lower-case) name."""
        return self._headers.get(name)

    async def body(self, limit_bytes: int) -> bytes:
        """The whole body. Raises BodyTooLarge as soon as that is known, ClientLeft if it never ends."""
        declared = self.header(b"content-length")
        if declared is not None and declared.isdigit() and int(declared) > limit_bytes:
            await self._discard()
            raise _too_large(limit_bytes)
        message = await self._receive()
        if message["type"] == "http.request" and not message.get("more_body"):
            return _within(message.get("body", b""), limit_bytes)
        pieces: list[bytes] = []
        size = 0
        while True:
            if message["type"] == "http.disconnect":
                self.gone = True
                raise ClientLeft
            piece = message.get("body", b"")
            size += len(piece)
            if size > limit_bytes:
                pieces.clear()
                await self._discard()
                raise _too_large(limit_bytes)
            pieces.append(piece)
            if not message.get("more_body"):
                return b"".join(pieces)
            message = await self._receive()

    async def _discard(self) -> None:
        """Reads on for a while: an answer sent while the client still writes is lost with the connection."""
        size = 0
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DISCARD_WITHIN_S):
                while size < DISCARD_BYTES:
                    message = await self._receive()
                    size += len(message.get("body", b""))
                    if not message.get("more_body"):
                        return

    async def answer(self, status: int, headers: Iterable[Header], body: bytes) -> None:
        """A whole answer."""
        self.started = True
        all_headers = [*headers, (b"content-length", b"%d" % len(body))]
        await self._send({"type": "http.response.start", "status": status, "headers": all_headers})
        await self._send({"type": "http.response.body", "body": body})

    async def start(self, status: int, headers: Iterable[Header]) -> None:
        """The head of an answer that follows in pieces."""
        self.started = True
        await self._send({"type": "http.response.start", "status": status, "headers": list(headers)})

    async def send(self, piece: bytes) -> None:
        """One more piece; waits while the client reads slowly."""
        await self._send({"type": "http.response.body", "body": piece, "more_body": True})

    async def finish(self, piece: bytes = b"") -> None:
        await self._send({"type": "http.response.body", "body": piece})

    def watch(self, ward: Ward) -> None:
        """From now on, the client's leaving sets `gone` and cancels the calling task."""
        self._owner = asyncio.current_task()
        self._ward = ward
        ward.enter(self)

    def limit(self, seconds: float) -> None:
        """A client that has not taken its answer by then is treated as gone: one that stops reading would
        otherwise hold an upstream for ever. Call after `watch`."""
        self._limit = asyncio.get_running_loop().call_later(seconds, self._give_up)

    def unwatch(self) -> None:
        """After this the client's leaving no longer cancels anybody."""
        # What is let go of here would otherwise hold this client in a circle with it.
        self._owner = None
        if self._ward is not None:
            self._ward.leave(self)
            self._ward = None
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None
        if self._watcher is not None:
            self._watcher.cancel()
            self._watcher = None

    def start_watching(self) -> None:
        """For the ward: the request takes long enough for its client to be waited for."""
        self._watcher = asyncio.get_running_loop().create_task(self._wait_for_leaving())

    async def _wait_for_leaving(self) -> None:
        try:
            while (await self._receive())["type"] != "http.disconnect":
                pass
        except asyncio.CancelledError:  # by `unwatch`: ended here, it leaves no traceback in a circle
            return
        self._give_up()

    def _give_up(self) -> None:
        if self._owner is not None:
            self.gone = True
            self._owner.cancel()


class Ward:
    """Requests that have just begun. Those still under way after a moment have their clients watched; the
    others, which are most, never pay for a timer and a task of their own."""

    def __init__(self) -> None:
        self._young: set[Client] = set()
        self._old: set[Client] = set()
        self._timer: asyncio.TimerHandle | None = None

    def enter(self, client: Client) -> None:
        self._young.add(client)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(WATCH_AFTER_S, self._turn)

    def leave(self, client: Client) -> None:
        self._young.discard(client)
        self._old.discard(client)

    def _turn(self) -> None:
        """Who was here at the last turn has been here for a whole one, and at most two."""
        for client in self._old:
            client.start_watching()
        self._old, self._young = self._young, set()
        again = asyncio.get_running_loop().call_later(WATCH_AFTER_S, self._turn) if self._old else None
        self._timer = again


def _within(body: bytes, limit_bytes: int) -> bytes:
    if len(body) > limit_bytes:
        raise _too_large(limit_bytes)
    return body


def _too_large(limit_bytes: int) -> BadRequest:
    return BodyTooLarge(
        f"The request body is larger than this gateway accepts ({limit_bytes} bytes; server.max_body).",
        headers=((b"connection", b"close"),),
    )
