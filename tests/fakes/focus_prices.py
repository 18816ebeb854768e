"""One price for everything, as the FOCUS export asks for prices."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from metering.model_price import ModelPrice


@dataclass(frozen=True, slots=True)
class FixedPrices:
    known: ModelPrice | None = None
    terms: Decimal = Decimal(1)
    gpu_usd: Fraction | None = None
    """Per GPU and second."""

    def price(self, model: str, backend: str, started_us: int, version: str) -> ModelPrice | None:
        return self.known

    def factor(self, tenant: str) -> Decimal:
        return self.terms

    def gpu_usd_per_second(self, backend: str, started_us: int) -> Fraction | None:
        return self.gpu_usd
