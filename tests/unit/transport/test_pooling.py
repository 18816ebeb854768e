"""Which connection serves which request, and when one is closed."""

from __future__ import annotations

import asyncio
import os
import socket

import pytest

from gateway.transport.base import ConnectFailed, Cut, NoAnswer, TransportStats
from gateway.transport.http1 import Http1Transport
from tests.unit.transport.asking import ask, ask_whole, chunks
from tests.unit.transport.raw_upstream import CHUNKED, OK, Peer, chunk, saying, settle, upstream


def naming(peer: Peer) -> bytes:
    name = b"%d" % peer.number
    return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(name), name)


async def says_its_number(peer: Peer) -> None:
    while True:
        await peer.request()
        peer.send(naming(peer))


async def test_one_after_another_share_a_connection(transport: Http1Transport) -> None:
    async with upstream(says_its_number) as up:
        assert [await ask_whole(transport, up.origin) for _ in range(5)] == [b"1"] * 5
        assert transport.stats() == TransportStats(open=1, idle=1, connects_total=1, sends_total=5)


async def test_the_connection_sends_without_delay(transport: Http1Transport) -> None:
    async with upstream(says_its_number) as up:
        reply = await ask(transport, up.origin)
        (connection,) = transport._pool._open
        sock = connection._transport.get_extra_info("socket")
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
        await reply.read(10)


async def test_concurrent_requests_have_their_own_and_leave_them_to_others(transport: Http1Transport) -> None:
    async with upstream(says_its_number) as up:
        names = await asyncio.gather(*(ask_whole(transport, up.origin) for _ in range(32)))
        assert set(names) == {b"%d" % number for number in range(1, 33)}
        await asyncio.gather(*(ask_whole(transport, up.origin) for _ in range(32)))
        assert (up.connections, transport.stats().idle) == (32, 32)


@pytest.mark.parametrize("turns", range(12))
async def test_a_connection_whose_making_was_cancelled_is_not_waited_for(
    transport: Http1Transport, turns: int
) -> None:
    async with upstream(says_its_number) as up:
        asking = asyncio.create_task(ask_whole(transport, up.origin))
        for _ in range(turns):
            await asyncio.sleep(0)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        async with asyncio.timeout(5):
            await transport.aclose()


async def test_the_last_used_serves_first(transport: Http1Transport) -> None:
    async with upstream(says_its_number) as up:
        replies = [await ask(transport, up.origin, fresh=True) for _ in range(3)]
        assert [await reply.read(1) for reply in replies] == [b"1", b"2", b"3"]
        assert [await ask_whole(transport, up.origin) for _ in range(2)] == [b"3", b"3"]


async def test_origins_do_not_mix(transport: Http1Transport) -> None:
    async with upstream(says_its_number) as one, upstream(saying(OK)) as other:
        assert await ask_whole(transport, one.origin) == b"1"
        assert await ask_whole(transport, other.origin) == b"ok"
        assert await ask_whole(transport, one.origin) == b"1"


async def test_fresh_asks_for_a_new_one(transport: Http1Transport) -> None:
    async with upstream(says_its_number) as up:
        assert await ask_whole(transport, up.origin) == b"1"
        assert await (await ask(transport, up.origin, fresh=True)).read(1) == b"2"
        assert transport.stats().idle == 2


async def test_a_whole_message_frees_its_connection_before_it_is_read(transport: Http1Transport) -> None:
    async with upstream(saying(CHUNKED, chunk(b"a"), chunk(b"b"), b"0\r\n\r\n")) as up:
        first = await ask(transport, up.origin)
        second = await ask(transport, up.origin)
        assert up.connections == 1
        first.abort()  # whole already: neither its pieces nor the connection suffer
        assert await chunks(first) == await chunks(second) == [b"ab"]  # what came together is read together
        assert transport.stats().idle == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok",
        OK + OK,
        OK + b"H",
        OK + b"garbage",
        b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nokay",
    ],
)
async def test_not_kept(transport: Http1Transport, answer: bytes) -> None:
    async with upstream(saying(answer)) as up:
        for count in (1, 2):
            assert await ask_whole(transport, up.origin) == b"ok"
            await settle(lambda count=count: up.gone == count)  # type: ignore[misc]
        assert transport.stats() == TransportStats(open=0, idle=0, connects_total=2, sends_total=2)


async def test_an_http_1_0_upstream_may_ask_to_keep(transport: Http1Transport) -> None:
    answer = b"HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 2\r\n\r\nok"
    async with upstream(saying(answer)) as up:
        assert await ask_whole(transport, up.origin) == await ask_whole(transport, up.origin) == b"ok"
        assert up.connections == 1


