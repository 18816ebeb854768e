"""One client's connection: requests in, one at a time, answers out.

uvicorn's server accepts, counts and closes connections; what happens on one is here. ASGI would make a
dictionary of every request and of every piece of every answer, and could only tell that a client has left
to somebody who waits for it; here the task that answers is cancelled where the loss is noticed.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, cast

import httptools
import uvicorn.server

from gateway.answering import json_headers
from gateway.clock import Clock
from gateway.errors import BadRequest, HeadTooLarge
from gateway.front import wire
from gateway.front.client import Client
from gateway.front.wire import Header
from gateway.outbox import Outbox

logger = logging.getLogger(__name__)

IDLE_S = 75.0
"""How long a connection may lie idle between requests, or stall inside one."""
MAX_HEAD_BYTES = 64 * 1024
UNREAD_BYTES = 256 * 1024
"""Of a body that nobody reads yet; then reading from the socket stops."""
_OFFER = (b"upgrade", b"connection", b"http2-settings")

App = Callable[[Client], Coroutine[Any, Any, None]]


class ServerState:
    """What is under way; uvicorn's server keeps one of the same outline."""

    def __init__(self) -> None:
        self.connections: set[Any] = set()
        self.tasks: set[asyncio.Task[None]] = set()
        self.default_headers: list[Header] = []


class Front:
    """What all connections of a process share."""

    def __init__(self, app: App, clock: Clock, *, idle_s: float = IDLE_S) -> None:
        self.app = app
        self.outbox = Outbox(asyncio.get_running_loop())
        self.state: ServerState | uvicorn.server.ServerState = ServerState()
        self.clock = clock
        self.idle_s = idle_s
        self._rendered_for: list[Header] | None = None
        self._rendered = b""

    def common(self) -> bytes:
        """The headers of every answer; uvicorn makes a new list each second, for the date."""
        headers = self.state.default_headers
        if headers is not self._rendered_for:
            self._rendered_for = headers
            self._rendered = b"".join(b"%b: %b\r\n" % header for header in headers)
        return self._rendered


