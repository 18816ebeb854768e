"""The stream relay: bytes through untouched, broken events stopped, the usage chunk hidden or priced."""

from __future__ import annotations

from itertools import pairwise

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.call import Api
from gateway.fold import folded_answer, merged, replay
from gateway.streams import MalformedStream, StreamRelay, UpstreamSaidError
from metering.dialects.registry import DIALECTS


def chunk(text: str | None = None, finish: str | None = None, index: int = 0, **delta: object) -> bytes:
    parts = {**({"content": text} if text is not None else {}), **delta}
    choice = {"index": index, "delta": parts, "finish_reason": finish}
    return b"data: " + orjson.dumps({"id": "c1", "model": "m", "created": 7, "choices": [choice]}) + b"\n\n"


USAGE = b'data: {"id":"c1","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}\n\n'
DONE = b"data: [DONE]\n\n"
WHOLE = chunk(role="assistant") + chunk("Hel") + chunk("lo") + chunk(finish="stop") + USAGE + DONE


def relay(*, hide_usage: bool = True, cost: float | None = None) -> StreamRelay:
    return StreamRelay(
        Api.CHAT, DIALECTS["openai"].stream(), hide_usage=hide_usage, cost_usd=lambda report: cost
    )


def test_passes_the_same_bytes_on_when_nothing_is_to_change() -> None:
    piece = chunk("Hi")
    assert relay().feed(piece) is piece


def test_hides_the_usage_chunk_from_a_client_that_did_not_ask() -> None:
    stream = relay()
    assert stream.feed(WHOLE) == WHOLE.replace(USAGE, b"")
    assert stream.fold.usage_payload is not None
    assert stream.fold.usage_payload["usage"]["prompt_tokens"] == 3


def test_gives_the_usage_chunk_its_cost_for_a_client_that_asked() -> None:
    out = relay(hide_usage=False, cost=0.25).feed(WHOLE)
    events = [orjson.loads(e[6:]) for e in out.split(b"\n\n") if e.startswith(b"data: {")]
    assert events[-1]["usage"] == {"prompt_tokens": 3, "completion_tokens": 2, "cost": 0.25}


def test_leaves_the_usage_chunk_alone_where_the_cost_is_unknown() -> None:
    assert relay(hide_usage=False, cost=None).feed(WHOLE) == WHOLE


def test_relays_usage_that_comes_with_text() -> None:
    event = b'data: {"choices":[{"index":0,"delta":{"content":"x"}}],"usage":{"prompt_tokens":1}}\n\n'
    stream = relay()
    assert stream.feed(event) == event
    assert stream.fold.usage_payload is not None


@given(st.lists(st.integers(min_value=0, max_value=len(WHOLE)), max_size=12))
def test_any_split_into_segments_gives_the_same_bytes(cuts: list[int]) -> None:
    stream = relay()
    edges = [0, *sorted(cuts), len(WHOLE)]
    out = b"".join(stream.feed(WHOLE[a:b]) for a, b in pairwise(edges))
    assert out + stream.finish() == WHOLE.replace(USAGE, b"")
    assert stream.fold.text == "Hello"


@given(st.lists(st.integers(min_value=0, max_value=len(WHOLE) + 12), max_size=12))
def test_crlf_line_ends_survive(cuts: list[int]) -> None:
    sent = WHOLE.replace(b"\n", b"\r\n")
    stream = relay()
    edges = [0, *sorted(min(cut, len(sent)) for cut in cuts), len(sent)]
    out = b"".join(stream.feed(sent[a:b]) for a, b in pairwise(edges))
    assert out == sent.replace(USAGE.replace(b"\n", b"\r\n"), b"")


def test_mixed_line_ends_survive() -> None:
    sent = chunk("a").replace(b"\n", b"\r\n") + chunk("b") + DONE
    assert relay().feed(sent) == sent


