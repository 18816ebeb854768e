"""Anthropic's messages: `input_tokens` leaves the prompt cache out, and output contains the thinking.

A stream reports twice: `message_start` with the input, `message_delta` with totals so far. They replace each
other field by field and are never added.
"""

from __future__ import annotations

from typing import Any

from metering.dialects.reported import Fields, Reported, count, section, service_tier
from metering.usage import Provenance, TokenUsage


class AnthropicMessages:
    def whole(self, payload: Fields) -> Reported | None:
        """`payload` is a message object."""
        return _read(section(payload, "usage"))

    def stream(self) -> MessageEvents:
        return MessageEvents()


class MessageEvents:
    __slots__ = ("_usage",)

    def __init__(self) -> None:
        self._usage: dict[str, Any] = {}

    def event(self, payload: Fields) -> None:
        kind = payload.get("type")
        if kind == "message_start":
            said = section(section(payload, "message"), "usage")
        elif kind == "message_delta":
            said = section(payload, "usage")
        else:
            return
        self._usage.update((name, value) for name, value in said.items() if value is not None)

    def reported(self) -> Reported | None:
        return _read(self._usage)


def _read(usage: Fields) -> Reported | None:
    uncached = count(usage, "input_tokens") or 0
    read = count(usage, "cache_read_input_tokens") or 0
    written, for_an_hour = _cache_writes(usage)
    output = count(usage, "output_tokens") or 0
    if uncached + read + written + output == 0:
        return None
    classes = TokenUsage(uncached, read, written, output, 0, Provenance.VENDOR, cache_write_1h=for_an_hour)
    return Reported(classes, service_tier=service_tier(usage))


def _cache_writes(usage: Fields) -> tuple[int, int]:
    """(all, those for an hour). Raises ValueError where the parts are not the whole."""
    whole = count(usage, "cache_creation_input_tokens")
    parts = section(usage, "cache_creation")
    short = count(parts, "ephemeral_5m_input_tokens")
    long = count(parts, "ephemeral_1h_input_tokens")
    if short is None and long is None:
        return whole or 0, 0
    total = (short or 0) + (long or 0)
    if whole is not None and whole != total:
        raise ValueError(f"{short} and {long} newly cached tokens are not the {whole} reported")
    return total, long or 0
