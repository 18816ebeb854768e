"""llama.cpp's server: OpenAI's form, and `timings`, which counts and measures what the engine did.

`timings` stands in for a missing `usage`: `cache_n + prompt_n` is the prompt, `predicted_n` the output. With
`timings_per_token` every chunk of a stream has them, as running totals.
"""

from __future__ import annotations

from metering.dialects.openai_chat import read_usage
from metering.dialects.reported import Fields, Reported, count, microseconds, section
from metering.usage import Provenance, TokenUsage


class LlamaCpp:
    def whole(self, payload: Fields) -> Reported | None:
        timings = section(payload, "timings")
        cached = count(timings, "cache_n")
        usage = read_usage(section(payload, "usage"), Provenance.ENGINE, cache_read=cached)
        usage = usage or _from_timings(timings)
        return None if usage is None else Reported(usage, *times(payload))

    def stream(self) -> LastTimings:
        return LastTimings(self)


def times(payload: Fields) -> tuple[int | None, int | None]:
    """(prefill, decode) in microseconds, as far as the engine says."""
    timings = payload.get("timings")
    if not isinstance(timings, dict):
        return None, None
    return microseconds(timings, "prompt_ms"), microseconds(timings, "predicted_ms")


class LastTimings:
    """The last report counts; the usage and the timings may come in different events."""

    __slots__ = ("_dialect", "_timings", "_usage")

    def __init__(self, dialect: LlamaCpp) -> None:
        self._dialect = dialect
        self._timings: Fields | None = None
        self._usage: Fields | None = None

    def event(self, payload: Fields) -> None:
        self._timings = payload.get("timings") or self._timings
        self._usage = payload.get("usage") or self._usage

    def reported(self) -> Reported | None:
        return self._dialect.whole({"timings": self._timings, "usage": self._usage})


def _from_timings(timings: Fields) -> TokenUsage | None:
    uncached, output = count(timings, "prompt_n"), count(timings, "predicted_n")
    cached = count(timings, "cache_n") or 0
    if uncached is None or output is None or uncached + cached + output == 0:
        return None
    return TokenUsage(uncached, cached, 0, output, 0, Provenance.ENGINE)
