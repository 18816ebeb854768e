"""The front door over real sockets: what clients may send, in which pieces, and what they get."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import orjson
import pytest

from gateway.clock import SystemClock
from gateway.errors import GatewayError
from gateway.front.client import Client, ClientLeft
from gateway.front.connection import MAX_HEAD_BYTES, Front, HttpConnection

Answer = Callable[[Client], Awaitable[None]]
JSON = [(b"content-type", b"application/json")]


class Caller:
    """A raw client. Every read has a deadline, so that nothing here can hang."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def say(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def head(self) -> bytes:
        async with asyncio.timeout(5):
            return await self.reader.readuntil(b"\r\n\r\n")

    async def answer(self) -> tuple[bytes, bytes]:
        head = await self.head()
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        async with asyncio.timeout(5):
            return head, await self.reader.readexactly(length)

    async def rest(self) -> bytes:
        async with asyncio.timeout(5):
            return await self.reader.read()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110  the connection tells nobody
            await asyncio.sleep(0.001)


@asynccontextmanager
async def served(
    answer: Answer, idle_s: float = 60.0
) -> AsyncIterator[tuple[Front, Callable[[], Awaitable[Caller]]]]:
    async def app(client: Client) -> None:
        try:
            await answer(client)
        except GatewayError as error:
            client.answer(error.http_status, [*JSON, *error.headers], error.body())
        except ClientLeft:
            pass

    front = Front(app, SystemClock(), idle_s=idle_s)
    server = await asyncio.get_running_loop().create_server(lambda: HttpConnection(front), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    callers: list[Caller] = []

    async def connect() -> Caller:
        callers.append(Caller(*await asyncio.open_connection("127.0.0.1", port)))
        return callers[-1]

    try:
        yield front, connect
    finally:
        server.close()
        for caller in callers:
            caller.writer.close()
        await until(lambda: not front.state.connections)


async def echo(client: Client) -> None:
    body = await client.body(1_000_000)
    client.answer(200, JSON, client.method.encode() + b" " + client.path.encode() + b" " + body)


def post(body: bytes, path: bytes = b"/x", extra: bytes = b"") -> bytes:
    length = b"content-length: %d\r\n" % len(body)
    return b"POST " + path + b" HTTP/1.1\r\nhost: h\r\n" + length + extra + b"\r\n" + body


async def test_one_connection_serves_many_requests() -> None:
    async with served(echo) as (front, connect):
        caller = await connect()
        for number in range(3):
            await caller.say(post(b"%d" % number))
            head, body = await caller.answer()
            assert head.startswith(b"HTTP/1.1 200 OK\r\n")
            assert body == b"POST /x %d" % number
        assert len(front.state.connections) == 1


async def test_a_request_in_single_bytes() -> None:
    async with served(echo) as (_, connect):
        caller = await connect()
        for byte in post(b"hello", path=b"/a%20b?c=d"):
            await caller.say(bytes([byte]))
        assert (await caller.answer())[1] == b"POST /a b hello"


async def test_requests_sent_ahead_are_answered_in_order_one_at_a_time() -> None:
    under_way = most = 0

    async def slow(client: Client) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        await echo(client)
        under_way -= 1

    async with served(slow) as (_, connect):
        caller = await connect()
        await caller.say(b"".join(post(b"%d" % number) for number in range(20)))
        assert [(await caller.answer())[1] for _ in range(20)] == [b"POST /x %d" % n for n in range(20)]
    assert most == 1


async def test_a_chunked_body_and_one_that_is_announced() -> None:
    async with served(echo) as (_, connect):
        caller = await connect()
        await caller.say(
            b"POST /x HTTP/1.1\r\nhost: h\r\nexpect: 100-continue\r\ntransfer-encoding: chunked\r\n\r\n"
        )
        assert await caller.head() == b"HTTP/1.1 100 Continue\r\n\r\n"
        await caller.say(b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
        assert (await caller.answer())[1] == b"POST /x abcde"


async def test_a_body_larger_than_allowed_is_refused_and_the_connection_ends() -> None:
    async def small(client: Client) -> None:
        await client.body(10)

    async with served(small) as (_, connect):
        for extra in (b"", b"transfer-encoding: chunked\r\n"):
            caller = await connect()
            if extra:
                await caller.say(
                    b"POST /x HTTP/1.1\r\nhost: h\r\n" + extra + b"\r\n14\r\n" + b"a" * 20 + b"\r\n0\r\n\r\n"
                )
            else:
                await caller.say(post(b"a" * 20))
            head, body = await caller.answer()
            assert head.startswith(b"HTTP/1.1 413 ")
            assert b"connection: close\r\n" in head
            assert orjson.loads(body)["error"]["code"] == "body_too_large"
            assert await caller.rest() == b""


async def test_what_is_not_http_gets_an_error_object() -> None:
    async with served(echo) as (_, connect):
        caller = await connect()
        await caller.say(b"\x16\x03\x01 this is TLS, say\r\n\r\n")
        head, body = await caller.answer()
        assert head.startswith(b"HTTP/1.1 400 Bad Request\r\n")
        assert b"x-request-id: req_" in head
        assert set(orjson.loads(body)["error"]) == {"message", "type", "param", "code"}
        assert await caller.rest() == b""


async def test_a_head_without_end_is_refused() -> None:
    async with served(echo) as (_, connect):
        caller = await connect()
        await caller.say(b"GET / HTTP/1.1\r\nhost: h\r\nx: " + b"a" * (MAX_HEAD_BYTES + 1))
        head, body = await caller.answer()
        assert head.startswith(b"HTTP/1.1 431 ")
        assert orjson.loads(body)["error"]["code"] == "head_too_large"


async def test_broken_chunks_are_told_to_whoever_waits_for_the_body() -> None:
    async with served(echo) as (_, connect):
        caller = await connect()
        await caller.say(b"POST /x HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n")
        await caller.say(b"zz\r\n")
        head, body = await caller.answer()
        assert head.startswith(b"HTTP/1.1 400 ")
        assert orjson.loads(body)["error"]["code"] == "invalid_http"
        assert await caller.rest() == b""


async def test_an_answer_under_way_is_finished_before_nonsense_ends_the_connection() -> None:
    async with served(echo) as (_, connect):
        caller = await connect()
        await caller.say(post(b"good") + b"\x00\x01nonsense\r\n\r\n")
        assert (await caller.answer())[1] == b"POST /x good"
        assert await caller.rest() == b""


async def test_head_has_no_body() -> None:
    async with served(echo) as (_, connect):
        caller = await connect()
        await caller.say(b"HEAD /x HTTP/1.1\r\nhost: h\r\n\r\n" + post(b"next"))
        assert b"content-length: 8\r\n" in await caller.head()
        assert (await caller.answer())[1] == b"POST /x next"


async def test_http_1_0_gets_a_stream_that_ends_with_the_connection() -> None:
    async def stream(client: Client) -> None:
        client.start(200, JSON)
        await client.send(b"one,")
        client.finish(b"two")

    async with served(stream) as (_, connect):
        caller = await connect()
        await caller.say(b"GET / HTTP/1.0\r\n\r\n")
        head = await caller.head()
        assert b"chunked" not in head
        assert b"connection: close\r\n" in head
        assert await caller.rest() == b"one,two"


async def test_an_offer_to_upgrade_is_passed_over() -> None:
    async with served(echo) as (_, connect):
        caller = await connect()
        for _ in range(2):
            await caller.say(post(b"hello", extra=b"connection: upgrade\r\nupgrade: h2c\r\n"))
            assert (await caller.answer())[1] == b"POST /x hello"


async def test_connect_is_refused() -> None:
    async with served(echo) as (_, connect):
        caller = await connect()
        await caller.say(b"CONNECT h:443 HTTP/1.1\r\nhost: h\r\n\r\n")
        assert (await caller.head()).startswith(b"HTTP/1.1 400 ")


async def test_a_client_that_leaves_cancels_who_answers_it() -> None:
    ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    begun = asyncio.Event()

    async def wait(client: Client) -> None:
        client.watch()
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ended.set_result("gone" if client.gone else "stopped")

    async with served(wait) as (_, connect):
        caller = await connect()
        await caller.say(post(b""))
        await begun.wait()
        caller.writer.close()
        async with asyncio.timeout(5):
            assert await ended == "gone"


async def test_a_client_that_leaves_inside_its_body() -> None:
    left: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def read(client: Client) -> None:
        try:
            await client.body(100)
        except ClientLeft:
            left.set_result(None)
            raise

    async with served(read) as (_, connect):
        caller = await connect()
        await caller.say(b"POST /x HTTP/1.1\r\nhost: h\r\ncontent-length: 10\r\n\r\nabc")
        caller.writer.close()
        async with asyncio.timeout(5):
            await left


async def test_a_client_that_does_not_read_holds_back_who_sends() -> None:
    sent_bytes = 0
    held = asyncio.Event()

    async def flood(client: Client) -> None:
        nonlocal sent_bytes
        client.watch()
        client.limit(0.5)
        client.start(200, JSON)
        while True:
            held.set()
            await client.send(b"x" * 65_536)
            sent_bytes += 65_536

    async with served(flood) as (front, connect):
        caller = await connect()
        caller.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await caller.say(b"GET / HTTP/1.1\r\nhost: h\r\n\r\n")
        await held.wait()
        await until(lambda: not front.state.tasks)  # the limit makes it a client that has gone
        assert sent_bytes < 50_000_000


async def test_a_defect_is_no_silent_success(caplog: pytest.LogCaptureFixture) -> None:
    async def fail(client: Client) -> None:
        client.start(200, JSON)
        await client.send(b"half")
        raise RuntimeError("a defect")

    async with served(fail) as (_, connect):
        caller = await connect()
        await caller.say(b"GET / HTTP/1.1\r\nhost: h\r\n\r\n")
        await caller.head()
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await caller.reader.readuntil(b"0\r\n\r\n")
    assert "a defect" in caplog.text


async def test_a_quiet_connection_is_closed() -> None:
    async with served(echo, idle_s=0.05) as (_, connect):
        quiet, half = await connect(), await connect()
        await half.say(b"POST /x HTTP/1.1\r\nhost: h\r\ncontent-length: 10\r\n\r\nabc")
        for caller in (quiet, half):
            with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
                await caller.head()


async def test_asked_to_end_it_ends_with_what_is_under_way() -> None:
    go_on = asyncio.Event()

    async def wait(client: Client) -> None:
        await go_on.wait()
        await echo(client)

    async with served(wait) as (front, connect):
        busy, idle = await connect(), await connect()
        await busy.say(post(b"last"))
        await until(lambda: bool(front.state.tasks) and len(front.state.connections) == 2)
        for connection in list(front.state.connections):
            connection.shutdown()
        assert await idle.rest() == b""
        go_on.set()
        head, body = await busy.answer()
        assert b"connection: close\r\n" in head
        assert body == b"POST /x last"
        assert await busy.rest() == b""


async def test_no_header_can_hold_a_line_break() -> None:
    async def split(client: Client) -> None:
        with pytest.raises(ValueError, match="line break"):
            client.answer(200, [(b"x-weir-route", b"small\r\nset-cookie: a=b")], b"")
        client.answer(204, [], b"")

    async with served(split) as (_, connect):
        caller = await connect()
        await caller.say(post(b""))
        assert b"set-cookie" not in await caller.head()
