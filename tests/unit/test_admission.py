from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cache.admission import cacheable_request, whole_answer

CHAT, COMPLETIONS, EMBEDDINGS = "chat.completions", "completions", "embeddings"
HELLO = {"messages": [{"role": "user", "content": "Hello"}]}


def parts(*content: dict[str, Any]) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": list(content)}]}


INLINE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
TOOL = {"type": "function", "function": {"name": "f"}}


@pytest.mark.parametrize(
    "fields",
    [
        HELLO,
        {**HELLO, "temperature": 1.5, "seed": 7, "n": 1, "store": False, "logprobs": False, "tools": []},
        {**HELLO, "modalities": ["text"], "response_format": {"type": "json_schema"}, "stream": True},
        parts({"type": "text", "text": "What is this?"}, INLINE),
        parts({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}),
        {"messages": [{"role": "tool", "content": "42", "tool_call_id": "1"}]},
    ],
)
def test_chat_requests_that_may_be_cached(fields: dict[str, Any]) -> None:
    assert cacheable_request(CHAT, fields) is None


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"tools": [TOOL]}, "tools offered"),
        ({"functions": [{"name": "f"}]}, "tools offered"),
        ({"n": 2}, "several choices"),
        ({"logprobs": True}, "logprobs"),
        ({"top_logprobs": 3}, "logprobs"),
        ({"store": True}, "stored upstream"),
        ({"modalities": ["text", "audio"]}, "audio"),
        ({"audio": {"voice": "alloy"}}, "audio"),
        ({"web_search_options": {}}, "web search"),
        (parts({"type": "image_url", "image_url": {"url": "https://host/a.png"}}), "linked content"),
        (parts({"type": "image_url", "image_url": "https://host/a.png"}), "linked content"),
        (parts({"type": "input_image", "file_id": "file-1"}), "linked content"),
        (parts({"type": "file", "file": {"file_id": "file-1"}}), "linked content"),
        (parts({"type": "something new"}), "linked content"),
    ],
)
def test_chat_requests_that_may_not(fields: dict[str, Any], reason: str) -> None:
    assert cacheable_request(CHAT, {**HELLO, **fields}) == reason


def test_other_apis() -> None:
    assert cacheable_request(COMPLETIONS, {"prompt": ["a", "b"]}) is None
    assert cacheable_request(COMPLETIONS, {"prompt": "a", "logprobs": 0}) == "logprobs"
    assert cacheable_request(COMPLETIONS, {"prompt": "a", "n": 3}) == "several choices"
    assert cacheable_request(EMBEDDINGS, {"input": [[1, 2]], "encoding_format": "base64"}) is None


def answer(finish: Any = "stop", **message: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "finish_reason": finish, "message": {"content": "Hi", **message}}]}


def test_whole_answers() -> None:
    assert whole_answer(CHAT, answer()) is None
    assert whole_answer(CHAT, answer(refusal=None, tool_calls=[], function_call=None)) is None
    text = {"finish_reason": "stop", "text": "x"}
    assert whole_answer(COMPLETIONS, {"choices": [text, text]}) is None
    assert whole_answer(EMBEDDINGS, {"data": [{"embedding": [0.5]}, {"embedding": "AAAA"}]}) is None


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (answer("length"), "cut"),
        (answer("content_filter"), "filtered"),
        (answer("tool_calls"), "tool calls"),
        (answer("function_call"), "tool calls"),
        (answer(None), "unfinished"),
        (answer("made up"), "unfinished"),
        (answer(7), "unfinished"),
        (answer(["stop"]), "unfinished"),
        (answer(refusal="No."), "refused"),
        (answer(tool_calls=[TOOL]), "tool calls"),
        (answer(function_call={"name": "f"}), "tool calls"),
        (answer(audio={"id": "a"}), "audio"),
        (answer(content=""), "empty"),
        (answer(content=None), "empty"),
        ({"choices": []}, "no choices"),
        ({}, "no choices"),
        ({"choices": [3]}, "malformed"),
        ({"choices": [{"finish_reason": "stop"}]}, "malformed"),
        ({**answer(), "error": {"message": "x"}}, "error"),
        ({"choices": answer()["choices"] + answer("length")["choices"]}, "cut"),
    ],
)
def test_chat_answers_that_are_not_whole(given: dict[str, Any], reason: str) -> None:
    assert whole_answer(CHAT, given) == reason


@pytest.mark.parametrize(
    ("api", "given", "reason"),
    [
        (COMPLETIONS, {"choices": [{"finish_reason": "stop", "text": ""}]}, "empty"),
        (COMPLETIONS, {"choices": [{"finish_reason": "length", "text": "x"}]}, "cut"),
        (EMBEDDINGS, {"data": []}, "no vectors"),
        (EMBEDDINGS, {"data": [{"embedding": [1.0]}, {"embedding": []}]}, "malformed"),
        (EMBEDDINGS, {"data": [None]}, "malformed"),
        (EMBEDDINGS, {"error": "x"}, "error"),
    ],
)
def test_other_answers_that_are_not_whole(api: str, given: dict[str, Any], reason: str) -> None:
    assert whole_answer(api, given) == reason


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
names = st.sampled_from(
    ["choices", "message", "finish_reason", "content", "data", "error", "messages", "n", "modalities", "type"]
)
shapes = st.dictionaries(names, json_values | st.lists(st.dictionaries(names, json_values)), max_size=5)


@settings(deadline=None)
@given(st.sampled_from([CHAT, COMPLETIONS, EMBEDDINGS]), shapes)
def test_no_json_answer_makes_it_fail(api: str, given: dict[str, Any]) -> None:
    reason = whole_answer(api, given)
    assert reason is None or reason in {
        "error", "no choices", "no vectors", "malformed", "cut", "filtered", "tool calls", "unfinished",
        "refused", "audio", "empty",
    }  # fmt: skip


@settings(deadline=None)
@given(st.sampled_from([CHAT, COMPLETIONS, EMBEDDINGS]), shapes)
def test_no_json_request_makes_it_fail(api: str, given: dict[str, Any]) -> None:
    fields = {**given, "messages": given["messages"]} if isinstance(given.get("messages"), list) else HELLO
    reason = cacheable_request(api, fields)
    assert reason is None or reason in {
        "tools offered", "several choices", "logprobs", "stored upstream", "audio", "web search",
        "linked content",
    }  # fmt: skip