def test_comments_and_event_names_pass() -> None:
    sent = b": ping\n\nevent: message\nid: 4\n" + chunk("a")
    stream = relay()
    assert stream.feed(sent) == sent
    assert stream.fold.text == "a"


def test_data_over_several_lines_is_one_event() -> None:
    sent = b'data: {"choices":[{"index":0,\ndata: "delta":{"content":"two"}}]}\n\n'
    stream = relay()
    assert stream.feed(sent) == sent
    assert stream.fold.text == "two"


@pytest.mark.parametrize(
    "bad",
    [
        b"data: {broken\n\n",
        b"data: 7\n\n",
        b"<html>no stream</html>\n\n",
        b'data: {"choices":[3]}\n\n',
        b'data: {"choices":7}\n\n',
    ],
)
def test_what_is_no_event_never_reaches_the_client(bad: bytes) -> None:
    with pytest.raises(MalformedStream):
        relay().feed(bad)


def test_an_error_event_at_the_start_is_told_apart_from_one_later() -> None:
    error = b'data: {"error":{"message":"no memory"}}\n\n'
    with pytest.raises(UpstreamSaidError):
        relay().feed(error)
    stream = relay()
    stream.feed(chunk("a"))
    assert stream.feed(error) == error
    assert stream.fold.failed


@pytest.mark.parametrize("cut", [chunk("a"), chunk("a")[:-2], b""])
def test_an_end_that_is_none_is_malformed(cut: bytes) -> None:
    stream = relay()
    stream.feed(cut)
    with pytest.raises(MalformedStream):
        stream.finish()


def test_a_finish_reason_will_do_where_done_is_missing() -> None:
    stream = relay()
    stream.feed(chunk("a") + chunk(finish="stop"))
    assert stream.finish() == b""


def test_an_endless_event_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.streams.MAX_EVENT_BYTES", 100)
    stream = relay()
    with pytest.raises(MalformedStream, match="longer than"):
        stream.feed(b"data: " + b"x" * 200)


def test_many_pieces_are_held_as_few() -> None:
    stream = relay()
    for _ in range(1000):
        stream.feed(chunk("ab"))
    assert stream.fold.text == "ab" * 1000
    assert len(stream.fold.choices[0].pieces) <= 65


def test_the_fold_of_a_stream_is_the_answer() -> None:
    stream = relay()
    stream.feed(WHOLE)
    answer = folded_answer(Api.CHAT, stream.fold)
    assert answer is not None
    assert answer == {
        "id": "c1",
        "created": 7,
        "model": "m",
        "object": "chat.completion",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Hello"},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2},
    }


@pytest.mark.parametrize(
    "sent",
    [
        chunk("a") + DONE,
        chunk("a") + chunk(finish="stop"),
        chunk("a", finish="stop") + b'data: {"error":{"message":"x"}}\n\n' + DONE,
    ],
)
def test_a_fold_that_is_not_whole_is_no_answer(sent: bytes) -> None:
    stream = relay()
    stream.feed(sent)
    assert folded_answer(Api.CHAT, stream.fold) is None


def test_tool_calls_are_counted_though_not_kept() -> None:
    stream = relay()
    stream.feed(chunk(tool_calls=[{"index": 0, "function": {"name": "f", "arguments": '{"a":1}'}}]))
    assert "arguments" in stream.fold.text


def test_completions_fold_text() -> None:
    stream = StreamRelay(
        Api.COMPLETIONS, DIALECTS["openai"].stream(), hide_usage=True, cost_usd=lambda report: None
    )
    stream.feed(b'data: {"id":"x","choices":[{"index":0,"text":"one","finish_reason":"stop"}]}\n\n' + DONE)
    answer = folded_answer(Api.COMPLETIONS, stream.fold)
    assert answer is not None
    assert answer["choices"][0]["text"] == "one"