@pytest.mark.parametrize(
    ("promise", "connections"),
    [(b"timeout=1, max=100", 2), (b"timeout=60", 1), (b"max=7", 1), (b"timeout=x", 1)],
)
async def test_a_connection_that_its_peer_will_close_soon_is_not_used(
    transport: Http1Transport, promise: bytes, connections: int
) -> None:
    """A margin of a second: what is sent when the peer is about to close is lost."""
    answer = b"HTTP/1.1 200 OK\r\nkeep-alive: " + promise + b"\r\ncontent-length: 2\r\n\r\nok"
    async with upstream(saying(answer)) as up:
        assert await ask_whole(transport, up.origin) == await ask_whole(transport, up.origin) == b"ok"
        assert up.connections == connections


@pytest.mark.parametrize("late", [b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n", b"\r\n", b""])
async def test_an_idle_connection_that_speaks_or_ends_is_dropped(
    transport: Http1Transport, late: bytes
) -> None:
    speak = asyncio.Event()

    async def handler(peer: Peer) -> None:
        await peer.request()
        peer.send(naming(peer))
        await speak.wait()
        if late:
            peer.send(late)
            await peer.gone()

    async with upstream(handler) as up:
        assert await ask_whole(transport, up.origin) == b"1"
        speak.set()
        await settle(lambda: transport.stats().open == 0 and up.gone == 1)
        assert transport.stats().idle == 0
        assert await ask_whole(transport, up.origin) == b"2"


async def test_a_server_that_speaks_first_is_no_http_server(transport: Http1Transport) -> None:
    async def handler(peer: Peer) -> None:
        peer.send(b"220 mail.example ESMTP\r\n")
        await peer.gone()

    async with upstream(handler) as up:
        with pytest.raises(NoAnswer):
            await ask(transport, up.origin)
        await settle(lambda: up.gone == 1)


async def test_a_stale_connection_says_so(transport: Http1Transport) -> None:
    """The upstream ends the idle connection and the request goes out before the loop has noticed."""
    peers: list[Peer] = []

    async def handler(peer: Peer) -> None:
        peers.append(peer)
        await says_its_number(peer)

    async with upstream(handler) as up:
        assert await ask_whole(transport, up.origin) == b"1"
        descriptor = os.dup(peers[0].writer.get_extra_info("socket").fileno())
        with socket.socket(fileno=descriptor) as same_socket:
            same_socket.shutdown(socket.SHUT_RDWR)
        with pytest.raises(NoAnswer) as failure:
            await ask(transport, up.origin)
        assert failure.value.reused
        assert await (await ask(transport, up.origin, fresh=True)).read(1) == b"2"


async def test_a_reused_connection_that_had_begun_to_answer_is_not_stale(transport: Http1Transport) -> None:
    async def handler(peer: Peer) -> None:
        await peer.request()
        peer.send(OK)
        await peer.request()
        peer.send(b"HTTP/1.1 2")

    async with upstream(handler) as up:
        assert await ask_whole(transport, up.origin) == b"ok"
        with pytest.raises(NoAnswer) as failure:
            await ask(transport, up.origin)
        assert not failure.value.reused


async def test_idle_connections_expire() -> None:
    transport = Http1Transport(idle_s=0.04)
    async with upstream(says_its_number) as up:
        replies = [await ask(transport, up.origin, fresh=True) for _ in range(2)]
        for reply in replies:
            await reply.read(1)
        assert transport.stats().idle == 2
        await settle(lambda: transport.stats().open == 0 and up.gone == 2)
        assert await ask_whole(transport, up.origin) == b"3"
        await transport.aclose()


async def test_an_expired_connection_is_not_used_even_before_it_is_swept() -> None:
    transport = Http1Transport(idle_s=0.0)
    async with upstream(says_its_number) as up:
        assert [await ask_whole(transport, up.origin) for _ in range(2)] == [b"1", b"2"]
        await transport.aclose()


async def test_only_so_many_lie_idle() -> None:
    transport = Http1Transport(max_idle=2)
    async with upstream(says_its_number) as up:
        await asyncio.gather(*(ask_whole(transport, up.origin) for _ in range(5)))
        await settle(lambda: transport.stats().open == 2 and up.gone == 3)
        assert transport.stats().idle == 2
        await transport.aclose()


async def test_aclose_ends_everything_and_tells_those_who_wait(transport: Http1Transport) -> None:
    async def handler(peer: Peer) -> None:
        if (await peer.request()).head.startswith(b"GET"):
            peer.send(CHUNKED, chunk(b"a"))
        await peer.gone()

    async with upstream(handler) as up:
        streaming = await ask(transport, up.origin, method=b"GET", body=b"")
        waiting = asyncio.ensure_future(ask(transport, up.origin))
        await settle(lambda: transport.stats().sends_total == 2)
        await transport.aclose()
        await transport.aclose()
        assert await streaming.chunk() == b"a"
        with pytest.raises(Cut, match="closed by the gateway"):
            await streaming.chunk()
        with pytest.raises(NoAnswer, match="closed by the gateway"):
            await waiting
        await settle(lambda: up.gone == 2)
        with pytest.raises(ConnectFailed, match="the transport is closed"):
            await ask(transport, up.origin)
