"""An upstream that says exactly the bytes a test wants, when it wants, over a real socket."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from gateway.transport.base import Origin

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


@dataclass(frozen=True)
class Request:
    head: bytes
    body: bytes


class Peer:
    """The upstream's end of one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        self.reader = reader
        self.writer = writer
        self.number = number
        """Of the connection, from 1."""

    async def request_head(self) -> bytes:
        return await self.reader.readuntil(b"\r\n\r\n")

    async def request(self) -> Request:
        head = await self.request_head()
        length = next(
            (int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"content-length:")), 0
        )
        return Request(head, await self.reader.readexactly(length))

    def send(self, *data: bytes) -> None:
        self.writer.write(b"".join(data))

    async def gone(self) -> None:
        """Returns when the client has closed or reset the connection."""
        try:
            while await self.reader.read(65536):
                pass
        except ConnectionError:
            pass

    def close(self) -> None:
        self.writer.close()

    def reset(self) -> None:
        """With unsent or unread bytes the kernel says RST; linger 0 makes sure."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Handler = Callable[[Peer], Awaitable[None]]


@dataclass
class Upstream:
    origin: Origin
    connections: int = 0
    gone: int = 0
    """How many handlers have ended."""
    _failures: list[BaseException] = field(default_factory=list)


@asynccontextmanager
async def upstream(handler: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[Upstream]:
    """Runs `handler` once per connection. A handler that raises fails the test, except for the client's
    leaving (IncompleteReadError, ConnectionError): when that matters a test waits for `gone` itself."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        up.connections += 1
        try:
            await handler(Peer(reader, writer, up.connections))
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        except BaseException as failure:  # noqa: BLE001 - shown to the test below
            up._failures.append(failure)
        finally:
            up.gone += 1
            writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls, limit=1 << 20)
    scheme = "https" if tls else "http"
    up = Upstream(Origin(scheme, "127.0.0.1", server.sockets[0].getsockname()[1]))
    try:
        yield up
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)
    assert not up._failures, up._failures


def saying(*data: bytes) -> Handler:
    """Answers every request on every connection with the same bytes."""

    async def handler(peer: Peer) -> None:
        while True:
            await peer.request()
            peer.send(*data)

    return handler


def saying_then_close(*data: bytes) -> Handler:
    async def handler(peer: Peer) -> None:
        await peer.request()
        peer.send(*data)
        peer.close()
        await peer.gone()

    return handler


async def settle(condition: Callable[[], bool]) -> None:
    """Lets the loop run until something that needs other callbacks is so; fails after 2 s."""
    async with asyncio.timeout(2):
        while not condition():  # noqa: ASYNC110 - it watches the code under test from outside
            await asyncio.sleep(0.001)
