"""One connection to a Redis, many commands under way: each has its own answer, or is told why it has none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from cache.stores.lane import Broken, Lane, Late, Refused, Script
from metering.redis_address import Client, open_clients

Answering = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def lane_to(url: str) -> AsyncIterator[Lane]:
    (client,) = open_clients(url, 5.0)
    lane = await Lane.open(client, 5.0)
    try:
        yield lane
    finally:
        await lane.aclose()
        await client.aclose()


@asynccontextmanager
async def lane_to_a_server_that(says: bytes, *, then_closes: bool = False) -> AsyncIterator[Lane]:
    """Which takes the client's greetings, and answers PING with those bytes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while piece := await reader.read(65536):
                greetings = piece.count(b"CLIENT")
                writer.write(b"+OK\r\n" * greetings)
                if b"PING" in piece:
                    writer.write(says)
                    if then_closes:
                        break
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        async with lane_to(f"redis://127.0.0.1:{port}/0") as lane:
            yield lane
    finally:
        server.close()
        await server.wait_closed()


async def test_answers_come_in_the_order_of_the_questions(redis_url: str) -> None:
    async with lane_to(redis_url) as lane:
        asked = [lane.call("ECHO", f"{number}", within_s=5.0) for number in range(500)]
        assert await asyncio.gather(*asked) == [b"%d" % number for number in range(500)]


async def test_words_are_text_bytes_and_whole_numbers(redis_url: str) -> None:
    async with lane_to(redis_url) as lane:
        assert await lane.call("HSET", "k", "né", b"\x00\xff", "n", 12, within_s=5.0) == 2
        assert await lane.call("HMGET", "k", "né", "n", "none", within_s=5.0) == [b"\x00\xff", b"12", None]


async def test_an_error_is_told_to_who_asked_and_to_nobody_else(redis_url: str) -> None:
    async with lane_to(redis_url) as lane:
        wrong, right = lane.call("GET", within_s=5.0), lane.call("ECHO", "x", within_s=5.0)
        told: list[object] = await asyncio.gather(wrong, right, return_exceptions=True)
        assert isinstance(told[0], Refused)
        assert "wrong number of arguments" in str(told[0])
        assert told[1] == b"x"
        assert lane.broken == ""


async def test_a_script_that_the_server_does_not_know_is_sent_whole(redis_url: str) -> None:
    script = Script("return ARGV[1] .. '!'")
    async with lane_to(redis_url) as lane:
        assert await lane.run(script, 0, "a", within_s=5.0) == b"a!"
        assert await lane.call("SCRIPT", "EXISTS", script.digest, within_s=5.0) == [1]
        with pytest.raises(Refused, match="nil value"):
            await lane.run(Script("return ARGV[1] .. nil"), 0, "a", within_s=5.0)


async def test_what_comes_late_is_no_answer_to_the_next(redis_url: str) -> None:
    async with lane_to(redis_url) as lane, lane_to(redis_url) as other:
        with pytest.raises(Late, match=r"within 0\.05 s"):
            await lane.call("BLPOP", "queue", 5, within_s=0.05)
        await other.call("RPUSH", "queue", "x", within_s=5.0)
        assert await lane.call("ECHO", "y", within_s=5.0) == b"y"


async def test_who_gives_up_waiting_takes_nobody_s_answer(redis_url: str) -> None:
    async with lane_to(redis_url) as lane:
        given_up = asyncio.create_task(lane.call("ECHO", "a", within_s=5.0))
        kept = asyncio.create_task(lane.call("ECHO", "b", within_s=5.0))
        await asyncio.sleep(0)
        given_up.cancel()
        assert await kept == b"b"
        assert given_up.cancelled()


async def test_a_server_that_ends_the_connection_leaves_no_question_open(redis_url: str) -> None:
    async with lane_to(redis_url) as lane, lane_to(redis_url) as other:
        number = await lane.call("CLIENT", "ID", within_s=5.0)
        waiting = [asyncio.create_task(lane.call("BLPOP", "empty", 0, within_s=None)) for _ in range(3)]
        await asyncio.sleep(0)
        await other.call("CLIENT", "KILL", "ID", number, within_s=5.0)
        for told in await asyncio.gather(*waiting, return_exceptions=True):
            assert isinstance(told, Broken)
        with pytest.raises(Broken):
            await lane.call("PING", within_s=5.0)


async def test_a_closed_lane_says_so(redis_url: str) -> None:
    async with lane_to(redis_url) as lane:
        waiting = asyncio.create_task(lane.call("BLPOP", "empty", 0, within_s=None))
        await asyncio.sleep(0)
        await lane.aclose()
        with pytest.raises(Broken, match="closed"):
            await waiting
        with pytest.raises(Broken, match="closed"):
            await lane.call("PING", within_s=5.0)


async def test_a_closed_lane_s_client_opens_another(redis_url: str) -> None:
    client: Client
    (client,) = open_clients(redis_url, 5.0)
    for _ in range(3):
        lane = await Lane.open(client, 5.0)
        assert await lane.call("PING", within_s=5.0) == b"PONG"
        await lane.aclose()
    await client.aclose()


@pytest.mark.parametrize(
    ("says", "cause"),
    [
        (b"-LOADING Redis is loading the dataset in memory\r\n", "LOADING"),
        (b"-MASTERDOWN Link with MASTER is down\r\n", "MASTERDOWN"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "no answer"),
    ],
)
async def test_a_server_that_does_not_serve_is_away(says: bytes, cause: str) -> None:
    async with lane_to_a_server_that(says) as lane:
        with pytest.raises(Broken, match=cause):
            await lane.call("PING", within_s=5.0)
        assert cause in lane.broken


async def test_an_answer_that_is_cut_off_is_none() -> None:
    async with lane_to_a_server_that(b"$10\r\nabc", then_closes=True) as lane:
        with pytest.raises(Broken, match="closed"):
            await lane.call("PING", within_s=5.0)


async def test_an_answer_that_nobody_asked_for_is_the_end_of_trust() -> None:
    async with lane_to_a_server_that(b"+PONG\r\n+PONG\r\n") as lane:
        assert await lane.call("PING", within_s=5.0) == b"PONG"
        with pytest.raises(Broken, match="not asked"):
            await lane.call("PING", within_s=5.0)


async def test_no_connection_in_time() -> None:
    (client,) = open_clients("redis://127.0.0.1:1/0", 5.0)
    with pytest.raises(Broken, match="ConnectionError"):
        await Lane.open(client, 5.0)
    await client.aclose()
