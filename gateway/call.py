"""The parsed request, as every stage sees it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from cache.control import CacheControl


class Api(StrEnum):
    CHAT = "chat.completions"
    COMPLETIONS = "completions"
    EMBEDDINGS = "embeddings"


class Call(NamedTuple):
    """One inference request. `body` is what the client sent, byte for byte; `fields` is the same, parsed
    once, and read-only by agreement."""

    request_id: str
    api: Api
    api_name: str
    """`api` as plain text: an enum's `.value` costs a call each time."""
    body: bytes
    fields: Mapping[str, Any]
    model: str
    stream: bool
    wants_usage: bool
    """The client asked for the usage chunk of a stream."""
    tags: tuple[tuple[str, str], ...]
    cache_control: CacheControl
    explain: bool
    received_s: float
    """Monotonic seconds when the request line was read."""
    received_us: int
    """UTC microseconds at the same moment."""
