"""The parts of OpenAI's wire format that every dialect here shares: paths, and the usage object.

OpenAI counts inclusively: `prompt_tokens` contains what was read from or written to the prompt cache, and
`completion_tokens` contains the reasoning. The canonical classes are disjoint, so that each token has one
price.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from gateway.call import Api
from metering.usage import Provenance, TokenUsage

PATHS: Mapping[Api, str] = {
    Api.CHAT: "/chat/completions",
    Api.COMPLETIONS: "/completions",
    Api.EMBEDDINGS: "/embeddings",
}
_NONE: Mapping[str, Any] = {}
_PLAIN = frozenset({"prompt_tokens", "completion_tokens", "total_tokens"})
"""A usage of these alone has no details to look into."""


def section(fields: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A nested object, empty where it is missing or null. Raises ValueError where it is something else."""
    value = fields.get(name)
    if value is None:
        return _NONE
    if type(value) is not dict and not isinstance(value, Mapping):
        raise ValueError(f"{name} is {type(value).__name__}, not an object")
    return value


def tokens(fields: Mapping[str, Any], *names: str) -> int | None:
    """The first of these counts that is there and not null. Raises ValueError where it is no count."""
    for name in names:
        value = fields.get(name)
        if type(value) is int and value >= 0:
            return value
        if value is None:
            continue
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise ValueError(f"{name} is {value!r}, not a count of tokens")
        return value
    return None


def disjoint_usage(
    payload: Mapping[str, Any],
    provenance: Provenance,
    *,
    cache_read: int | None = None,
    cache_write_names: Iterable[str] = ("cache_write_tokens",),
    reasoning_beside: bool = False,
) -> TokenUsage | None:
    """The canonical classes of `payload["usage"]`, or None where there is none.

    `cache_read` stands in where the usage itself does not say what came from the prompt cache;
    `reasoning_beside` looks for `reasoning_tokens` beside `completion_tokens` too. Raises ValueError where
    the numbers do not add up.
    """
    usage = section(payload, "usage")
    prompt = tokens(usage, "prompt_tokens")
    if prompt is None:
        return None
    if cache_read is None and not reasoning_beside and len(usage) == len(_PLAIN & usage.keys()):
        return TokenUsage(
            input_uncached=prompt, output=tokens(usage, "completion_tokens") or 0, provenance=provenance
        )
    details = section(usage, "prompt_tokens_details")
    read = tokens(details, "cached_tokens")
    if read is None:
        read = cache_read or 0
    written = tokens(details, *cache_write_names) or 0
    if read + written > prompt:
        raise ValueError(f"{read} cached and {written} newly cached tokens exceed {prompt} prompt tokens")
    reasoning = tokens(section(usage, "completion_tokens_details"), "reasoning_tokens")
    if reasoning is None and reasoning_beside:
        reasoning = tokens(usage, "reasoning_tokens")
    return TokenUsage(
        input_uncached=prompt - read - written,
        cache_read=read,
        cache_write=written,
        output=tokens(usage, "completion_tokens") or 0,
        reasoning=reasoning or 0,
        provenance=provenance,
    )
