"""One HTTP/1.1 connection of the fake upstream, and one exchange on it: bytes, frames, resets."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, cast

import httptools
import orjson

from tests.fakes.witness import Arrival

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def fields(self) -> Mapping[str, Any]:
        """The JSON body, {} if there is none or it is no object."""
        try:
            parsed = orjson.loads(self.body)
        except orjson.JSONDecodeError:
            return {}
        return parsed if isinstance(parsed, dict) else {}


class ClientLeft(Exception):
    """The other side closed while an answer was being written."""


class Exchange:
    """What a behaviour may do with one request. Writing after the client left raises ClientLeft."""

    def __init__(self, request: Request, connection: Connection) -> None:
        self.request = request
        self.arrival: Arrival | None = None
        self._connection = connection

    def start(self, status: int, headers: Mapping[str, str]) -> None:
        lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self.raw(("\r\n".join(lines) + "\r\n\r\n").encode())

    def whole(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        """A JSON answer with its length."""
        fixed = {"content-type": "application/json", "content-length": str(len(body))}
        self.start(status, {**fixed, **(headers or {})})
        self.raw(body)
        self.done()

    def start_stream(self) -> None:
        self.start(200, {"content-type": "text/event-stream; charset=utf-8", "transfer-encoding": "chunked"})

    def chunk(self, data: bytes) -> None:
        self.raw(b"%x\r\n%b\r\n" % (len(data), data))

    def end_stream(self) -> None:
        self.raw(b"0\r\n\r\n")
        self.done()

    def raw(self, data: bytes) -> None:
        if self.arrival is not None:
            self.arrival.began = True
        self._connection.write(data)

    async def drain(self) -> None:
        """Until the socket takes more."""
        await self._connection.drain()

    def done(self) -> None:
        if self.arrival is not None:
            self.arrival.completed = True

    def reset(self) -> None:
        """A TCP reset: what was written but not yet sent is lost."""
        self._connection.close(reset=True)

    def close(self) -> None:
        self._connection.close(reset=False)

    async def until_client_leaves(self) -> None:
        await self._connection.gone.wait()
        raise ClientLeft


class Connection(asyncio.Protocol):
    """Parses requests with httptools and answers them one after the other with `behave`."""

    def __init__(self, behave: Callable[[Exchange], Awaitable[None]], open_ones: set[Connection]) -> None:
        self.gone = asyncio.Event()
        self._behave = behave
        self._open_ones = open_ones
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._writable = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._exchange: Exchange | None = None
        self._closed_by_us = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own class does not derive from it
        self._writable.set()
        self._open_ones.add(self)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.close(reset=False)

    def on_message_begin(self) -> None:
        self._url = b""
        self._body = bytearray()
        self._headers: dict[str, str] = {}

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode().lower()] = value.decode()

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        request = Request(
            self._parser.get_method().decode(), self._url.decode(), self._headers, bytes(self._body)
        )
        self._exchange = Exchange(request, self)
        self._task = asyncio.get_running_loop().create_task(self._answer(self._exchange))

    async def _answer(self, exchange: Exchange) -> None:
        with contextlib.suppress(ClientLeft):
            await self._behave(exchange)

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def connection_lost(self, exc: Exception | None) -> None:
        arrival = self._exchange.arrival if self._exchange else None
        if arrival is not None and not arrival.completed and not self._closed_by_us:
            arrival.client_left = True
        self.gone.set()
        self._writable.set()
        self._open_ones.discard(self)

    def write(self, data: bytes) -> None:
        if self.gone.is_set() or self._transport is None:
            raise ClientLeft
        self._transport.write(data)

    async def drain(self) -> None:
        await self._writable.wait()
        if self.gone.is_set():
            raise ClientLeft

    def close(self, *, reset: bool) -> None:
        if self._transport is None or self.gone.is_set():
            return
        self._closed_by_us = True
        if not reset:
            self._transport.close()
            return
        sock: socket.socket = self._transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self._transport.abort()

    async def finish(self) -> None:
        """Closes, and waits for the running answer to notice."""
        self.close(reset=True)
        await self.gone.wait()
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait([self._task])
