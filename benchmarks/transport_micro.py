"""What the upstream transport costs by itself: CPU per exchange and per relayed chunk, next to bare sockets.

    python -m benchmarks.transport_micro [--loop asyncio] [--seconds 0.8]

A server in a second process answers every request with the same bytes. "bare" is a client that writes the
request and counts the bytes of the answer, with no HTTP at all: the price of socket and event loop. CPU is
process_time of the client process; the difference between the two is the transport's own.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from time import perf_counter, process_time
from typing import cast

import uvloop

from gateway.transport.base import Origin, Timeouts
from gateway.transport.http1 import Http1Transport

ANSWER_BYTES = 700
ANSWER = b"".join(
    (
        b"HTTP/1.1 200 OK\r\nserver: micro\r\ndate: Thu, 01 Jan 2026 00:00:00 GMT\r\n",
        b"content-type: application/json\r\nx-request-id: 0123456789abcdef\r\n",
        b"content-length: %d\r\n\r\n" % ANSWER_BYTES,
        b"x" * ANSWER_BYTES,
    )
)
EVENT_BYTES = 200
CHUNK = b"%x\r\n" % EVENT_BYTES + b"data: " + b"y" * (EVENT_BYTES - 8) + b"\n\n" + b"\r\n"
STREAM_CHUNKS = 20_000
STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
STREAM_END = b"0\r\n\r\n"
HEADERS = ((b"content-type", b"application/json"), (b"authorization", b"Bearer sk-" + b"k" * 40))
BODY = b'{"model": "m", "messages": [{"role": "user", "content": "' + b"z" * 300 + b'"}]}'
REQUEST_END = BODY[-8:]
Exchange = Callable[[], Awaitable[int]]
"""Does one exchange, returns how many pieces of body it saw."""


class Server(asyncio.Protocol):
    """`GET /stream/N`: the stream, N chunks per write. Anything else: ANSWER."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._room = asyncio.Event()
        self._room.set()

    def data_received(self, data: bytes) -> None:
        if data.startswith(b"GET /stream/"):
            per_write = int(data.split(b" ", 2)[1].rsplit(b"/", 1)[1])
            self._task = asyncio.ensure_future(self._stream(per_write))
        elif data.endswith(REQUEST_END):
            self._transport.write(ANSWER)

    async def _stream(self, per_write: int) -> None:
        self._transport.write(STREAM_HEAD)
        for _ in range(STREAM_CHUNKS // per_write):
            self._transport.write(CHUNK * per_write)
            await asyncio.sleep(0)
            await self._room.wait()
        self._transport.write(STREAM_END)

    def pause_writing(self) -> None:
        self._room.clear()

    def resume_writing(self) -> None:
        self._room.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self._room.set()


class BareClient(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._left = 0
        self._segments = 0

    def data_received(self, data: bytes) -> None:
        self._left -= len(data)
        self._segments += 1
        if self._left <= 0:
            self._done.set_result(self._segments)

    def ask(self, request: bytes, answer_bytes: int) -> asyncio.Future[int]:
        self._left = answer_bytes
        self._segments = 0
        self._done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._done

    def close(self) -> None:
        self._transport.close()


async def serve() -> None:
    server = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)  # until the parent closes it
    server.close()


async def timed(seconds: float, exchanges: list[Exchange]) -> tuple[float, float, int]:
    """Per second, CPU microseconds per exchange, and pieces seen; one task per entry."""
    for exchange in exchanges:
        await exchange()
    until = perf_counter() + seconds
    count = pieces = 0

    async def work(exchange: Exchange) -> None:
        nonlocal count, pieces
        while perf_counter() < until:
            pieces += await exchange()
            count += 1

    wall, cpu = perf_counter(), process_time()
    await asyncio.gather(*map(work, exchanges))
    wall, cpu = perf_counter() - wall, process_time() - cpu
    return count / wall, cpu / count * 1e6, pieces


async def compare_exchanges(port: int, seconds: float, connections: int) -> None:
    loop, origin, timeouts = asyncio.get_running_loop(), Origin("http", "127.0.0.1", port), Timeouts()
    request = (
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:%d\r\n" % port
        + b"".join(b"%b: %b\r\n" % header for header in HEADERS)
        + b"content-length: %d\r\n\r\n" % len(BODY)
        + BODY
    )
    clients = [(await loop.create_connection(BareClient, "127.0.0.1", port))[1] for _ in range(connections)]

    def bare(client: BareClient) -> Exchange:
        return lambda: client.ask(request, len(ANSWER))

    transport = Http1Transport()

    async def exchange() -> int:
        reply = await transport.send(origin, b"POST", b"/v1/chat/completions", HEADERS, BODY, timeouts)
        assert len(await reply.read(1 << 20)) == ANSWER_BYTES
        return 1

    bare_rate, bare_us, _ = await timed(seconds, [bare(client) for client in clients])
    rate, us, _ = await timed(seconds, [exchange] * connections)
    print(f"exchange, {connections:3} connections: bare {bare_rate:7,.0f}/s {bare_us:5.1f} us CPU", end="   ")
    print(f"transport {rate:7,.0f}/s {us:5.1f} us CPU   own {us - bare_us:5.1f} us")
    for client in clients:
        client.close()
    await transport.aclose()


async def compare_streams(port: int, seconds: float, per_write: int) -> None:
    loop, origin, timeouts = asyncio.get_running_loop(), Origin("http", "127.0.0.1", port), Timeouts()
    target = b"/stream/%d" % per_write
    client = (await loop.create_connection(BareClient, "127.0.0.1", port))[1]
    total = len(STREAM_HEAD) + STREAM_CHUNKS * len(CHUNK) + len(STREAM_END)
    transport = Http1Transport()

    async def exchange() -> int:
        reply = await transport.send(origin, b"GET", target, (), b"", timeouts)
        size = count = 0
        while piece := await reply.chunk():
            size += len(piece)
            count += 1
        assert size == STREAM_CHUNKS * EVENT_BYTES
        return count

    def bare() -> Awaitable[int]:
        return client.ask(b"GET %b HTTP/1.1\r\n\r\n" % target, total)

    bare_rate, bare_us, _ = await timed(seconds, [bare])
    rate, us, _ = await timed(seconds, [exchange])
    bare_us, us = bare_us / STREAM_CHUNKS, us / STREAM_CHUNKS
    print(
        f"stream, {per_write:2} chunks/write: bare {bare_rate * STREAM_CHUNKS:9,.0f}/s {bare_us:5.2f} us CPU"
        f"   transport {rate * STREAM_CHUNKS:9,.0f}/s {us:5.2f} us CPU   own {us - bare_us:5.2f} us"
    )
    client.close()
    await transport.aclose()


async def measure(port: int, seconds: float) -> None:
    for connections in (1, 32):
        await compare_exchanges(port, seconds, connections)
    for per_write in (1, 20):
        await compare_streams(port, seconds, per_write)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--loop", choices=("uvloop", "asyncio"), default="uvloop")
    parser.add_argument("--seconds", type=float, default=0.8, help="per measurement; there are eight")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    factory = uvloop.new_event_loop if options.loop == "uvloop" else asyncio.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        if options.serve:
            runner.run(serve())
            return
        command = [sys.executable, "-m", "benchmarks.transport_micro", "--serve"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
            assert server.stdout is not None
            port = int(server.stdout.readline())
            print(f"Python {sys.version.split()[0]}, {options.loop}, {os.cpu_count()} cores", flush=True)
            runner.run(measure(port, options.seconds))
            server.communicate()


if __name__ == "__main__":
    main()
