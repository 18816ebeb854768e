"""Which price a sum of attempts was charged, as far as the configuration of today still knows it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Protocol

from metering.days import utc_day
from metering.model_price import ModelPrice, service_tier_of
from metering.prices import PriceBook, PricedModel
from metering.terms import Terms

SECONDS_PER_HOUR = 3600


class Prices(Protocol):
    def price(self, model: str, backend: str, started_us: int, version: str) -> ModelPrice | None:
        """The price of that instant, for the service tier that the version names. It may be another than the
        one that was charged: whoever uses it holds it against what was."""
        ...

    def factor(self, tenant: str) -> Decimal:
        """On list prices."""
        ...

    def gpu_usd_per_second(self, backend: str, started_us: int) -> Fraction | None: ...


@dataclass(frozen=True, slots=True)
class BookPrices:
    """Of a configuration. A model that it no longer serves is looked up on the rate card alone."""

    book: PriceBook
    terms: Terms
    models: Mapping[tuple[str, str], PricedModel]
    """By (public model, backend)."""
    gpu_usd_per_hour: Callable[[str, date], Decimal | None]
    """Per GPU, by backend and UTC day."""

    def price(self, model: str, backend: str, started_us: int, version: str) -> ModelPrice | None:
        served = self.models.get((model, backend)) or PricedModel(model, backend, None, model)
        day = utc_day(started_us)
        price = self.book.price(model, backend, served.catalogue_provider, served.upstream_model, day)
        return None if price is None else price.for_request(started_us, service_tier_of(version))

    def factor(self, tenant: str) -> Decimal:
        return self.terms.factor(tenant)

    def gpu_usd_per_second(self, backend: str, started_us: int) -> Fraction | None:
        per_hour = self.gpu_usd_per_hour(backend, utc_day(started_us))
        return None if per_hour is None else Fraction(per_hour) / SECONDS_PER_HOUR
