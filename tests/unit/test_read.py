"""Bad input: refused before anything is asked, with a message that names the cause."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from gateway.api.chat import CHAT
from gateway.api.completions import COMPLETIONS
from gateway.api.embeddings import EMBEDDINGS, as_asked, engine_fields
from gateway.api.read import Resource, check_content_type, parse_json, read_call
from gateway.call import Call
from gateway.errors import BadRequest, WrongContentType
from gateway.tokens import encoding
from tests.fakes.link import client_with

HI = [{"role": "user", "content": "hi"}]


def read(
    fields: dict[str, Any] | bytes,
    resource: Resource = CHAT,
    headers: list[tuple[bytes, bytes]] | None = None,
) -> Call:
    return read_call(
        resource,
        client_with(b"", headers or []),
        fields if isinstance(fields, bytes) else orjson.dumps(fields),
        request_id="req_1",
        max_depth=100,
        now_s=1.0,
        now_us=1_000_000,
    )


def refused(fields: dict[str, Any] | bytes, resource: Resource = CHAT) -> BadRequest:
    with pytest.raises(BadRequest) as caught:
        read(fields, resource)
    assert set(orjson.loads(caught.value.body())["error"]) == {"message", "type", "param", "code"}
    return caught.value


@pytest.mark.parametrize(
    ("fields", "param", "words"),
    [
        ({"messages": HI}, "model", "missing"),
        ({"model": 7, "messages": HI}, "model", "an integer"),
        ({"model": "", "messages": HI}, "model", "empty"),
        ({"model": "m"}, "messages", "missing"),
        ({"model": "m", "messages": "hi"}, "messages", "a string"),
        ({"model": "m", "messages": []}, "messages", "empty"),
        ({"model": "m", "messages": ["hi"]}, "messages[0]", "role"),
        ({"model": "m", "messages": [*HI, {"role": 3}]}, "messages[1]", "role"),
        ({"model": "m", "messages": [{"role": "user", "content": 3}]}, "messages[0].content", "string"),
        ({"model": "m", "messages": HI, "stream": "yes"}, "stream", "a boolean"),
        ({"model": "m", "messages": HI, "stream": 1}, "stream", "a boolean"),
        ({"model": "m", "messages": HI, "stream_options": []}, "stream_options", "an object"),
        ({"model": "m", "messages": HI, "max_tokens": "9"}, "max_tokens", "an integer"),
        ({"model": "m", "messages": HI, "max_tokens": True}, "max_tokens", "an integer"),
        ({"model": "m", "messages": HI, "n": 1.5}, "n", "a number"),
        ({"model": "m", "messages": HI, "tools": {}}, "tools", "an array"),
        ({"model": "m", "messages": HI, "response_format": "json"}, "response_format", "an object"),
    ],
)
def test_a_wrong_field_is_named(fields: dict[str, Any], param: str, words: str) -> None:
    error = refused(fields)
    assert error.http_status == 400
    assert error.param == param
    assert words in error.message


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "not valid JSON"),
        (b"{", "not valid JSON"),
        (b'{"model": "m",\n "messages": oops}', "line 2"),
        (b"[1]", "a JSON object, not an array"),
        (b"null", "not null"),
        (b'{"model": "\xff"}', "not valid JSON"),
    ],
)
def test_what_is_no_json_object_is_refused(body: bytes, words: str) -> None:
    error = refused(body)
    assert error.error_code == "invalid_json"
    assert words in error.message


@pytest.mark.parametrize("depth", [101, 500, 100_000])
def test_deep_nesting_is_refused_whatever_the_depth(depth: int) -> None:
    body = b'{"model":"m","x":' + b"[" * depth + b"]" * depth + b"}"
    assert refused(body).error_code == "nested_too_deeply"


def test_wide_bodies_are_not_deep() -> None:
    assert parse_json(b'{"a":[' + b",".join([b"[]"] * 5000) + b"]}", 100)["a"][0] == []
    assert parse_json(b'{"a":' + b"[" * 98 + b"1" + b"]" * 98 + b"}", 100)


def test_null_is_as_good_as_absent() -> None:
    call = read(
        {"model": "m", "messages": HI, "stream": None, "stream_options": None, "n": None, "tools": None}
    )
    assert not call.stream
    assert not call.wants_usage


def test_unknown_fields_are_nobodys_business() -> None:
    assert read({"model": "m", "messages": HI, "min_p": {"any": ["thing"]}}).fields["min_p"] == {
        "any": ["thing"]
    }


@pytest.mark.parametrize(
    ("kind", "encoding", "ok"),
    [
        (None, None, True),
        (b"application/json", None, True),
        (b"Application/JSON; charset=utf-8", None, True),
        (b"text/plain", None, False),
        (b"application/x-www-form-urlencoded", None, False),
        (b"application/json", b"gzip", False),
        (b"application/json", b"identity", True),
    ],
)
def test_content_types(kind: bytes | None, encoding: bytes | None, ok: bool) -> None:
    if ok:
        check_content_type(kind, encoding)
    else:
        with pytest.raises(WrongContentType) as caught:
            check_content_type(kind, encoding)
        assert caught.value.http_status == 415
        assert repr((encoding or kind or b"").decode()) in caught.value.message


def test_tags_are_sorted_labels() -> None:
    tags = [(b"x-weir-tags", b"team=red, task = classify")]
    assert read({"model": "m", "messages": HI}, headers=tags).tags == (("task", "classify"), ("team", "red"))


@pytest.mark.parametrize("header", [b"novalue", b"=x", b"a=1,,", b",".join(b"k%d=v" % n for n in range(17))])
def test_bad_tags_are_refused(header: bytes) -> None:
    with pytest.raises(BadRequest) as caught:
        read({"model": "m", "messages": HI}, headers=[(b"x-weir-tags", header)])
    assert caught.value.param == "x-weir-tags"


def test_completions_need_a_prompt() -> None:
    assert refused({"model": "m"}, COMPLETIONS).param == "prompt"
    assert read({"model": "m", "prompt": ["a", "b"]}, COMPLETIONS).fields["prompt"] == ["a", "b"]


@pytest.mark.parametrize("good", ["a", ["a", "b"], [1, 2], [[1], [2, 3]]])
def test_embeddings_take_every_form_of_input(good: Any) -> None:
    assert read({"model": "m", "input": good}, EMBEDDINGS).fields["input"] == good


@pytest.mark.parametrize(
    "bad", [None, "", [], [""], [1, "a"], [[]], [[1], "a"], [-1], [1.5], {"a": 1}, [True]]
)
def test_embeddings_refuse_other_forms(bad: Any) -> None:
    assert refused({"model": "m", "input": bad}, EMBEDDINGS).param == "input"


def test_embeddings_refuse_unknown_encodings() -> None:
    assert (
        refused({"model": "m", "input": "a", "encoding_format": "hex"}, EMBEDDINGS).param == "encoding_format"
    )


async def test_token_ids_become_text_for_an_engine_of_another_vocabulary() -> None:
    ids = encoding("cl100k_base").encode("grüß Gott")
    one = await engine_fields({"model": "m", "input": ids, "encoding_format": "base64"}, "cl100k_base")
    two = await engine_fields({"model": "m", "input": [ids, ids]}, "cl100k_base")
    own = await engine_fields({"model": "m", "input": ids}, "engine")
    assert one == {"model": "m", "input": ["grüß Gott"]}
    assert two["input"] == ["grüß Gott", "grüß Gott"]
    assert own["input"] == ids


async def test_token_ids_outside_the_vocabulary_are_refused() -> None:
    with pytest.raises(BadRequest, match="cl100k_base"):
        await engine_fields({"model": "m", "input": [10**9]}, "cl100k_base")


def test_vectors_take_the_form_that_was_asked_for() -> None:
    vector = [0.5, -2.0, 0.0]
    packed = as_asked({"data": [{"embedding": list(vector)}]}, "base64")["data"][0]["embedding"]
    assert packed == "AAAAPwAAAMAAAAAA"
    assert as_asked({"data": [{"embedding": packed}]}, "float")["data"][0]["embedding"] == vector
    assert as_asked({"data": [{"embedding": packed}]}, "base64")["data"][0]["embedding"] == packed
