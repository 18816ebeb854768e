from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import orjson
import pytest

from cache.partition import NOT_PART_OF_THE_ANSWER, Scope, request_keys

SECRET = b"0123456789abcdef"
ACME = Scope("acme")
CHAT = "chat.completions"
ASKED: dict[str, Any] = {
    "model": "auto",
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Hi."},
        {"role": "user", "content": "And now?"},
    ],
    "temperature": 0.2,
}


def keys(
    fields: Mapping[str, Any], *, scope: Scope = ACME, api: str = CHAT, model: str = "auto"
) -> tuple[bytes, bytes]:
    return request_keys(SECRET, scope, api, model, fields)


def test_the_same_request_has_the_same_keys_and_is_left_untouched() -> None:
    before = copy.deepcopy(ASKED)
    assert keys(ASKED) == keys(copy.deepcopy(ASKED))
    assert before == ASKED


def test_order_of_keys_and_white_space_do_not_matter() -> None:
    one = b'{"model":"auto","top_p":1,"messages":[{"role":"user","content":"Hi"}],"x":{"a":1,"b":2}}'
    two = b'{ "x" : {"b":2, "a":1},\n "messages":[{"content":"Hi","role":"user"}], "top_p":1, "model":"auto"}'
    assert keys(orjson.loads(one)) == keys(orjson.loads(two))


@pytest.mark.parametrize("name", sorted(NOT_PART_OF_THE_ANSWER))
def test_delivery_and_labels_do_not_matter(name: str) -> None:
    assert keys({**ASKED, name: {"anything": True}}) == keys(ASKED)


@pytest.mark.parametrize(
    "name",
    [
        "temperature", "top_p", "max_tokens", "max_completion_tokens", "stop", "seed", "response_format",
        "reasoning_effort", "logit_bias", "top_k", "guided_json", "a_field_nobody_knows_yet", "tools",
    ],
)  # fmt: skip
def test_every_other_field_divides(name: str) -> None:
    assert len({keys({**ASKED, name: value})[0] for value in (0, 1, None, "0", [0])}) == 5
    without = {key: value for key, value in ASKED.items() if key != name}
    assert keys({**without, name: None})[0] != keys(without)[0]


def test_model_api_and_each_part_of_the_scope_divide() -> None:
    partitions = [
        keys(ASKED)[0],
        keys(ASKED, model="large")[0],
        keys(ASKED, api="completions")[0],
        keys(ASKED, scope=Scope("other"))[0],
        keys(ASKED, scope=Scope("acme", "site"))[0],
        keys(ASKED, scope=Scope("acme", ""))[0],
        keys(ASKED, scope=Scope("acme", None, "site"))[0],
        keys(ASKED, scope=Scope("acme", "site", "web"))[0],
        request_keys(b"another secret, 16", ACME, CHAT, "auto", ASKED)[0],
    ]
    assert len(set(partitions)) == len(partitions)


def test_names_cannot_run_into_each_other() -> None:
    spellings = [
        Scope("ab", "c"), Scope("a", "bc"), Scope("abc", ""), Scope('a","b', "c"), Scope("a", 'b","c'),
        Scope('a",null,null,"'), Scope("a\x00b", "c"), Scope("a", "b\x00c"),
    ]  # fmt: skip
    assert len({keys(ASKED, scope=scope) for scope in spellings}) == len(spellings)


def chat(*messages: Mapping[str, Any]) -> dict[str, Any]:
    return {"messages": list(messages)}


def test_only_the_last_user_words_make_the_entry() -> None:
    other = copy.deepcopy(ASKED)
    other["messages"][-1]["content"] = "And then?"
    partition, entry = keys(ASKED)
    other_partition, other_entry = keys(other)
    assert partition == other_partition
    assert entry != other_entry


@pytest.mark.parametrize("position", [0, 1, 2])
def test_earlier_turns_and_the_system_prompt_divide(position: int) -> None:
    other = copy.deepcopy(ASKED)
    other["messages"][position]["content"] = "Something else"
    assert keys(other)[0] != keys(ASKED)[0]


def test_what_stands_behind_or_beside_the_last_user_words_divides() -> None:
    asked = {"role": "user", "content": "Go"}
    requests = [
        chat(asked),
        chat(asked, {"role": "assistant", "content": "Once"}),
        chat({"role": "assistant", "content": "Once"}, asked),
        chat({**asked, "name": "eve"}),
        chat({"role": "user"}, asked),
        chat(asked, {"role": "user"}),
        chat({"role": "user", "content": "First"}, asked),
        chat({"role": "system", "content": "Go"}),
    ]
    assert len({keys(request)[0] for request in requests}) == len(requests)


def test_null_content_is_not_missing_content() -> None:
    assert keys(chat({"role": "user", "content": None})) != keys(chat({"role": "user"}))


def test_the_same_words_in_another_partition_have_another_entry_key() -> None:
    assert keys(ASKED)[1] != keys(ASKED, scope=Scope("other"))[1]


@pytest.mark.parametrize(("api", "name"), [("completions", "prompt"), ("embeddings", "input")])
def test_prompt_and_input_make_the_entry(api: str, name: str) -> None:
    values: list[Any] = ["a", ["a"], ["a", "b"], ["ab"], [1, 2], [12], [[1, 2]], None]
    found = [keys({name: value, "top_p": 1}, api=api) for value in values]
    assert len({partition for partition, _ in found}) == 1
    assert len({entry for _, entry in found}) == len(values)
    assert keys({name: "a", "suffix": "x"}, api=api)[0] != keys({name: "a"}, api=api)[0]


@pytest.mark.parametrize("messages", [None, [], "words", [None, 3], [{"content": "no role"}], {}])
def test_odd_shapes_are_hashed_all_the_same(messages: Any) -> None:
    assert keys({"messages": messages}) == keys({"messages": messages})
    assert keys({"messages": messages}) != keys(ASKED)


def test_deep_nesting_is_hashed_too() -> None:
    def nested(leaf: str) -> list[Any]:
        value: list[Any] = [leaf]
        for _ in range(450):
            value = [value]
        return value

    assert keys({**ASKED, "x": nested("a")}) == keys({**ASKED, "x": nested("a")})
    assert keys({**ASKED, "x": nested("a")}) != keys({**ASKED, "x": nested("b")})


@pytest.mark.parametrize("length", [0, 15, 65])
def test_a_secret_of_the_wrong_length_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match=f"a secret of {length} bytes"):
        request_keys(b"x" * length, ACME, CHAT, "auto", ASKED)