class HttpConnection(asyncio.Protocol):
    """Implements Link. `_current` is being answered until its task has ended; requests that a client sends
    ahead wait their turn, and nothing more is read while one does."""

    _transport: asyncio.Transport

    def __init__(self, front: Front) -> None:
        self.write_paused = False
        self._front = front
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpRequestParser(self)
        self._current: Client | None = None
        self._incoming: Client | None = None
        """Whose body is being received."""
        self._continued = False
        """It has been told to go on with its body."""
        self._waiting: deque[Client] = deque()
        self._drained: asyncio.Future[None] | None = None
        self._read_paused = False
        self._deaf = False
        """What follows cannot be understood."""
        self._url = b""
        self._headers: list[Header] = []
        self._head_bytes = 0
        self._heard_s = 0.0
        """When bytes came last, or an answer ended (the loop's seconds)."""
        self._timer: asyncio.TimerHandle | None = None

    # ------------------------------------------------------------------ asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name
        self._front.state.connections.add(self)  # type: ignore[arg-type]  # of the same outline
        self._heard_s = self._loop.time()
        self._timer = self._loop.call_later(self._front.idle_s, self._look)

    def data_received(self, data: bytes) -> None:
        self._heard_s = self._loop.time()
        if self._deaf:
            return
        self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as offer:
            self._decline(data[offer.args[0] :])
        except httptools.HttpParserError as error:
            self._hear_no_more(BadRequest(f"This is not valid HTTP/1.1: {error}.", code="invalid_http"))
        else:
            if self._head_bytes > MAX_HEAD_BYTES:
                self._hear_no_more(HeadTooLarge(f"The request's head is larger than {MAX_HEAD_BYTES} bytes."))

    def eof_received(self) -> None:
        """A client that says no more is taken to have left: the transport closes by itself."""

    def connection_lost(self, exc: Exception | None) -> None:
        self._front.state.connections.discard(self)
        if self._timer is not None:
            self._timer.cancel()
        for client in (self._current, *self._waiting):
            if client is not None:
                client.left()
        self._waiting.clear()
        self.resume_writing()
        del self._parser  # it holds our callbacks: a cycle

    def pause_writing(self) -> None:
        self.write_paused = True

    def resume_writing(self) -> None:
        self.write_paused = False
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
        self._drained = None
        self._next()

    # ------------------------------------------------------------------ httptools' callbacks

    def on_message_begin(self) -> None:
        self._url = b""
        self._headers = []

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self._head_bytes, self._continued = 0, False
        parser, url = self._parser, self._url
        if parser.should_upgrade():
            return
        if url[:1] == b"/" and b"%" not in url and b"?" not in url:
            path, query = url.decode("ascii"), b""
        else:
            path, query = _parsed(url)
        http_1_1 = parser.get_http_version() == "1.1"
        client = self._incoming = Client(
            self,
            parser.get_method().decode("ascii"),
            path,
            query,
            self._headers,
            keep_alive=http_1_1 and parser.should_keep_alive(),
            chunks=http_1_1,
        )
        if self._current is None:
            self._begin(client)
        else:
            self._waiting.append(client)
            self._pause_reading()

    def on_body(self, piece: bytes) -> None:
        self._head_bytes = 0
        incoming = self._incoming
        if incoming is not None and incoming.feed(piece) > UNREAD_BYTES:
            self._pause_reading()

    def on_message_complete(self) -> None:
        self._head_bytes = 0
        if self._incoming is not None:
            self._incoming.fed()
            self._incoming = None

    # ------------------------------------------------------------------ Link

    @property
    def common(self) -> bytes:
        return self._front.common()

    @property
    def peer_host(self) -> str:
        peer = self._transport.get_extra_info("peername")
        return str(peer[0]) if isinstance(peer, tuple) else ""

    def write(self, data: bytes) -> None:
        self._front.outbox.write(self._transport, data)

    async def drain(self) -> None:
        if self.write_paused:
            if self._drained is None:
                self._drained = self._loop.create_future()
            await self._drained

    def want_body(self) -> None:
        incoming = self._incoming
        if incoming is not None and not self._continued:
            self._continued = True
            if (incoming.header(b"expect") or b"").lower() == b"100-continue":
                self._transport.write(wire.CONTINUE)
        if not self._waiting:
            self._resume_reading()

    def close(self) -> None:
        self._deaf = True
        self._front.outbox.flush()
        self._transport.close()

    def abort(self) -> None:
        self._deaf = True
        self._transport.abort()

    # ------------------------------------------------------------------ for uvicorn's server

    def shutdown(self) -> None:
        """Asks the connection to end with what is under way."""
        if self._current is None:
            self._transport.close()
            return
        for client in (self._current, *self._waiting):
            client.keep_alive = False

    # ------------------------------------------------------------------ one after the other

    def _begin(self, client: Client) -> None:
        self._current = client
        task = client.owner = self._loop.create_task(self._front.app(client))
        self._front.state.tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._front.state.tasks.discard(task)
        client, self._current = self._current, None
        assert client is not None, "a task ends once"
        client.owner = None  # a cycle otherwise
        self._heard_s = self._loop.time()
        if not task.cancelled() and (failure := task.exception()) is not None:
            logger.error("a request failed outside of the road", exc_info=failure)
        if not client.ended:  # an answer cut short must not look whole
            self.abort()
        elif self._waiting:
            self._next()
        elif self._deaf:
            self._transport.close()
        elif self._read_paused:
            self._resume_reading()

    def _next(self) -> None:
        """A client that sends ahead without reading is not answered ahead."""
        free = self._current is None and not self.write_paused and not self._transport.is_closing()
        if self._waiting and free:
            self._begin(self._waiting.popleft())

    def _decline(self, rest: bytes) -> None:
        """Another protocol was offered (HTTP/2 by some clients, with every request). The offer is declined as
        HTTP has it, by not taking it up: the request is read again without it."""
        method = self._parser.get_method()
        if method == b"CONNECT":
            return self._hear_no_more(
                BadRequest("This is no proxy: CONNECT is not for here.", code="invalid_http")
            )
        kept = [b"%b: %b\r\n" % header for header in self._headers if header[0] not in _OFFER]
        self._parser = httptools.HttpRequestParser(self)
        self.data_received(b"%b %b HTTP/1.1\r\n%b\r\n%b" % (method, self._url, b"".join(kept), rest))

    def _hear_no_more(self, refusal: BadRequest) -> None:
        """Nothing after this point can be told apart. What is under way is answered, and then it is over."""
        self._deaf = True
        if self._incoming is not None:
            self._incoming.spoil(refusal.message)
        last = self._waiting[-1] if self._waiting else self._current
        if last is not None:
            last.keep_alive = False
            return
        body = refusal.body()
        framing = b"content-length: %d\r\n" % len(body) + wire.CLOSE
        headers = json_headers(self._front.clock)
        self._transport.write(wire.head(refusal.http_status, self.common, headers, framing) + body)
        self._transport.close()

    def _pause_reading(self) -> None:
        if not self._read_paused:
            self._read_paused = True
            self._transport.pause_reading()

    def _resume_reading(self) -> None:
        if self._read_paused:
            self._read_paused = False
            if not self._transport.is_closing():
                self._transport.resume_reading()

    def _look(self) -> None:
        """Looks for a client that has gone quiet, once per `idle_s` instead of once per request."""
        idle_s, current = self._front.idle_s, self._current
        over = current is None or not current.body_whole
        left_s = self._heard_s + idle_s - self._loop.time() if over else idle_s
        if left_s <= 0:
            self.abort()
        else:
            self._timer = self._loop.call_later(left_s, self._look)


def _parsed(url: bytes) -> tuple[str, bytes]:
    """(path, query). Raises HttpParserInvalidURLError or UnicodeDecodeError, which the parser turns into a
    refusal of the whole request."""
    from urllib.parse import unquote

    parts = httptools.parse_url(url)
    return unquote((parts.path or b"/").decode("ascii")), parts.query or b""
