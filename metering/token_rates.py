"""USD per million tokens of each class, and the whole numbers that they are compiled to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Context, Decimal
from fractions import Fraction

_NANOS_PER_TOKEN_AT_ONE_USD_PER_MILLION = 1000
_ZERO = Decimal(0)
_EXACT = Context(prec=400)
"""Products of two written numbers are exact in this many digits."""

CLASSES = ("input", "output", "cache_read", "cache_write", "reasoning", "cache_write_1h")

Coefficients = tuple[int, int, int, int, int, int]
"""Input, cache read, cache write, output, and what reasoning and the hour-long cache write cost beyond
output and cache write."""


@dataclass(frozen=True, slots=True)
class TokenRates:
    """USD per million tokens of each class.

    A class left out is charged as what it is a kind of: `cache_read` and `cache_write` as `input`,
    `cache_write_1h` as `cache_write`, `reasoning` as `output`. Raises ValueError, naming the field, if a rate
    is negative or not finite.
    """

    input: Decimal
    output: Decimal = _ZERO
    cache_read: Decimal | None = None
    cache_write: Decimal | None = None
    reasoning: Decimal | None = None
    cache_write_1h: Decimal | None = None

    def __post_init__(self) -> None:
        for name in CLASSES:
            check_rate(name, getattr(self, name))

    def resolved(self) -> tuple[Decimal, Decimal, Decimal, Decimal, Decimal, Decimal]:
        """(input, cache_read, cache_write, output, reasoning, cache_write_1h), every class with its rate."""
        write = self.input if self.cache_write is None else self.cache_write
        return (
            self.input,
            self.input if self.cache_read is None else self.cache_read,
            write,
            self.output,
            self.output if self.reasoning is None else self.reasoning,
            write if self.cache_write_1h is None else self.cache_write_1h,
        )

    def times(self, factor: Decimal) -> TokenRates:
        """Every rate times `factor` (0.5 is half price), exactly."""
        check_rate("factor", factor)

        def scaled(rate: Decimal) -> Decimal:
            return _EXACT.multiply(rate, factor).normalize(_EXACT)

        changes = {name: scaled(rate) for name in CLASSES if (rate := getattr(self, name)) is not None}
        return replace(self, **changes)


def check_rate(name: str, rate: Decimal | None) -> None:
    """Raises ValueError, naming the field, unless the rate is absent or finite and at least 0."""
    if rate is not None and not (rate.is_finite() and rate >= 0):
        raise ValueError(f"{name} must be a finite number of at least 0, not {rate}")


def nanos_per_token(rates: TokenRates) -> list[Fraction]:
    """Exact, in the order of `TokenRates.resolved`."""
    return [Fraction(rate) * _NANOS_PER_TOKEN_AT_ONE_USD_PER_MILLION for rate in rates.resolved()]


def compile_rates(rates: TokenRates, scale: int) -> Coefficients:
    """`scale` must make every rate whole."""
    whole = (int(rate * scale) for rate in nanos_per_token(rates))
    uncached, read, write, output, reasoning, write_1h = whole
    return uncached, read, write, output, reasoning - output, write_1h - write
