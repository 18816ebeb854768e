"""The most that an attempt can cost under a price, compiled to a few integer products."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import lcm

from metering.model_price import ModelPrice
from metering.money import NANOS_PER_USD
from metering.prices import ceiling
from metering.token_rates import nanos_per_token

_NANOS_PER_US_AT_ONE_USD_PER_SECOND = 1000


@dataclass(frozen=True, slots=True)
class PriceBound:
    """Whole numbers of 1/scale nano-dollars; the markup as a fraction."""

    markup: int
    markup_of: int
    scale: int
    per_request: int
    per_input: int
    per_output: int
    per_us: int

    def nanos(self, input_tokens: int, output_tokens: int, duration_us: int = 0) -> int:
        """Rounded up: never less than what `ModelPrice.cost_nanos` and the markup make of such an attempt."""
        scaled = self.per_request + input_tokens * self.per_input + output_tokens * self.per_output
        if self.per_us:
            scaled += duration_us * self.per_us
        nanos = -(-scaled // self.scale)
        return nanos if self.markup == self.markup_of else -(-nanos * self.markup // self.markup_of)


def price_bound(price: ModelPrice, markup: Decimal) -> PriceBound:
    """Every input token at its dearest class, every output token likewise, at the dearest hour, context and
    service tier."""
    flat = ceiling([price])
    assert flat is not None, "a ceiling of one price is a price"
    uncached, read, write, output, reasoning, write_1h = nanos_per_token(flat.rates)
    exact = (
        Fraction(flat.per_request) * NANOS_PER_USD,
        max(uncached, read, write, write_1h),
        max(output, reasoning),
        Fraction(flat.per_second) * _NANOS_PER_US_AT_ONE_USD_PER_SECOND,
    )
    scale = lcm(*(rate.denominator for rate in exact))
    return PriceBound(*markup.as_integer_ratio(), scale, *(int(rate * scale) for rate in exact))
