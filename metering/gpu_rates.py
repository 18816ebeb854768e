"""What an hour of a backend's GPUs costs: dated rows, so that a period is priced by what held in it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

from metering.money import NANOS_PER_USD, divide_half_even
from metering.token_rates import check_rate

NS_PER_HOUR = 3_600_000_000_000
_VERSION_START = "gpu:"


@dataclass(frozen=True, slots=True)
class GpuRate:
    """USD per GPU and hour on one backend. Raises ValueError if that is negative or not finite."""

    backend: str
    usd_per_hour: Decimal
    from_date: date | None = None
    """First UTC day it holds; None since ever."""

    def __post_init__(self) -> None:
        check_rate("usd_per_hour", self.usd_per_hour)

    @property
    def version(self) -> str:
        """Names the row for good: `gpu:gpu1:2026-01-01:` and a digest of the rate."""
        digits = format(self.usd_per_hour.normalize(), "f")
        since = "undated" if self.from_date is None else self.from_date.isoformat()
        return f"{_VERSION_START}{self.backend}:{since}:{hashlib.sha256(digits.encode()).hexdigest()[:8]}"

    def exact_nanos(self, gpu_ns: int) -> Fraction:
        """Nano-dollars of that many GPU nanoseconds, not yet rounded: for splitting a window."""
        return Fraction(self.usd_per_hour) * NANOS_PER_USD * gpu_ns / NS_PER_HOUR

    def cost_nanos(self, gpu_ns: int) -> int:
        """Rounded once, half to even."""
        exact = self.exact_nanos(gpu_ns)
        return divide_half_even(exact.numerator, exact.denominator)


class GpuRates:
    """Raises ValueError if two rows hold for one backend from the same day."""

    def __init__(self, rates: Iterable[GpuRate]) -> None:
        self._rows: dict[str, list[GpuRate]] = {}
        for rate in sorted(rates, key=_start):
            rows = self._rows.setdefault(rate.backend, [])
            if rows and rows[-1].from_date == rate.from_date:
                raise ValueError(f"two GPU rates for backend {rate.backend} from the same day")
            rows.append(rate)

    def find(self, backend: str, at: date) -> GpuRate | None:
        """The newest row in force on that UTC day; None where GPU time has no price, which is not 0."""
        in_force = [rate for rate in self._rows.get(backend, ()) if _start(rate) <= at]
        return in_force[-1] if in_force else None


def paid_by_gpu_time(price_version: str) -> bool:
    """Whether a row's price is one of GPU time, not of tokens."""
    return price_version.startswith(_VERSION_START)


def _start(rate: GpuRate) -> date:
    return rate.from_date or date.min
