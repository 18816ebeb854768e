"""Requests in a file, one JSON object a line: what a line holds, or why it is none."""

from __future__ import annotations

from typing import Any

import orjson


class BadLine(Exception):
    """Not a request; the message says why."""


def line_object(line: bytes) -> dict[str, Any]:
    """Raises BadLine."""
    try:
        fields = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise BadLine(f"no JSON: {error}") from error
    if not isinstance(fields, dict):
        raise BadLine("not an object with `prompt` or `messages`")
    return fields
