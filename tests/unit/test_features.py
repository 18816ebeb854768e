from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.tokens import count
from router.features import (
    MEDIA_TOKENS,
    MESSAGE_TOKENS,
    REPLY_TOKENS,
    estimate_prompt_tokens,
    last_turns,
    longest_prompt_tokens,
    needs,
    prompt_text_parts,
    requested_output_tokens,
)

CHAT, COMPLETIONS, EMBEDDINGS = "chat.completions", "completions", "embeddings"
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 9_000}}
TOOL = {"type": "function", "function": {"name": "weather", "parameters": {}}}


def chat(*messages: Any, **fields: Any) -> dict[str, Any]:
    said = [{"role": "user", "content": each} if not isinstance(each, dict) else each for each in messages]
    return {"messages": said, **fields}


def test_text_of_every_kind_of_message_in_order() -> None:
    call = [{"id": "1", "function": {"name": "f", "arguments": "{}"}}]
    fields = chat(
        {"role": "system", "content": "Be brief."},
        [{"type": "text", "text": "Look:"}, IMAGE, {"type": "text", "text": "What?"}],
        {"role": "assistant", "content": None, "tool_calls": call},
        {"role": "tool", "content": "42", "tool_call_id": "1"},
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]},
        tools=[TOOL],
    )
    parts = prompt_text_parts(fields, CHAT)
    assert parts[:3] == ["Be brief.", "Look:", "What?"]
    assert '"arguments":"{}"' in parts[3]
    assert parts[4:6] == ["42", "No."]
    assert '"weather"' in parts[6]
    assert len(parts) == 7


@pytest.mark.parametrize(
    ("api", "fields", "parts"),
    [
        (COMPLETIONS, {"prompt": "Once"}, ["Once"]),
        (COMPLETIONS, {"prompt": ["Once", "Twice"]}, ["Once", "Twice"]),
        (COMPLETIONS, {"prompt": [1, 2, 3]}, []),
        (EMBEDDINGS, {"input": [[1], [2]]}, []),
        (EMBEDDINGS, {"input": "Once"}, ["Once"]),
    ],
)
def test_text_of_prompts_and_inputs(api: str, fields: dict[str, Any], parts: list[str]) -> None:
    assert prompt_text_parts(fields, api) == parts


def test_turns_come_latest_first() -> None:
    fields = chat({"role": "system", "content": "S"}, "one", {"role": "assistant", "content": None})
    assert list(last_turns(fields, CHAT)) == [("assistant", ""), ("user", "one"), ("system", "S")]
    assert list(last_turns({"prompt": ["a", "b"]}, COMPLETIONS)) == [("user", "a\nb")]


SAMPLES = {
    "English": "The quick brown fox jumps over the lazy dog while the sun sets behind the distant hills. "
    * 5,
    "German": "Künstliche Intelligenz verändert die Welt, und wir müssen ernsthaft darüber nachdenken. " * 5,
    "Chinese": "人工智能正在改变世界，我们需要认真考虑它对社会的影响。请写一篇文章。" * 5,
    "Russian": "Искусственный интеллект меняет мир, и нам нужно подумать о его влиянии. " * 5,
    "code": "def area(width: float, height: float) -> float:\n    return width * height\n" * 8,
    "JSON": '{"id": 17, "name": "pump", "on": true, "values": [1.5, 2.25]}, ' * 8,
}


@pytest.mark.parametrize("text", SAMPLES.values(), ids=SAMPLES.keys())
def test_the_estimate_is_good_to_a_factor_of_two(text: str) -> None:
    real = count(text) + MESSAGE_TOKENS + REPLY_TOKENS
    assert real / 2 <= estimate_prompt_tokens(chat(text), CHAT) <= real * 2


def test_images_count_flat_however_large() -> None:
    text = {"type": "text", "text": "abcd"}
    assert estimate_prompt_tokens(chat([text, IMAGE, IMAGE]), CHAT) == (
        REPLY_TOKENS + MESSAGE_TOKENS + 1 + 2 * MEDIA_TOKENS
    )


def test_tools_and_calls_count() -> None:
    plain = estimate_prompt_tokens(chat("Hi"), CHAT)
    assert estimate_prompt_tokens(chat("Hi", tools=[TOOL] * 10), CHAT) > plain + 100
    called = {"role": "assistant", "tool_calls": [{"function": {"arguments": "x" * 400}}]}
    assert estimate_prompt_tokens(chat("Hi", called), CHAT) > plain + 100


