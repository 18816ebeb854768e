"""The client's bytes travel untouched but for the model's name and the request for usage."""

from __future__ import annotations

import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.rewrite import upstream_body

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


def rewritten(body: bytes, model: str = "up", stream: bool = False) -> bytes:
    return upstream_body(body, orjson.loads(body), model=model, stream=stream)


def test_nothing_to_change_is_the_same_object() -> None:
    body = b'{"model": "up", "x": 1e5}'
    assert upstream_body(body, orjson.loads(body), model="up", stream=False) is body


def test_only_the_name_changes() -> None:
    body = (
        b'{ "temperature":1e0, "model" : "auto","seed":18446744073709551616, '
        b'"t":"\\u00e9 \\"model\\": \\"auto\\"" }'
    )
    assert rewritten(body) == body.replace(b'"model" : "auto"', b'"model":"up"')


def test_a_tool_parameter_called_model_stays() -> None:
    body = b'{"tools":[{"parameters":{"model":"auto"}}],"model":"auto"}'
    assert orjson.loads(rewritten(body)) == {"tools": [{"parameters": {"model": "auto"}}], "model": "up"}


def test_a_key_spelled_with_escapes_cannot_hide_behind_a_tool() -> None:
    body = b'{"tools":{"model":"auto"},"mod\\u0065l":"auto"}'
    assert orjson.loads(rewritten(body)) == {"tools": {"model": "auto"}, "model": "up"}


def test_the_last_of_two_equal_keys_counts_as_it_does_for_every_parser() -> None:
    body = b'{"model":"dear","model":"auto"}'
    assert orjson.loads(rewritten(body)) == {"model": "up"}


@pytest.mark.parametrize("tail", [b"}", b"}\n", b" }  \n"])
def test_usage_is_asked_for_at_the_end(tail: bytes) -> None:
    body = b'{"model":"up","stream":true' + tail
    assert orjson.loads(rewritten(body, stream=True))["stream_options"] == {"include_usage": True}


@pytest.mark.parametrize("given_options", ["null", "{}", '{"include_usage":false,"other":1}'])
def test_usage_is_added_to_options_that_lack_it(given_options: str) -> None:
    body = f'{{"model":"up","stream_options":{given_options}}}'.encode()
    options = orjson.loads(rewritten(body, stream=True))["stream_options"]
    assert options["include_usage"] is True
    assert options.get("other") == (json.loads(given_options) or {}).get("other")


def test_usage_that_was_asked_for_is_not_asked_for_twice() -> None:
    body = b'{"stream":true,"model":"up","stream_options":{"include_usage":true}}'
    assert rewritten(body, stream=True) is not None
    assert rewritten(body, stream=True) == body


@given(
    st.dictionaries(st.text(max_size=12), JSON, max_size=5), st.text(min_size=1, max_size=8), st.booleans()
)
def test_whatever_the_body_the_meaning_changes_in_two_places_only(
    fields: dict[str, object], model: str, ask: bool
) -> None:
    fields.pop("stream_options", None)
    fields["model"] = "auto"
    body = orjson.dumps(fields)
    expected = {
        **fields,
        "model": model,
        **({"stream": True, "stream_options": {"include_usage": True}} if ask else {}),
    }
    assert orjson.loads(rewritten(body, model, ask)) == orjson.loads(orjson.dumps(expected))


@pytest.mark.parametrize("said", [b"", b',"stream":false', b',"stream":null'])
def test_a_stream_is_asked_for_where_the_client_wants_none(said: bytes) -> None:
    asked = orjson.loads(rewritten(b'{"model":"up"' + said + b"}", stream=True))
    assert asked == {"model": "up", "stream": True, "stream_options": {"include_usage": True}}


def test_what_the_gateway_asks_for_itself_is_added_or_replaces_what_was_said() -> None:
    body = b'{"model": "m", "n": 1.0}'
    added = upstream_body(body, orjson.loads(body), model="m", stream=False, added={"logprobs": True})
    assert added == b'{"model": "m", "n": 1.0,"logprobs":true}'
    body = b'{"model": "m", "logprobs": false}'
    replaced = upstream_body(body, orjson.loads(body), model="m", stream=True, added={"logprobs": True})
    fields = orjson.loads(replaced)
    assert (fields["logprobs"], fields["stream"]) == (True, True)
