"""What one model's tokens cost: compiled once, so that pricing an attempt is a few integer products."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from math import lcm

from metering.money import NANOS_PER_USD, divide_half_even
from metering.token_rates import Coefficients, TokenRates, check_rate, compile_rates, nanos_per_token
from metering.usage import TokenUsage

__all__ = ["STANDARD_SERVICE", "LongContextTier", "ModelPrice", "TokenRates", "check_rate"]

STANDARD_SERVICE = frozenset({"", "default", "standard", "auto", "on_demand"})
"""What vendors call their ordinary service tier; `batch`, `flex` and `priority` are others."""

_TIER_MARK = ";tier="
_ZERO = Decimal(0)
_NANOS_PER_US_AT_ONE_USD_PER_SECOND = 1000
_US_PER_SECOND = 1_000_000
_SECONDS_PER_DAY = 86_400


@dataclass(frozen=True, slots=True)
class LongContextTier:
    """Rates for all tokens of an attempt whose whole input exceeds `over_input_tokens`: a cliff, no ramp."""

    over_input_tokens: int
    rates: TokenRates


@dataclass(frozen=True, slots=True)
class ModelPrice:
    """A known price. `version` names its source for good, so that a row can be explained years later.

    Where the price changes with the hour, the price itself is the day's dearest, and `for_request` gives
    the one in force. Raises ValueError if a rate is negative or not finite, or the tiers do not ascend.
    """

    rates: TokenRates
    version: str
    per_request: Decimal = _ZERO
    """USD per attempt, on top."""
    tiers: tuple[LongContextTier, ...] = ()
    """Ascending."""
    per_second: Decimal = _ZERO
    """USD per second of the attempt's duration, on top."""
    by_hour: tuple[tuple[int, ModelPrice], ...] = ()
    """(second of the UTC day from which it holds, price), ascending from 0. Empty: hours do not matter."""
    by_service: tuple[tuple[str, ModelPrice], ...] = ()
    """(service tier, price) where another tier than the standard one has its own: batch, flex, priority."""
    _scale: int = field(init=False, repr=False, compare=False)
    """Coefficients are whole numbers of 1/scale nano-dollars per token."""
    _per_request: int = field(init=False, repr=False, compare=False)
    _per_us: int = field(init=False, repr=False, compare=False)
    _base: Coefficients = field(init=False, repr=False, compare=False)
    _steps: tuple[tuple[int, Coefficients], ...] = field(init=False, repr=False, compare=False)
    """Descending by threshold, so that the first match is the right one."""

    def __post_init__(self) -> None:
        check_rate("per_request", self.per_request)
        check_rate("per_second", self.per_second)
        _check_ascending([tier.over_input_tokens for tier in self.tiers], "tiers")
        if self.by_hour:
            _check_ascending([-1, *(start for start, _ in self.by_hour)], "hours")
            if self.by_hour[0][0] != 0:
                raise ValueError("hours must begin with the day")
        scale = self._common_scale()
        steps = tuple((t.over_input_tokens, compile_rates(t.rates, scale)) for t in reversed(self.tiers))
        object.__setattr__(self, "_scale", scale)
        object.__setattr__(self, "_per_request", int(self._exact_per_request() * scale))
        object.__setattr__(self, "_per_us", int(self._exact_per_us() * scale))
        object.__setattr__(self, "_base", compile_rates(self.rates, scale))
        object.__setattr__(self, "_steps", steps)

    def cost_nanos(self, usage: TokenUsage, duration_us: int = 0) -> int:
        """The exact cost of one attempt, rounded once, half to even."""
        coefficients = self._base
        for over, dearer in self._steps:
            if usage.input_uncached + usage.cache_read + usage.cache_write > over:
                coefficients = dearer
                break
        uncached, read, write, output, reasoning_extra, write_1h_extra = coefficients
        scaled = (
            self._per_request
            + usage.input_uncached * uncached
            + usage.cache_read * read
            + usage.cache_write * write
            + usage.output * output
            + usage.reasoning * reasoning_extra
        )
        if usage.cache_write_1h:
            scaled += usage.cache_write_1h * write_1h_extra
        if self._per_us:
            scaled += duration_us * self._per_us
        return scaled if self._scale == 1 else divide_half_even(scaled, self._scale)

    def for_request(self, started_us: int, service_tier: str = "") -> ModelPrice:
        """The price in force at this instant (UTC microseconds) for this service tier.

        A tier that has no price of its own costs the standard rates, and the version says so: no tier is
        taken on its name alone to be cheaper.
        """
        price = self
        if self.by_hour:
            second = started_us // _US_PER_SECOND % _SECONDS_PER_DAY
            price = next(each for start, each in reversed(self.by_hour) if start <= second)
        if service_tier in STANDARD_SERVICE:
            return price
        for name, own in price.by_service:
            if name == service_tier:
                return own
        return replace(price, version=f"{in_service_tier(price.version, service_tier)}:standard-rates")

    def every(self) -> Iterator[ModelPrice]:
        """This price and all that stand for it at some hour or in some service tier."""
        yield self
        for _, price in (*self.by_hour, *self.by_service):
            yield from price.every()

    @property
    def input_nanos_per_token(self) -> float:
        """Uncached input below every tier. For ranking, never for billing."""
        return self._base[0] / self._scale

    @property
    def cached_nanos_per_token(self) -> float:
        """Input from a prefix cache. For ranking, never for billing."""
        return self._base[1] / self._scale

    @property
    def output_nanos_per_token(self) -> float:
        """For ranking, never for billing."""
        return self._base[3] / self._scale

    def _exact_per_request(self) -> Fraction:
        return Fraction(self.per_request) * NANOS_PER_USD

    def _exact_per_us(self) -> Fraction:
        return Fraction(self.per_second) * _NANOS_PER_US_AT_ONE_USD_PER_SECOND

    def _common_scale(self) -> int:
        """The smallest number that makes every coefficient whole; 1 is the usual case."""
        all_rates = (self.rates, *(tier.rates for tier in self.tiers))
        exact = [rate for rates in all_rates for rate in nanos_per_token(rates)]
        exact += (self._exact_per_request(), self._exact_per_us())
        return lcm(*(rate.denominator for rate in exact))


def service_tier_of(version: str) -> str:
    """The service tier that a row's price version names; '' for the standard one."""
    return version.partition(_TIER_MARK)[2].partition(":")[0]


def in_service_tier(version: str, tier: str) -> str:
    """The version of a price for another service tier than the standard one."""
    return f"{version}{_TIER_MARK}{tier}"


def _check_ascending(numbers: Iterable[int], what: str) -> None:
    listed = list(numbers)
    if listed != sorted(set(listed)):
        raise ValueError(f"{what} must ascend, not {listed}")