@pytest.mark.parametrize(
    ("given_input", "total", "longest"),
    [
        ("x" * 40, 10, 10),
        (["x" * 40, "x" * 80], 30, 20),
        ([5, 6, 7], 3, 3),
        ([[5, 6, 7], [8]], 4, 3),
        ([], 0, 0),
        ("", 0, 0),
        ("é" * 4, 2, 2),
    ],
)
def test_lists_add_up_but_are_read_one_by_one(given_input: Any, total: int, longest: int) -> None:
    for api, name in ((EMBEDDINGS, "input"), (COMPLETIONS, "prompt")):
        assert estimate_prompt_tokens({name: given_input}, api) == total
        assert longest_prompt_tokens({name: given_input}, api) == longest


@pytest.mark.parametrize(
    ("fields", "tokens"),
    [
        ({}, None),
        ({"max_tokens": 5}, 5),
        ({"max_tokens": 5, "max_completion_tokens": 7}, 7),
        ({"max_tokens": 0}, None),
        ({"max_tokens": None}, None),
        ({"max_tokens": True}, None),
        ({"max_tokens": "9"}, None),
    ],
)
def test_requested_output(fields: dict[str, Any], tokens: int | None) -> None:
    assert requested_output_tokens(fields) == tokens


@pytest.mark.parametrize(
    ("api", "fields", "wanted"),
    [
        (CHAT, chat("Hi"), {"chat"}),
        (CHAT, chat("Hi", tools=[], functions=None, logprobs=False), {"chat"}),
        (CHAT, chat("Hi", tools=[TOOL]), {"chat", "tools"}),
        (CHAT, chat("Hi", functions=[{"name": "f"}]), {"chat", "tools"}),
        (CHAT, chat([IMAGE]), {"chat", "vision"}),
        (CHAT, chat([{"type": "input_image", "file_id": "f"}]), {"chat", "vision"}),
        (CHAT, chat("Hi", response_format={"type": "json_schema"}), {"chat", "json_schema"}),
        (CHAT, chat("Hi", response_format={"type": "json_object"}), {"chat"}),
        (CHAT, chat("Hi", logprobs=True), {"chat", "logprobs"}),
        (CHAT, chat("Hi", top_logprobs=2), {"chat", "logprobs"}),
        (COMPLETIONS, {"prompt": "x"}, {"completions"}),
        (COMPLETIONS, {"prompt": "x", "logprobs": 0}, {"completions", "logprobs"}),
        (EMBEDDINGS, {"input": "x"}, {"embeddings"}),
    ],
)
def test_needs(api: str, fields: dict[str, Any], wanted: set[str]) -> None:
    assert needs(fields, api) == wanted


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "text", "image_url", "refusal", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)
said = st.fixed_dictionaries(
    {"role": st.text(max_size=4)},
    optional={
        "content": st.none() | st.text(max_size=9) | st.lists(json_values, max_size=3),
        "tool_calls": json_values,
        "function_call": json_values,
    },
)
chats = st.fixed_dictionaries(
    {"messages": st.lists(said, min_size=1, max_size=4)},
    optional={
        "tools": st.none() | st.lists(json_values, max_size=2),
        "functions": st.none() | st.lists(json_values, max_size=2),
        "response_format": st.none() | st.dictionaries(st.just("type"), json_values),
        "logprobs": json_values,
        "top_logprobs": json_values,
        "max_tokens": json_values,
    },
)


def read_everything(fields: dict[str, Any], api: str) -> None:
    assert all(isinstance(part, str) for part in prompt_text_parts(fields, api))
    assert all(isinstance(text, str) for _, text in last_turns(fields, api))
    assert estimate_prompt_tokens(fields, api) >= longest_prompt_tokens(fields, api) >= 0
    assert needs(fields, api)
    requested_output_tokens(fields)


@settings(deadline=None)
@given(chats)
def test_no_chat_of_the_right_outline_makes_it_fail(fields: dict[str, Any]) -> None:
    read_everything(fields, CHAT)


@settings(deadline=None)
@given(st.text(max_size=9) | st.lists(json_values, max_size=4))
def test_no_prompt_or_input_makes_it_fail(given_input: Any) -> None:
    read_everything({"prompt": given_input}, COMPLETIONS)
    read_everything({"input": given_input}, EMBEDDINGS)


def test_deeply_nested_tools_are_read_too() -> None:
    deep: list[Any] = []
    for _ in range(450):
        deep = [deep]
    read_everything(chat("Hi", tools=deep), CHAT)
