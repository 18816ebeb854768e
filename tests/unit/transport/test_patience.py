"""Timeouts, cancellation, backpressure. Sockets are the subject, so the timeouts are real and short."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from dataclasses import replace
from time import monotonic

import pytest

from gateway.transport.base import (
    ConnectFailed,
    Cut,
    FirstByteTimeout,
    IdleTimeout,
    Origin,
    Reply,
    Timeouts,
    TotalTimeout,
    TransportError,
)
from gateway.transport.connection import HIGH_WATER_BYTES
from gateway.transport.http1 import Http1Transport
from gateway.transport.reply import Http1Reply
from tests.unit.transport.asking import PATIENT, ask, ask_whole, chunks
from tests.unit.transport.raw_upstream import (
    CHUNKED,
    OK,
    Handler,
    Peer,
    Upstream,
    chunk,
    saying,
    settle,
    upstream,
)

SHORT_S = 0.05


def silent_after(*said: bytes) -> Handler:
    async def handler(peer: Peer) -> None:
        await peer.request()
        peer.send(*said)
        await peer.gone()

    return handler


async def test_a_refused_connection(transport: Http1Transport) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(ConnectFailed, match=f"^127.0.0.1:{port}: .*"):
        await ask(transport, Origin("http", "127.0.0.1", port))


@pytest.mark.parametrize("host", ["no-such-host.invalid", "x" * 64 + ".example"])
async def test_a_name_without_an_address(transport: Http1Transport, host: str) -> None:
    with pytest.raises(ConnectFailed, match=f"^{host}: "):
        await ask(transport, Origin("http", host, 80))


async def tls_that_never_answers(peer: Peer) -> None:
    await peer.gone()


@pytest.mark.parametrize(
    ("timeouts", "expected"),
    [
        (replace(PATIENT, connect_s=SHORT_S), ConnectFailed),
        (replace(PATIENT, total_s=SHORT_S), TotalTimeout),
    ],
)
async def test_the_connect_timeout_covers_tls(
    transport: Http1Transport, timeouts: Timeouts, expected: type[TransportError]
) -> None:
    async with upstream(tls_that_never_answers) as up:
        with pytest.raises(expected):
            await ask(transport, replace(up.origin, scheme="https"), timeouts=timeouts)
        await settle(lambda: up.gone == 1)


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"])
async def test_first_byte_timeout_closes_the_connection(transport: Http1Transport, said: bytes) -> None:
    async with upstream(silent_after(said)) as up:
        began = monotonic()
        with pytest.raises(FirstByteTimeout, match=r"no answer within 0\.05 s"):
            await ask(transport, up.origin, timeouts=replace(PATIENT, first_byte_s=SHORT_S))
        assert SHORT_S * 0.9 < monotonic() - began < 1.0
        await settle(lambda: up.gone == 1)


async def test_first_byte_runs_from_the_end_of_the_request(transport: Http1Transport) -> None:
    async def handler(peer: Peer) -> None:
        await asyncio.sleep(15 * SHORT_S)
        await peer.request()
        peer.send(OK)
        await peer.request_head()
        await peer.reader.readexactly(20_000_000)
        await peer.gone()

    async with upstream(handler) as up:
        patience = replace(PATIENT, first_byte_s=10 * SHORT_S)
        reply = await ask(transport, up.origin, body=b"x" * 20_000_000, timeouts=patience)
        assert await reply.read(2) == b"ok"
        with pytest.raises(FirstByteTimeout):
            await ask(transport, up.origin, body=b"x" * 20_000_000, timeouts=patience)
        assert up.connections == 1


async def test_idle_timeout_while_somebody_waits(transport: Http1Transport) -> None:
    timeouts = replace(PATIENT, idle_s=SHORT_S)
    async with upstream(silent_after(CHUNKED, chunk(b"a"))) as up:
        reply = await ask(transport, up.origin, timeouts=timeouts)
        assert await reply.chunk() == b"a"
        with pytest.raises(IdleTimeout, match=r"silent for 0\.05 s"):
            await reply.chunk()
        with pytest.raises(IdleTimeout):
            await (await ask(transport, up.origin, timeouts=timeouts)).read(100)
        await settle(lambda: up.gone == 2)


async def test_each_byte_restarts_the_idle_timeout(transport: Http1Transport) -> None:
    async def handler(peer: Peer) -> None:
        while True:
            await peer.request()
            peer.send(CHUNKED)
            for _ in range(5):
                await asyncio.sleep(SHORT_S)
                peer.send(chunk(b"x"))
            peer.send(b"0\r\n\r\n")

    async with upstream(handler) as up:
        timeouts = replace(PATIENT, idle_s=3 * SHORT_S)
        assert await (await ask(transport, up.origin, timeouts=timeouts)).read(100) == b"xxxxx"
        assert len(await chunks(await ask(transport, up.origin, timeouts=timeouts))) == 5


async def test_a_slow_client_is_not_an_idle_upstream(transport: Http1Transport) -> None:
    go_on = asyncio.Event()

    async def handler(peer: Peer) -> None:
        await peer.request()
        peer.send(CHUNKED, chunk(b"a"))
        await go_on.wait()
        peer.send(chunk(b"b"), b"0\r\n\r\n")
        await peer.gone()

    async with upstream(handler) as up:
        reply = await ask(transport, up.origin, timeouts=replace(PATIENT, idle_s=SHORT_S))
        assert await reply.chunk() == b"a"
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reply.chunk(), SHORT_S / 5)
        await asyncio.sleep(3 * SHORT_S)  # nobody waits: the client is busy
        go_on.set()
        assert await chunks(reply) == [b"b"]


@pytest.mark.parametrize("said", [b"", CHUNKED, CHUNKED + chunk(b"a")])
async def test_total_timeout(transport: Http1Transport, said: bytes) -> None:
    async def exchange(up: Upstream) -> None:
        reply = await ask(transport, up.origin, timeouts=replace(PATIENT, total_s=SHORT_S))
        await chunks(reply)

    async with upstream(silent_after(said)) as up:
        with pytest.raises(TotalTimeout, match=r"took longer than 0\.05 s"):
            await exchange(up)
        await settle(lambda: up.gone == 1)


async def test_total_timeout_frees_a_reply_that_nobody_reads(transport: Http1Transport) -> None:
    async with upstream(silent_after(CHUNKED, chunk(b"a"))) as up:
        reply = await ask(transport, up.origin, timeouts=replace(PATIENT, total_s=SHORT_S))
        await settle(lambda: up.gone == 1)
        assert await reply.chunk() == b"a"
        with pytest.raises(TotalTimeout):
            await reply.chunk()


async def test_timeouts_belong_to_one_exchange_not_to_its_connection(transport: Http1Transport) -> None:
    async def handler(peer: Peer) -> None:
        for _ in range(6):
            await peer.request()
            await asyncio.sleep(SHORT_S / 2)
            peer.send(OK)
        await peer.gone()

    async with upstream(handler) as up:
        for _ in range(5):
            reply = await ask(transport, up.origin, timeouts=replace(PATIENT, first_byte_s=2 * SHORT_S))
            assert await reply.read(2) == b"ok"
        assert await ask_whole(transport, up.origin) == b"ok"
        with pytest.raises(FirstByteTimeout):
            await ask(transport, up.origin, timeouts=replace(PATIENT, first_byte_s=SHORT_S))
        assert up.connections == 1


@pytest.mark.parametrize("body", [b"{}", b"x" * 30_000_000])
async def test_a_cancelled_send_closes_its_connection(transport: Http1Transport, body: bytes) -> None:
    began = asyncio.Event()

    async def handler(peer: Peer) -> None:
        await peer.request_head()
        began.set()
        await asyncio.sleep(SHORT_S / 5)
        await peer.gone()

    async with upstream(handler) as up:
        sending = asyncio.ensure_future(ask(transport, up.origin, body=body))
        await began.wait()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        await settle(lambda: up.gone == 1 and transport.stats().open == 0)


async def test_a_send_cancelled_while_connecting_closes_its_connection(transport: Http1Transport) -> None:
    async with upstream(tls_that_never_answers) as up:
        sending = asyncio.ensure_future(ask(transport, replace(up.origin, scheme="https")))
        await settle(lambda: up.connections == 1)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        await settle(lambda: up.gone == 1)


async def test_a_send_cancelled_as_its_answer_arrives_harms_nobody_else(transport: Http1Transport) -> None:
    async with upstream(saying(OK)) as up:
        assert await ask_whole(transport, up.origin) == b"ok"
        sending = asyncio.ensure_future(ask(transport, up.origin))
        await asyncio.sleep(0)
        (connection,) = transport._pool._open
        assert connection._reply is not None
        connection.data_received(OK)  # whole, and back in the pool, but `sending` has not run yet
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        assert transport.stats().idle == 1


async def test_abort_closes_at_once_and_only_once(transport: Http1Transport) -> None:
    async with upstream(silent_after(CHUNKED, chunk(b"a"))) as up:
        reply = await ask(transport, up.origin)
        reply.abort()
        reply.abort()
        await settle(lambda: up.gone == 1 and transport.stats().open == 0)
        assert await chunks_until_cut(reply) in ([], [b"a"])


async def chunks_until_cut(reply: Reply) -> list[bytes]:
    found: list[bytes] = []
    try:
        while True:
            found.append(await reply.chunk())
    except Cut:
        return found


async def test_an_upstream_stalls_when_nobody_reads(transport: Http1Transport) -> None:
    piece, pieces = b"x" * 16_384, 4_000
    sent = 0

    async def handler(peer: Peer) -> None:
        nonlocal sent
        await peer.request()
        peer.send(CHUNKED)
        for _ in range(pieces):
            peer.send(chunk(piece))
            await peer.writer.drain()
            sent += 1
        peer.send(b"0\r\n\r\n")
        await peer.gone()

    async with upstream(handler) as up:
        reply = await ask(transport, up.origin)
        await until_still(lambda: sent)
        assert sent < pieces / 2  # the rest waits in the handler, some in the kernel's buffers
        assert isinstance(reply, Http1Reply)
        assert reply.buffered_bytes <= 3 * HIGH_WATER_BYTES
        assert b"".join(await chunks(reply)) == piece * pieces
        assert transport.stats().idle == 1

        reply = await ask(transport, up.origin, fresh=True)
        await until_still(lambda: sent)
        assert len(await reply.read(len(piece) * pieces)) == len(piece) * pieces


async def until_still(count: Callable[[], int]) -> None:
    last = -1
    while last != (now := count()):
        last = now
        await asyncio.sleep(0.03)
