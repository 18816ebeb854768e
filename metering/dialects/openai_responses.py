"""OpenAI's Responses API: inclusive counts as in chat, by other names, and events that wrap the response."""

from __future__ import annotations

from metering.dialects.reported import Fields, Reported, count, section, service_tier
from metering.usage import Provenance, TokenUsage

ENDS = frozenset({"response.completed", "response.incomplete", "response.failed"})
"""The events that end a stream; each carries the response with its usage."""


class OpenAIResponses:
    def whole(self, payload: Fields) -> Reported | None:
        """`payload` is a response object."""
        usage = section(payload, "usage")
        total = count(usage, "input_tokens")
        output = count(usage, "output_tokens") or 0
        if total is None or total + output == 0:
            return None
        details = section(usage, "input_tokens_details")
        read = count(details, "cached_tokens") or 0
        written = count(details, "cache_write_tokens") or count(usage, "cache_write_tokens") or 0
        if read + written > total:
            raise ValueError(f"{read} cached and {written} newly cached tokens exceed {total} input tokens")
        reasoning = count(section(usage, "output_tokens_details"), "reasoning_tokens") or 0
        classes = TokenUsage(total - read - written, read, written, output, reasoning, Provenance.VENDOR)
        return Reported(classes, service_tier=service_tier(payload))

    def stream(self) -> ResponseEvents:
        return ResponseEvents(self)


class ResponseEvents:
    __slots__ = ("_dialect", "_last")

    def __init__(self, dialect: OpenAIResponses) -> None:
        self._dialect = dialect
        self._last: Reported | None = None

    def event(self, payload: Fields) -> None:
        if payload.get("type") in ENDS:
            self._last = self._dialect.whole(section(payload, "response")) or self._last

    def reported(self) -> Reported | None:
        return self._last
