"""The fake upstream does what its modes say: otherwise the fault tests would prove nothing."""

from __future__ import annotations

import asyncio
import base64
import struct

import orjson
import pytest

from tests.fakes import answers
from tests.fakes.client import Answer, post
from tests.fakes.modes import DEFAULT_PIECES, LEAKED_KEY, MODES, parse_mode
from tests.fakes.upstream import FakeUpstream


async def ask(upstream: FakeUpstream, mode: str, stream: bool, marker: str = "1") -> Answer:
    payload = {
        "model": f"fault/{mode}",
        "stream": stream,
        "stream_options": {"include_usage": True},
        "messages": [{"role": "user", "content": f"[id:{marker}] hello"}],
    }
    return await post(f"{upstream.base_url}/chat/completions", payload)


def text_of(answer: Answer) -> str:
    chunks = [orjson.loads(event) for event in answer.events() if event != b"[DONE]"]
    return "".join(c["choices"][0]["delta"].get("content", "") for c in chunks if c["choices"])


RIGHT = "".join(answers.pieces("1", DEFAULT_PIECES))


@pytest.mark.parametrize(
    "mode", ["ok", "ok-stream", "no-usage", "usage-null-chunks", "crlf", "split", "slow-8-1"]
)
async def test_good_streams_say_the_same_however_they_are_cut(mode: str) -> None:
    async with FakeUpstream() as upstream:
        answer = await ask(upstream, mode, stream=True)
        assert (answer.status, answer.whole, answer.events()[-1]) == (200, True, b"[DONE]")
        assert text_of(answer) == RIGHT
        assert [(a.began, a.completed, a.client_left) for a in upstream.witness.arrivals] == [
            (True, True, False)
        ]


@pytest.mark.parametrize(
    ("mode", "has_usage"), [("ok", True), ("no-usage", False), ("usage-null-chunks", True)]
)
async def test_usage_is_told_as_the_mode_says(mode: str, has_usage: bool) -> None:
    async with FakeUpstream() as upstream:
        whole = await ask(upstream, mode, stream=False)
        streamed = await ask(upstream, mode, stream=True)
    assert ("usage" in whole.json()) is has_usage
    assert (orjson.loads(streamed.events()[-2]).get("usage") == answers.usage(DEFAULT_PIECES)) is has_usage
    assert (orjson.loads(streamed.events()[0]).get("usage", "absent") is None) is (
        mode == "usage-null-chunks"
    )


@pytest.mark.parametrize("mode", ["reset-before", "close-before"])
async def test_no_byte_comes(mode: str) -> None:
    async with FakeUpstream() as upstream:
        answer = await ask(upstream, mode, stream=False)
        assert (answer.status, answer.body) == (0, b"")
        assert not upstream.witness.arrivals[0].began


@pytest.mark.parametrize("stream", [True, False])
async def test_a_reset_comes_after_the_first_part(stream: bool) -> None:
    async with FakeUpstream() as upstream:
        answer = await ask(upstream, "reset-mid", stream)
    assert answer.status == 200
    assert answer.body
    assert not answer.whole


async def test_statuses_carry_retry_after_and_the_401_a_key() -> None:
    async with FakeUpstream() as upstream:
        busy = await ask(upstream, "status-429-7", stream=False)
        plain = await ask(upstream, "status-500", stream=False)
        refused = await ask(upstream, "status-401", stream=True)
    assert (busy.status, busy.headers["retry-after"]) == (429, "7")
    assert (plain.status, plain.headers.get("retry-after")) == (500, None)
    assert LEAKED_KEY in refused.json()["error"]["message"]


async def test_a_truncated_stream_ends_in_order_without_done() -> None:
    async with FakeUpstream() as upstream:
        answer = await ask(upstream, "truncated", stream=True)
    assert answer.whole
    assert b"[DONE]" not in answer.body
    assert b'"stop"' not in answer.body


async def test_malformed_answers_do_not_parse() -> None:
    async with FakeUpstream() as upstream:
        streamed = await ask(upstream, "malformed-sse", stream=True)
        whole = await ask(upstream, "malformed-json", stream=False)
    with pytest.raises(orjson.JSONDecodeError):
        text_of(streamed)
    with pytest.raises(orjson.JSONDecodeError):
        whole.json()


async def test_the_first_arrivals_of_a_marker_fail() -> None:
    async with FakeUpstream() as upstream:
        statuses = [(await ask(upstream, "fail-first-2", False, marker)).status for marker in "aaabaa"]
        assert statuses == [500, 500, 200, 500, 200, 200]
        assert [a.nth for a in upstream.witness.of("a")] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("mode", ["stall-before", "stall-mid", "slow-1000-5"])
async def test_a_leaving_client_is_seen(mode: str) -> None:
    async with FakeUpstream() as upstream:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await ask(upstream, mode, stream=True)
        async with asyncio.timeout(5):
            await upstream.until_all_left()
        arrival = upstream.witness.arrivals[0]
        assert (arrival.began, arrival.completed, arrival.client_left) == (
            mode != "stall-before",
            False,
            True,
        )


async def test_embeddings_and_what_a_plain_engine_refuses() -> None:
    async with FakeUpstream() as upstream:
        url = f"{upstream.base_url}/embeddings"
        floats = (await post(url, {"model": "fault/ok", "input": ["a", "b"]})).json()["data"]
        packed = (await post(url, {"model": "f/ok", "input": "b", "encoding_format": "base64"})).json()[
            "data"
        ]
        refused = [
            await post(url, {"model": "f/float-only", "input": "a", "encoding_format": "base64"}),
            await post(url, {"model": "f/float-only", "input": [1, 2]}),
            await post(url, {"model": "f/float-only", "input": [[1, 2]]}),
        ]
    assert [item["embedding"] for item in floats] == [answers.vector("a"), answers.vector("b")]
    assert list(struct.unpack("<8f", base64.b64decode(packed[0]["embedding"]))) == answers.vector("b")
    assert [answer.status for answer in refused] == [400, 400, 400]


async def test_the_body_can_name_the_mode_and_unknown_modes_are_refused() -> None:
    async with FakeUpstream() as upstream:
        url = f"{upstream.base_url}/completions"
        named = await post(url, {"model": "any", "fault": "status-503", "prompt": "x"})
        unknown = await post(url, {"model": "fault/no-such", "prompt": "x"})
    assert (named.status, unknown.status) == (503, 404)


def test_every_mode_parses_with_and_without_numbers() -> None:
    assert all(parse_mode(name) == (name, ()) for name in MODES)
    assert parse_mode("slow-20-50") == ("slow", (20, 50))
    with pytest.raises(KeyError):
        parse_mode("slow-motion")
