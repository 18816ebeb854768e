"""One HTTP exchange with a client: its head, its body, its answer, and the moment it leaves."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any, Protocol

from gateway.errors import BadRequest, BodyTooLarge
from gateway.front import wire
from gateway.front.wire import Header

DISCARD_BYTES = 100_000_000
DISCARD_WITHIN_S = 5.0
"""How much of a body that is refused for its size is read all the same, and for how long."""


class ClientLeft(Exception):
    """The client closed its connection before its body was whole."""


class Link(Protocol):
    """What an exchange asks of its connection."""

    write_paused: bool
    """More has been written than the client has taken."""

    @property
    def common(self) -> bytes:
        """Header lines of every answer."""
        ...

    @property
    def peer_host(self) -> str:
        """The client's address, '' where there is none."""
        ...

    def write(self, data: bytes) -> None: ...

    async def drain(self) -> None:
        """Until the client has taken enough of what was written, or has left."""
        ...

    def want_body(self) -> None:
        """Somebody waits for more of the request's body."""
        ...

    def close(self) -> None:
        """Once everything written has gone out."""
        ...

    def abort(self) -> None:
        """Now."""
        ...


class Client:
    """The asking side of one request. Used by one task; `gone` turns true once, when the client leaves."""

    __slots__ = (
        "_by_name",
        "_chunked",
        "_limit",
        "_link",
        "_pieces",
        "_received_bytes",
        "_waiter",
        "_watched",
        "body_whole",
        "broken",
        "ended",
        "gone",
        "headers",
        "keep_alive",
        "method",
        "owner",
        "path",
        "query",
        "started",
    )

    def __init__(
        self,
        link: Link,
        method: str,
        path: str,
        query: bytes,
        headers: Sequence[Header],
        *,
        keep_alive: bool = True,
        chunks: bool = True,
    ) -> None:
        """`chunks`: the client understands bodies of unknown length (HTTP/1.1)."""
        self.method, self.path, self.query, self.headers = method, path, query, headers
        self.keep_alive = keep_alive
        self.gone = self.started = self.ended = False
        self.broken = ""
        """What is wrong with the framing of the body, '' if nothing."""
        self.body_whole = False
        self.owner: asyncio.Task[Any] | None = None
        """The task that answers."""
        self._by_name = dict(reversed(headers))  # the first of two equal names stays
        self._link = link
        self._chunked = chunks
        self._pieces: list[bytes] = []
        self._received_bytes = 0
        self._waiter: asyncio.Future[None] | None = None
        self._watched = False
        self._limit: asyncio.TimerHandle | None = None

    # ------------------------------------------------------------------ the request

    def header(self, name: bytes) -> bytes | None:
        """The first header of that (lower-case) name."""
        return self._by_name.get(name)

    @property
    def host(self) -> str:
        """Where the client calls from, '' if unknown."""
        return self._link.peer_host

    async def body(self, limit_bytes: int) -> bytes:
        """The whole body. Raises BodyTooLarge as soon as that is known, ClientLeft if it never ends,
        BadRequest where its framing is broken."""
        if not self.body_whole:
            declared = self.header(b"content-length")
            if declared is not None and declared.isdigit() and int(declared) > limit_bytes:
                await self._discard()
                raise _too_large(limit_bytes)
            while not self.body_whole and self._received_bytes <= limit_bytes:
                await self._more()
        if self._received_bytes > limit_bytes:
            await self._discard()
            raise _too_large(limit_bytes)
        pieces = self._pieces
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def piece(self) -> tuple[bytes, bool]:
        """What has come of the body since the last call, and whether more follows. Raises as `body` does."""
        while not (self._pieces or self.body_whole):
            await self._more()
        taken = b"".join(self._pieces)
        self._pieces.clear()
        return taken, not self.body_whole

    async def over(self) -> None:
        """Returns when the answer has been given or the client has left."""
        while not (self.ended or self.gone):
            await self._wait()

    async def _more(self) -> None:
        """Until something of the body has come."""
        if not (self.gone or self.broken):
            self._link.want_body()
            await self._wait()
        if self.gone:
            raise ClientLeft
        if self.broken:
            raise BadRequest(self.broken, code="invalid_http", headers=((b"connection", b"close"),))

    async def _wait(self) -> None:
        waiter = self._waiter = asyncio.get_running_loop().create_future()
        await waiter

    async def _discard(self) -> None:
        """Reads on for a while: an answer sent while the client still writes is lost with the connection."""
        self._pieces.clear()
        with contextlib.suppress(TimeoutError, BadRequest):
            async with asyncio.timeout(DISCARD_WITHIN_S):
                while not self.body_whole and self._received_bytes < DISCARD_BYTES:
                    await self._more()
                    self._pieces.clear()

    # ------------------------------------------------------------------ the answer

    def answer(self, status: int, headers: Sequence[Header], body: bytes) -> None:
        """A whole answer, in one write."""
        if self.gone:
            return
        framing = b"content-length: %d\r\n" % len(body)
        if wire.closes(headers):
            self.keep_alive = False
        elif not self.keep_alive:
            framing += wire.CLOSE
        head = wire.head(status, self._link.common, headers, framing)
        self.started = True
        self._link.write(head if self.method == "HEAD" else head + body)
        self._end()

    def start(self, status: int, headers: Sequence[Header]) -> None:
        """The head of an answer that follows in pieces."""
        if self.gone:
            return
        self.keep_alive = self.keep_alive and self._chunked and not wire.closes(headers)
        framing = wire.CHUNKED if self._chunked else b""
        if not self.keep_alive and not wire.closes(headers):
            framing += wire.CLOSE
        head = wire.head(status, self._link.common, headers, framing)
        self.started = True
        self._link.write(head)

    async def send(self, piece: bytes) -> None:
        """One more piece; waits while the client reads slowly."""
        if not self.gone and piece:
            self._write_piece(piece)
            if self._link.write_paused:
                await self._link.drain()

    def finish(self, piece: bytes = b"") -> None:
        """The last piece."""
        if self.gone:
            return
        if piece:
            self._write_piece(piece)
        if self._chunked and self.method != "HEAD":
            self._link.write(wire.LAST_CHUNK)
        self._end()

    def _write_piece(self, piece: bytes) -> None:
        if self.method != "HEAD":
            self._link.write(wire.chunk(piece) if self._chunked else piece)

    def _end(self) -> None:
        self.ended = True
        self._wake()
        if not self.keep_alive:
            self._link.close()

    # ------------------------------------------------------------------ leaving

    def watch(self) -> None:
        """From now on, the client's leaving cancels the task that answers. Raises ClientLeft if it already
        has left."""
        if self.gone:
            raise ClientLeft
        self._watched = True

    def limit(self, seconds: float) -> None:
        """A client that has not taken its answer by then is treated as gone: one that stops reading would
        otherwise hold an upstream for ever."""
        self._limit = asyncio.get_running_loop().call_later(seconds, self._give_up)

    def unwatch(self) -> None:
        """After this the client's leaving no longer cancels anybody."""
        self._watched = False
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None

    def _give_up(self) -> None:
        self.left()
        self._link.abort()

    # ------------------------------------------------------------------ for the connection

    def feed(self, piece: bytes) -> int:
        """A piece of the body has come. Returns how many bytes nobody has asked for yet."""
        if self.ended:
            return 0
        self._pieces.append(piece)
        self._received_bytes += len(piece)
        if self._waiter is not None:
            self._wake()
            return 0
        return self._received_bytes

    def fed(self) -> None:
        """The body is whole."""
        self.body_whole = True
        self._wake()

    def spoil(self, flaw: str) -> None:
        """The rest of the body cannot be understood."""
        self.broken = flaw
        self._wake()

    def left(self) -> None:
        """The connection is lost."""
        if self.ended or self.gone:
            return
        self.gone = True
        self._wake()
        if self._watched and self.owner is not None:
            self.owner.cancel()

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)


def _too_large(limit_bytes: int) -> BadRequest:
    return BodyTooLarge(
        f"The request body is larger than this gateway accepts ({limit_bytes} bytes; server.max_body).",
        headers=((b"connection", b"close"),),
    )
