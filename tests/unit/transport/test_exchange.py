"""What goes out and what comes back, over real sockets: every kind of framing, whole and broken."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, cast

import pytest

from gateway.transport.base import Cut, NoAnswer
from gateway.transport.connection import MAX_HEAD_BYTES
from gateway.transport.http1 import Http1Transport
from tests.unit.transport.asking import ask, ask_whole, chunks
from tests.unit.transport.raw_upstream import (
    CHUNKED,
    OK,
    Peer,
    Request,
    chunk,
    saying,
    saying_then_close,
    settle,
    upstream,
)


async def seen(transport: Http1Transport, **how: Any) -> tuple[Request, int]:
    got: list[Request] = []

    async def handler(peer: Peer) -> None:
        got.append(await peer.request())
        peer.send(OK)
        await peer.gone()

    async with upstream(handler) as up:
        reply = await ask(transport, up.origin, **how)
        assert await reply.read(100) == b"ok"
        await transport.aclose()
    return got[0], up.origin.port


async def test_a_post_carries_host_headers_length_and_body(transport: Http1Transport) -> None:
    request, port = await seen(transport, headers=[(b"authorization", b"Bearer k"), (b"a", b"")], body=b"{}")
    expected = b"POST /v1/x HTTP/1.1\r\nhost: 127.0.0.1:%d\r\nauthorization: Bearer k\r\na: \r\n" % port
    assert request == Request(expected + b"content-length: 2\r\n\r\n", b"{}")


async def test_a_get_carries_no_length_and_an_empty_post_does(transport: Http1Transport) -> None:
    request, port = await seen(transport, method=b"GET", body=b"")
    assert request.head == b"GET /v1/x HTTP/1.1\r\nhost: 127.0.0.1:%d\r\n\r\n" % port
    request, _ = await seen(Http1Transport(), body=b"")
    assert request.head.endswith(b"\r\ncontent-length: 0\r\n\r\n")


async def test_a_large_body_goes_out_whole(transport: Http1Transport) -> None:
    body = bytes(range(256)) * 12_000
    request, _ = await seen(transport, body=body)
    assert request.body == body


@pytest.mark.parametrize(
    "how",
    [
        {"headers": [(b"a", b"b\r\nx: y")]},
        {"headers": [(b"a\n", b"b")]},
        {"headers": [(b"a", b"b\rc")]},
        {"target": b"/v1/x HTTP/1.1\r\nx: y\r\n\r\n"},
        {"target": b"/v1/x y"},
    ],
)
async def test_nothing_may_pose_as_another_header(transport: Http1Transport, how: dict[str, Any]) -> None:
    async with upstream(saying(OK)) as up:
        with pytest.raises(ValueError, match="line break"):
            await ask(transport, up.origin, **how)
        assert up.connections == 0


async def test_headers_come_in_order_in_lower_case_and_header_finds_the_first(
    transport: Http1Transport,
) -> None:
    answer = (
        b"HTTP/1.1 418 Teapot\r\nX-One: 1\r\nSet-Cookie: a\r\nSET-COOKIE:  b \r\nContent-Length: 0\r\n\r\n"
    )
    async with upstream(saying(answer)) as up:
        reply = await ask(transport, up.origin)
        assert reply.status == 418
        cookies = [(b"set-cookie", b"a"), (b"set-cookie", b"b ")]
        assert list(reply.headers) == [(b"x-one", b"1"), *cookies, (b"content-length", b"0")]
        assert reply.header(b"set-cookie") == b"a"
        assert reply.header(b"absent") is None
        assert await reply.chunk() == b""


async def test_a_small_answer_is_read_without_waiting(transport: Http1Transport) -> None:
    async with upstream(saying(OK)) as up:
        reply = await ask(transport, up.origin)
        with pytest.raises(StopIteration) as whole:
            cast(Coroutine[None, None, bytes], reply.read(2)).send(None)
        assert whole.value.value == b"ok"


@pytest.mark.parametrize(
    ("answer", "pieces"),
    [
        (OK, [b"ok"]),
        (CHUNKED + chunk(b"one") + chunk(b"two") + b"0\r\n\r\n", [b"one", b"two"]),
        (CHUNKED + chunk(b"one") + b"0\r\nx-sum: 1\r\nx-more: 2\r\n\r\n", [b"one"]),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, Chunked\r\n\r\n" + chunk(b"z") + b"0\r\n\r\n", [b"z"]),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, [b"ok"]),
        (b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n" + OK, [b"ok"]),
        (b"HTTP/1.1 204 No Content\r\n\r\n", []),
        (b"HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n", []),
    ],
)
async def test_framings_that_end_by_themselves(
    transport: Http1Transport, answer: bytes, pieces: list[bytes]
) -> None:
    async with upstream(saying(answer)) as up:
        for _ in range(2):
            reply = await ask(transport, up.origin)
            assert (b"link", b"x") not in reply.headers
            assert b"x-sum" not in dict(reply.headers)
            assert b"".join(await chunks(reply)) == b"".join(pieces)
            assert await reply.chunk() == b""
        assert await ask_whole(transport, up.origin) == b"".join(pieces)
        assert up.connections == 1


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\n",
        b"HTTP/1.0 200 OK\r\n\r\n",
    ],
)
async def test_a_body_may_end_with_its_connection(transport: Http1Transport, head: bytes) -> None:
    async with upstream(saying_then_close(head, b"until", b" the end")) as up:
        assert b"".join(await chunks(await ask(transport, up.origin))) == b"until the end"
        assert await ask_whole(transport, up.origin) == b"until the end"
        assert up.connections == 2


async def test_a_reset_does_not_end_a_body_properly(transport: Http1Transport) -> None:
    async def handler(peer: Peer) -> None:
        await peer.request_head()  # its body stays unread
        peer.send(b"HTTP/1.1 200 OK\r\n\r\nbegin")
        await asyncio.sleep(0.02)
        peer.reset()

    async with upstream(handler) as up:
        reply = await ask(transport, up.origin)
        assert await reply.chunk() == b"begin"
        with pytest.raises(Cut, match="the connection broke"):
            await reply.chunk()


async def test_head_has_no_body_whatever_its_length_says(transport: Http1Transport) -> None:
    async with upstream(saying(b"HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n")) as up:
        for _ in range(2):
            reply = await ask(transport, up.origin, method=b"HEAD", body=b"")
            assert reply.header(b"content-length") == b"5000"
            assert await reply.read(10) == b""
        assert up.connections == 1


async def test_a_body_after_the_answer_to_head_costs_the_connection(transport: Http1Transport) -> None:
    async with upstream(saying(OK)) as up:
        assert await ask_whole(transport, up.origin, method=b"HEAD") == b""
        await settle(lambda: transport.stats().open == 0)
        assert await ask_whole(transport, up.origin) == b"ok"


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.7\r\n",
        b"HTTP/1.1 2x0 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nbad header\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx: " + b"y" * MAX_HEAD_BYTES + b"\r\ncontent-length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nx: " + b"y" * MAX_HEAD_BYTES,
        b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * (MAX_HEAD_BYTES // 6),
        b"HTTP/1.1 103 Early Hints\r\n\r\n" * (MAX_HEAD_BYTES // 20),
    ],
)
async def test_a_malformed_head_is_no_answer(transport: Http1Transport, answer: bytes) -> None:
    async with upstream(saying(answer)) as up:
        with pytest.raises(NoAnswer, match=r"^127\.0\.0\.1:[0-9]+: malformed answer: ") as failure:
            await ask(transport, up.origin)
        assert not failure.value.reused
        await settle(lambda: up.gone == 1)


async def test_headers_just_below_the_limit_pass(transport: Http1Transport) -> None:
    value = b"y" * (MAX_HEAD_BYTES - 1000)
    answer = b"HTTP/1.1 200 OK\r\nx: " + value + b"\r\ncontent-length: 200000\r\n\r\n" + b"z" * 200_000
    async with upstream(saying(answer)) as up:
        reply = await ask(transport, up.origin)
        assert reply.header(b"x") == value
        assert len(await reply.read(200_000)) == 200_000


@pytest.mark.parametrize(
    "tail",
    [
        b"zz\r\n",
        b"0\r\nno colon\r\n",
        b"ffffffffffffffffff\r\n",
        b"0\r\nx: " + b"y" * 8 * MAX_HEAD_BYTES,
        b"1;" + b"e" * 8 * MAX_HEAD_BYTES,
    ],
)
async def test_broken_chunks_cut_the_answer_after_what_was_good(
    transport: Http1Transport, tail: bytes
) -> None:
    async with upstream(saying(CHUNKED, chunk(b"good"), tail)) as up:
        reply = await ask(transport, up.origin)
        assert await reply.chunk() == b"good"
        with pytest.raises(Cut, match="malformed answer"):
            await chunks(reply)
        await settle(lambda: up.gone == 1)


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200", b"HTTP/1.1 200 OK\r\nx: y\r\n"])
async def test_an_end_before_the_headers_is_no_answer(transport: Http1Transport, said: bytes) -> None:
    async with upstream(saying_then_close(said)) as up:
        with pytest.raises(NoAnswer, match="the connection ended") as failure:
            await ask(transport, up.origin)
        assert not failure.value.reused


@pytest.mark.parametrize(
    "said",
    [b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc", CHUNKED + chunk(b"abc"), CHUNKED + b"4\r\nabc"],
)
async def test_an_end_inside_a_framed_body_is_a_cut(transport: Http1Transport, said: bytes) -> None:
    async with upstream(saying_then_close(said)) as up:
        reply = await ask(transport, up.origin)
        assert await reply.chunk() == b"abc"
        for _ in range(2):
            with pytest.raises(Cut, match="the connection ended"):
                await reply.chunk()
        reply = await ask(transport, up.origin)
        with pytest.raises(Cut, match="the connection ended"):
            await reply.read(100)


async def test_read_holds_to_its_limit(transport: Http1Transport) -> None:
    async with upstream(saying(CHUNKED, chunk(b"x" * 50), chunk(b"y" * 50), b"0\r\n\r\n")) as up:
        assert len(await (await ask(transport, up.origin)).read(100)) == 100
        with pytest.raises(Cut, match="longer than 99 bytes"):
            await (await ask(transport, up.origin)).read(99)


async def test_read_gives_up_on_an_endless_answer(transport: Http1Transport) -> None:
    async def handler(peer: Peer) -> None:
        await peer.request()
        peer.send(CHUNKED)
        while True:
            peer.send(chunk(b"x" * 10_000))
            await peer.writer.drain()

    async with upstream(handler) as up:
        with pytest.raises(Cut, match="longer than 1000000 bytes"):
            await (await ask(transport, up.origin)).read(1_000_000)
        await settle(lambda: up.gone == 1)


async def test_an_answer_may_come_before_the_request_is_out(transport: Http1Transport) -> None:
    refused = b"HTTP/1.1 413 Content Too Large\r\ncontent-length: 3\r\n\r\nbig"

    async def handler(peer: Peer) -> None:
        await peer.request_head()
        peer.send(refused)
        wire = cast(asyncio.Transport, peer.writer.transport)
        wire.pause_reading()
        await peer.writer.drain()
        await asyncio.sleep(0.05)
        wire.resume_reading()
        await peer.gone()

    async with upstream(handler) as up:
        reply = await ask(transport, up.origin, body=b"x" * 40_000_000)
        assert (reply.status, await reply.read(10)) == (413, b"big")
        assert transport.stats().idle == 0
        await settle(lambda: up.gone == 1)
