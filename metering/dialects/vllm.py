"""vLLM and SGLang: OpenAI's form from an engine of the house.

vLLM's `continuous_usage_stats` puts running totals into every chunk, per choice; the last of each choice is
exact for a stream that was cut, and the closing usage chunk replaces them all. vLLM gives its own times under
`--enable-per-request-metrics`.
"""

from __future__ import annotations

from dataclasses import replace

from metering.dialects.openai_chat import read_usage
from metering.dialects.reported import Fields, Reported, microseconds, section
from metering.usage import Provenance, TokenUsage

_CACHE_WRITES = ("created_cache_tokens", "cache_write_tokens")


class EngineChat:
    """vLLM, and SGLang, whose reasoning tokens stand beside `completion_tokens` and are part of them."""

    def whole(self, payload: Fields) -> Reported | None:
        usage = read_usage(section(payload, "usage"), Provenance.ENGINE, cache_write_names=_CACHE_WRITES)
        if usage is None:
            return None
        prefill_us, decode_us = times(payload)
        return Reported(usage, prefill_us, decode_us)

    def stream(self) -> RunningTotals:
        return RunningTotals(self)


def times(payload: Fields) -> tuple[int | None, int | None]:
    """(prefill, decode) in microseconds, as far as the engine says."""
    metrics = payload.get("metrics")
    if not isinstance(metrics, dict):
        return None, None
    return microseconds(metrics, "time_to_first_token_ms"), microseconds(metrics, "generation_time_ms")


class RunningTotals:
    __slots__ = ("_by_choice", "_dialect", "_final", "_times")

    def __init__(self, dialect: EngineChat) -> None:
        self._dialect = dialect
        self._by_choice: dict[int, TokenUsage] = {}
        self._final: Reported | None = None
        self._times: tuple[int | None, int | None] = (None, None)

    def event(self, payload: Fields) -> None:
        if payload.get("metrics") is not None:
            self._times = times(payload)
        if payload.get("usage") is None:
            return
        report = self._dialect.whole(payload)
        if report is None:
            return
        choices = payload.get("choices")
        if not choices:
            self._final = report
            return
        for choice in choices:
            self._by_choice[choice.get("index", 0)] = report.usage

    def reported(self) -> Reported | None:
        prefill_us, decode_us = self._times
        if self._final is not None:
            return self._final._replace(prefill_us=prefill_us, decode_us=decode_us)
        if not self._by_choice:
            return None
        latest = list(self._by_choice.values())
        longest = max(latest, key=lambda usage: usage.input_total)
        usage = replace(
            longest,
            output=sum(each.output for each in latest),
            reasoning=sum(each.reasoning for each in latest),
        )
        return Reported(usage, prefill_us, decode_us)