@given(st.lists(st.text(max_size=20), min_size=1, max_size=3), st.booleans())
def test_a_replayed_answer_folds_back_to_itself(texts: list[str], wants_usage: bool) -> None:
    answer = {
        "id": "c9",
        "created": 1,
        "model": "m",
        "object": "chat.completion",
        "choices": [
            {
                "index": i,
                "message": {"role": "assistant", "content": t},
                "logprobs": None,
                "finish_reason": "stop",
            }
            for i, t in enumerate(texts)
        ],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }
    stream = relay(hide_usage=False)
    stream.feed(replay(Api.CHAT, answer, wants_usage=wants_usage))
    stream.finish()
    folded = folded_answer(Api.CHAT, stream.fold)
    assert folded is not None
    again = folded
    assert again["choices"] == answer["choices"]
    assert ("usage" in again) == wants_usage
    assert stream.fold.done


def test_tool_calls_and_reasoning_fold_as_the_upstream_would_have_told_them() -> None:
    call = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "weather", "arguments": ""}}
    again = {"index": 0, "id": "call_1", "function": {"arguments": '{"city":'}}
    stream = relay()
    stream.feed(chunk(role="assistant", reasoning_content="Let me "))
    stream.feed(chunk(reasoning_content="see."))
    stream.feed(chunk(tool_calls=[call]) + chunk(tool_calls=[again]))
    stream.feed(chunk(tool_calls=[{"index": 0, "function": {"arguments": '"Rome"}'}}]))
    stream.feed(
        chunk(tool_calls=[{"index": 1, "id": "call_2", "function": {"name": "x", "arguments": "{}"}}])
    )
    stream.feed(chunk(finish="tool_calls") + DONE)
    answer = folded_answer(Api.CHAT, stream.fold)
    assert answer is not None
    assert answer["choices"][0]["message"] == {
        "role": "assistant",
        "content": None,
        "reasoning_content": "Let me see.",
        "tool_calls": [
            {
                "id": "call_1",
                "type": "function",
                "function": {"name": "weather", "arguments": '{"city":"Rome"}'},
            },
            {"id": "call_2", "function": {"name": "x", "arguments": "{}"}},
        ],
    }


def test_log_probabilities_and_timings_fold() -> None:
    def event(token: str) -> bytes:
        logprobs = {"content": [{"token": token, "logprob": -0.5}], "refusal": None}
        choice = {"index": 0, "delta": {"content": token}, "logprobs": logprobs, "finish_reason": None}
        return b"data: " + orjson.dumps({"id": "c1", "choices": [choice]}) + b"\n\n"

    last = b'data: {"id":"c1","choices":[],"usage":{"prompt_tokens":1},"timings":{"cache_n":4}}\n\n'
    stream = relay()
    stream.feed(event("a") + event("b") + chunk(finish="stop") + last + DONE)
    answer = folded_answer(Api.CHAT, stream.fold)
    assert answer is not None
    assert [entry["token"] for entry in answer["choices"][0]["logprobs"]["content"]] == ["a", "b"]
    assert answer["timings"] == {"cache_n": 4}


@given(st.lists(st.text(max_size=6), max_size=6), st.integers(0, 6))
def test_pieces_join_whichever_way_they_are_grouped(pieces: list[str], cut: int) -> None:
    def fold(parts: list[object]) -> object:
        out: object = None
        for part in parts:
            out = merged(out, part)
        return out

    values: list[object] = [{"a": piece, "l": [{"index": 0, "t": piece}]} for piece in pieces]
    assert merged(fold(values[:cut]), fold(values[cut:])) == fold(values)


@pytest.mark.parametrize("ends", [b"\n\n", b"\r\n\r\n"])
def test_what_came_before_a_broken_event_is_passed_on_first(ends: bytes) -> None:
    stream = relay()
    good = b'data: {"id":"x","choices":[{"index":0,"delta":{"content":"one"}}]}' + ends
    assert stream.feed(good + b"data: {nonsense" + ends) == good
    with pytest.raises(MalformedStream, match="not JSON"):
        stream.check()
    assert stream.fold.text == "one"
