"""A parsed request and the model that serves it, as far as bounds look at them."""

from __future__ import annotations

from typing import Any, cast

import orjson

from cache.control import CacheControl
from gateway.call import Api, Call
from gateway.config import ModelSettings
from gateway.snapshot import Served


def chat_call(*, api: Api = Api.CHAT, **fields: Any) -> Call:
    """As `read_call` makes it of a body with these fields."""
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}], **fields}
    return Call(
        "req_1", api, api.value, orjson.dumps(body), body, "m",
        False, False, (), CacheControl(), False, 0.0, 0,
    )  # fmt: skip


def served(*, max_output_tokens: int | None = None, context_tokens: int | None = None) -> Served:
    """On a backend that nobody asks for anything."""
    settings = ModelSettings.model_validate({"upstream": "m", "max_output_tokens": max_output_tokens})
    return Served("m", "b", "m", cast(Any, None), settings, "engine", context_tokens, None, False)
