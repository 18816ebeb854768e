"""OpenAI's chat, completions and embeddings, and the vendors that answer in their form.

`prompt_tokens` contains what was read from or written to the prompt cache. `completion_tokens` contains the
reasoning at OpenAI; xAI counts it beside, and only `total_tokens` tells the two apart. DeepSeek and Moonshot
name cached tokens beside the totals instead of in `prompt_tokens_details`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from metering.dialects.reported import Fields, Reported, count, section, service_tier
from metering.usage import Provenance, TokenUsage

_PLAIN = frozenset({"prompt_tokens", "completion_tokens", "total_tokens"})
"""A usage of these alone, which add up, has no details to look into."""
_CACHE_READ_BESIDE = ("prompt_cache_hit_tokens", "cached_tokens")


def read_usage(
    usage: Fields,
    provenance: Provenance,
    *,
    cache_read: int | None = None,
    cache_write_names: Iterable[str] = ("cache_write_tokens",),
) -> TokenUsage | None:
    """The canonical classes of a `usage` object; None where it is empty or all zeros.

    `cache_read` stands in where the usage does not say what came from the cache. Raises ValueError where the
    numbers do not add up.
    """
    prompt = count(usage, "prompt_tokens")
    output = count(usage, "completion_tokens") or 0
    if prompt is None or prompt + output == 0:
        return None
    plain = cache_read is None and len(_PLAIN & usage.keys()) == len(usage)
    if plain and usage.get("total_tokens", prompt + output) == prompt + output:
        return TokenUsage(prompt, output=output, provenance=provenance)
    details = section(usage, "prompt_tokens_details")
    read = count(details, "cached_tokens")
    if read is None:
        read = count(usage, *_CACHE_READ_BESIDE)
    read = (cache_read or 0) if read is None else read
    written = count(details, *cache_write_names) or 0
    if read + written > prompt:
        raise ValueError(f"{read} cached and {written} newly cached tokens exceed {prompt} prompt tokens")
    reasoning = count(section(usage, "completion_tokens_details"), "reasoning_tokens")
    if reasoning is None:
        reasoning = count(usage, "reasoning_tokens") or 0
    if reasoning and count(usage, "total_tokens") == prompt + output + reasoning:
        output += reasoning
    return TokenUsage(prompt - read - written, read, written, output, reasoning, provenance)


@dataclass(frozen=True, slots=True)
class OpenAIChat:
    provenance: Provenance = Provenance.VENDOR

    def whole(self, payload: Fields) -> Reported | None:
        usage = read_usage(section(payload, "usage"), self.provenance)
        tier = service_tier(payload) if "service_tier" in payload else ""
        return None if usage is None else Reported(usage, None, None, tier)

    def stream(self) -> LastReport:
        return LastReport(self)


class LastReport:
    """Running totals replace each other: the last report of a stream counts, and none is added to another."""

    __slots__ = ("_dialect", "_last", "_tier")

    def __init__(self, dialect: OpenAIChat) -> None:
        self._dialect = dialect
        self._last: Reported | None = None
        self._tier = ""

    def event(self, payload: Fields) -> None:
        self._tier = service_tier(payload) or self._tier
        if payload.get("usage") is not None:
            self._last = self._dialect.whole(payload) or self._last

    def reported(self) -> Reported | None:
        last = self._last
        return None if last is None else Reported(last.usage, service_tier=self._tier)
