"""The canonical token usage: disjoint classes, and who says so."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Provenance(StrEnum):
    VENDOR = "vendor"
    """Reported by a paid API."""
    ENGINE = "engine"
    """Reported by an inference engine of the house."""
    COUNTED = "counted"
    """Counted by a tokenizer (the engine's own, or tiktoken) from the text that passed."""
    ESTIMATED = "estimated"
    """Derived from sizes: nobody counted."""


@dataclass(slots=True, unsafe_hash=True)
class TokenUsage:
    """Tokens of one attempt. `input_uncached + cache_read + cache_write` is all input, each token in
    exactly one class; `reasoning` is a subset of `output`, and `cache_write_1h` (kept for an hour, where a
    vendor charges that differently) of `cache_write`.

    Raises ValueError if a class is negative or a subset exceeds its whole: a usage that does not add up
    must never reach a price. Not frozen, only never changed, as Event is.
    """

    input_uncached: int = 0
    cache_read: int = 0
    cache_write: int = 0
    output: int = 0
    reasoning: int = 0
    provenance: Provenance = Provenance.ESTIMATED
    cache_write_1h: int = 0

    def __post_init__(self) -> None:
        if self.input_uncached < 0 or self.cache_read < 0 or self.cache_write < 0 or self.reasoning < 0:
            raise ValueError(f"negative token count in {self!r}")
        if self.reasoning > self.output:  # so output is not negative either
            raise ValueError(f"reasoning exceeds output in {self!r}")
        if self.cache_write_1h and not 0 < self.cache_write_1h <= self.cache_write:
            raise ValueError(f"cache_write_1h is no part of cache_write in {self!r}")

    @property
    def input_total(self) -> int:
        return self.input_uncached + self.cache_read + self.cache_write

    @property
    def total(self) -> int:
        return self.input_total + self.output
