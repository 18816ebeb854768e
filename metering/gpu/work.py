"""What one attempt asked of an engine, and how much of its time such work takes when nothing else runs."""

from __future__ import annotations

from dataclasses import dataclass

_HALF_KILOTOKENS = 2_000
"""Context enters as a mean of two ends, so twice its tokens over two thousand."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One upstream attempt on a local engine. Times are UTC nanoseconds on the clock of `process`.

    Tokens are None where nobody knows them; that is not 0, which says that no such work was done.
    An attempt that still runs may be given as far as it came; a later version replaces it (`revision`).
    Raises ValueError for negative tokens or durations.
    """

    event_id: str
    backend: str
    tenant: str
    cost_center: str
    project: str
    key: str
    model: str
    process: str
    dispatch_ns: int
    first_token_ns: int | None
    """None for an answer that came whole, or none at all."""
    last_token_ns: int
    """When the last piece came, or when the attempt was given up."""
    prefill_tokens: int | None
    """Input that the engine had to compute: what its prefix cache held is not in it."""
    decode_tokens: int | None
    context_tokens: int = 0
    """The whole input, cached and computed."""
    prefill_us: int | None = None
    """The engine's own measure of prompt processing, None if unsaid."""
    decode_us: int | None = None
    aborted: bool = False
    revision: int = 0
    """Of several versions of one event, the highest counts."""

    def __post_init__(self) -> None:
        for name in ("prefill_tokens", "decode_tokens", "context_tokens", "prefill_us", "decode_us"):
            value = getattr(self, name)
            if value is not None and value < 0:
                raise ValueError(f"{name} of attempt {self.event_id} must not be negative, not {value}")


@dataclass(frozen=True, slots=True)
class Weights:
    """Nanoseconds of one backend per token, whole numbers so that attribution is exact integer arithmetic.

    The `kilocontext` weights are per token and thousand tokens of context that it attends to.
    Raises ValueError for a negative weight, or a token that would weigh nothing.
    """

    prefill_ns_per_token: int
    decode_ns_per_token: int
    prefill_ns_per_kilocontext: int
    decode_ns_per_kilocontext: int
    method: str
    """Where they come from: `default`, `fitted:n=123`, `scaled:n=123` (see `metering.gpu.fit`)."""

    def __post_init__(self) -> None:
        if min(self.prefill_ns_per_token, self.decode_ns_per_token) < 1:
            raise ValueError("a token must weigh at least one nanosecond")
        if min(self.prefill_ns_per_kilocontext, self.decode_ns_per_kilocontext) < 0:
            raise ValueError("the weight of context must not be negative")


DEFAULT_WEIGHTS = Weights(100_000, 400_000, 10_000, 100_000, "default")
"""A starting point, not a measurement; only its ratios matter to a split. A generated token costs four
computed input tokens (published token splits use 2 to 4 at full batches), a thousand tokens of context a
quarter of a generated token more."""


def prefill_work_ns(attempt: Attempt, weights: Weights) -> int | None:
    """Engine time for the computed input, run alone; None if its tokens are unknown.

    n tokens at the end of a context of C attend to C - n/2 tokens each, on average.
    """
    tokens = attempt.prefill_tokens
    if tokens is None:
        return None
    double_context = 2 * max(attempt.context_tokens, tokens) - tokens
    attention = tokens * double_context * weights.prefill_ns_per_kilocontext // _HALF_KILOTOKENS
    return tokens * weights.prefill_ns_per_token + attention


def decode_work_ns(attempt: Attempt, weights: Weights) -> int | None:
    """Engine time for the generated tokens, run alone; None if they are unknown.

    d tokens generated after an input of C attend to C + d/2 tokens each, on average.
    """
    tokens = attempt.decode_tokens
    if tokens is None:
        return None
    double_context = 2 * attempt.context_tokens + tokens
    attention = tokens * double_context * weights.decode_ns_per_kilocontext // _HALF_KILOTOKENS
    return tokens * weights.decode_ns_per_token + attention
