"""The most that an attempt can use, from its request."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cache.control import parse_cache_control
from gateway.backends.registry import backend_for
from gateway.bounds import (
    DEFAULT_OUTPUT_TOKENS,
    MEDIA_TOKENS,
    TEMPLATE_TOKENS,
    output_bound_tokens,
    prompt_bound_tokens,
)
from gateway.call import Api, Call
from gateway.config import ModelSettings
from gateway.snapshot import Served
from gateway.tokens import encoding

SERVED = Served(
    "m", "b", "m", backend_for("openai"), ModelSettings(upstream="m"), "engine", None, None, False
)


def call(fields: dict[str, Any], api: Api = Api.CHAT) -> Call:
    control = parse_cache_control(None)
    return Call(
        "r", api, api.value, orjson.dumps(fields), fields, "m", False, False, (), control, False, 0, 0
    )


def said(text: str) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": text}]}


@settings(deadline=None)  # the first loads a vocabulary
@given(st.text(max_size=200), st.sampled_from(["cl100k_base", "o200k_base"]))
def test_no_text_has_more_tokens_than_its_bound(text: str, name: str) -> None:
    tokens = len(encoding(name).encode_ordinary(text))
    assert tokens + TEMPLATE_TOKENS <= prompt_bound_tokens(call(said(text)))


def test_a_picture_counts_as_a_picture_and_not_as_its_bytes() -> None:
    url = "data:image/png;base64," + "A" * 500_000
    parts = [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": url}}]
    bound = prompt_bound_tokens(call({"model": "m", "messages": [{"role": "user", "content": parts}]}))
    assert MEDIA_TOKENS < bound < MEDIA_TOKENS + 200


@pytest.mark.parametrize(
    ("fields", "model_says", "bound"),
    [
        ({}, None, DEFAULT_OUTPUT_TOKENS),
        ({}, 500, 500),
        ({}, 100_000, DEFAULT_OUTPUT_TOKENS),
        ({"max_tokens": 100}, None, 100),
        ({"max_completion_tokens": 90_000}, None, 90_000),
        ({"max_completion_tokens": 90_000}, 16_384, 16_384),
        ({"max_tokens": 100, "n": 3}, None, 300),
        ({"max_tokens": 100, "n": True}, None, 100),
    ],
)
def test_the_output_is_what_client_and_model_allow(
    fields: dict[str, Any], model_says: int | None, bound: int
) -> None:
    """tensorzero#3648: nobody is made to send max_tokens."""
    served = replace(SERVED, settings=ModelSettings(upstream="m", max_output_tokens=model_says))
    assert output_bound_tokens(call(said("hi") | fields), served) == bound


def test_no_window_holds_more_than_it_holds() -> None:
    served = replace(SERVED, context_tokens=2048)
    assert output_bound_tokens(call(said("hi") | {"max_tokens": 9000}), served) == 2048


def test_each_prompt_of_a_completion_is_answered_and_an_embedding_is_not() -> None:
    many = call({"model": "m", "prompt": ["a", "b"], "max_tokens": 10, "best_of": 4}, Api.COMPLETIONS)
    assert output_bound_tokens(many, SERVED) == 80
    assert output_bound_tokens(call({"model": "m", "input": "a"}, Api.EMBEDDINGS), SERVED) == 0
