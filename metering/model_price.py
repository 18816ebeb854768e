"""What one model's tokens cost: compiled once, so that pricing an attempt is a few integer products."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from math import lcm

from metering.money import NANOS_PER_USD, divide_half_even
from metering.usage import TokenUsage

_NANOS_PER_TOKEN_AT_ONE_USD_PER_MILLION = 1000
_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class TokenRates:
    """USD per million tokens of each class.

    A class left out is charged as what it is a kind of: `cache_read` and `cache_write` as `input`,
    `reasoning` as `output`. Raises ValueError, naming the field, if a rate is negative or not finite.
    """

    input: Decimal
    output: Decimal = _ZERO
    cache_read: Decimal | None = None
    cache_write: Decimal | None = None
    reasoning: Decimal | None = None

    def __post_init__(self) -> None:
        for name in ("input", "output", "cache_read", "cache_write", "reasoning"):
            check_rate(name, getattr(self, name))

    def resolved(self) -> tuple[Decimal, Decimal, Decimal, Decimal, Decimal]:
        """(input, cache_read, cache_write, output, reasoning), every class with its rate."""
        return (
            self.input,
            self.input if self.cache_read is None else self.cache_read,
            self.input if self.cache_write is None else self.cache_write,
            self.output,
            self.output if self.reasoning is None else self.reasoning,
        )


@dataclass(frozen=True, slots=True)
class LongContextTier:
    """Rates for all tokens of an attempt whose whole input exceeds `over_input_tokens`: a cliff, no ramp."""

    over_input_tokens: int
    rates: TokenRates


_Coefficients = tuple[int, int, int, int, int]


@dataclass(frozen=True, slots=True)
class ModelPrice:
    """A known price. `version` names its source for good, so that a row can be explained years later.

    Raises ValueError if a rate is negative or not finite, or the tiers do not ascend.
    """

    rates: TokenRates
    version: str
    per_request: Decimal = _ZERO
    """USD per attempt, on top."""
    tiers: tuple[LongContextTier, ...] = ()
    """Ascending."""
    _scale: int = field(init=False, repr=False, compare=False)
    """Coefficients are whole numbers of 1/scale nano-dollars per token."""
    _per_request: int = field(init=False, repr=False, compare=False)
    _base: _Coefficients = field(init=False, repr=False, compare=False)
    _steps: tuple[tuple[int, _Coefficients], ...] = field(init=False, repr=False, compare=False)
    """Descending by threshold, so that the first match is the right one."""

    def __post_init__(self) -> None:
        check_rate("per_request", self.per_request)
        thresholds = [tier.over_input_tokens for tier in self.tiers]
        if thresholds != sorted(set(thresholds)):
            raise ValueError(f"tiers must ascend, not {thresholds}")
        scale = _common_scale(self.per_request, [self.rates, *(tier.rates for tier in self.tiers)])
        steps = tuple((tier.over_input_tokens, _compile(tier.rates, scale)) for tier in reversed(self.tiers))
        object.__setattr__(self, "_scale", scale)
        object.__setattr__(self, "_per_request", int(Fraction(self.per_request) * NANOS_PER_USD * scale))
        object.__setattr__(self, "_base", _compile(self.rates, scale))
        object.__setattr__(self, "_steps", steps)

    def cost_nanos(self, usage: TokenUsage) -> int:
        """The exact cost of one attempt, rounded once, half to even."""
        coefficients = self._base
        for over, dearer in self._steps:
            if usage.input_uncached + usage.cache_read + usage.cache_write > over:
                coefficients = dearer
                break
        uncached, read, write, output, reasoning_extra = coefficients
        scaled = (
            self._per_request
            + usage.input_uncached * uncached
            + usage.cache_read * read
            + usage.cache_write * write
            + usage.output * output
            + usage.reasoning * reasoning_extra
        )
        return scaled if self._scale == 1 else divide_half_even(scaled, self._scale)

    @property
    def input_nanos_per_token(self) -> float:
        """Uncached input below every tier. For ranking, never for billing."""
        return self._base[0] / self._scale

    @property
    def output_nanos_per_token(self) -> float:
        """For ranking, never for billing."""
        return self._base[3] / self._scale


def check_rate(name: str, rate: Decimal | None) -> None:
    """Raises ValueError, naming the field, unless the rate is absent or finite and at least 0."""
    if rate is not None and not (rate.is_finite() and rate >= 0):
        raise ValueError(f"{name} must be a finite number of at least 0, not {rate}")


def _nanos_per_token(rates: TokenRates) -> list[Fraction]:
    return [Fraction(rate) * _NANOS_PER_TOKEN_AT_ONE_USD_PER_MILLION for rate in rates.resolved()]


def _common_scale(per_request: Decimal, all_rates: Iterable[TokenRates]) -> int:
    """The smallest number that makes every coefficient whole; 1 is the usual case."""
    exact = [rate for rates in all_rates for rate in _nanos_per_token(rates)]
    return lcm(*(rate.denominator for rate in exact), (Fraction(per_request) * NANOS_PER_USD).denominator)


def _compile(rates: TokenRates, scale: int) -> _Coefficients:
    uncached, read, write, output, reasoning = (int(rate * scale) for rate in _nanos_per_token(rates))
    return uncached, read, write, output, reasoning - output
