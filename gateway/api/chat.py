"""POST /v1/chat/completions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.api.read import Resource, check_types, required
from gateway.call import Api
from gateway.errors import BadRequest

_KINDS: tuple[tuple[str, type], ...] = (
    ("max_tokens", int),
    ("max_completion_tokens", int),
    ("n", int),
    ("tools", list),
    ("functions", list),
    ("response_format", dict),
)


def check(fields: Mapping[str, Any]) -> None:
    for position, message in enumerate(required(fields, "messages", (list,))):
        if not isinstance(message, dict) or not isinstance(message.get("role"), str):
            raise BadRequest(
                f"messages[{position}] must be an object with a string 'role'.",
                param=f"messages[{position}]",
                code="wrong_type",
            )
        content = message.get("content")
        if content is not None and not isinstance(content, (str, list)):
            raise BadRequest(
                f"messages[{position}].content must be a string, an array of parts, or null.",
                param=f"messages[{position}].content",
                code="wrong_type",
            )
    check_types(fields, _KINDS)


CHAT = Resource(Api.CHAT, "/chat/completions", Api.CHAT.value, check)
