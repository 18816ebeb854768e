"""Which price holds: the rate card above the catalogue, and a policy for what neither knows."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

from metering.catalogue import Catalogue
from metering.model_price import ModelPrice, TokenRates
from metering.rate_card import Rate, RateCard

__all__ = ["ModelPrice", "PriceBook", "PricedModel", "Rate", "UnknownPrice"]

UnknownPrice = Literal["refuse", "ceiling", "flag"]
_MAX_CACHED = 4096
"""Prices kept compiled. A configuration has tens of models and a day has one key each: days age out."""


@dataclass(frozen=True, slots=True)
class PricedModel:
    """One public model on one backend, and what the catalogue calls it."""

    model: str
    backend: str
    catalogue_provider: str | None
    upstream_model: str


class PriceBook:
    """Prices by model, backend and day; a known price is a dictionary lookup after its first use.

    `served` lists the configured models: the policy `ceiling` charges an unknown one the dearest rate,
    class by class and over all long-context tiers, of anything on the rate card or among `served`.
    Under `ceiling` a price can still be None: where nothing is known, nothing is invented.
    Raises ValueError if two rates contradict each other.
    """

    def __init__(
        self,
        rates: Iterable[Rate],
        catalogue: Catalogue,
        unknown: UnknownPrice,
        served: Sequence[PricedModel] = (),
    ) -> None:
        self.unknown = unknown
        self._card = RateCard(rates)
        self._catalogue = catalogue
        self._served = tuple(served)
        self._cache: dict[tuple[str, str, str | None, str, date], ModelPrice | None] = {}

    def price(
        self, model: str, backend: str, catalogue_provider: str | None, upstream_model: str, at: date
    ) -> ModelPrice | None:
        """The price on a UTC day. None is unknown, and the policy says what to do: refuse or flag.

        `catalogue_provider` None (an engine of the house) asks the rate card alone.
        """
        key = (model, backend, catalogue_provider, upstream_model, at)
        try:
            return self._cache[key]
        except KeyError:
            return self._remember(key)

    def known_price(
        self, model: str, backend: str, catalogue_provider: str | None, upstream_model: str, at: date
    ) -> ModelPrice | None:
        """Like `price`, but never a ceiling."""
        rate = self._card.find(model, backend, at)
        if rate is not None:
            return rate.price
        if catalogue_provider is None:
            return None
        return self._catalogue.find(catalogue_provider, upstream_model, at)

    def _remember(self, key: tuple[str, str, str | None, str, date]) -> ModelPrice | None:
        price = self.known_price(*key)
        if price is None and self.unknown == "ceiling":
            price = ceiling(self._every_known(key[-1]))
        if len(self._cache) >= _MAX_CACHED:
            self._cache.clear()
        self._cache[key] = price
        return price

    def _every_known(self, at: date) -> list[ModelPrice]:
        carded = [rate.price for rate in self._card.in_force(at)]
        listed = (
            self.known_price(one.model, one.backend, one.catalogue_provider, one.upstream_model, at)
            for one in self._served
        )
        return carded + [price for price in listed if price is not None]


def ceiling(known: Sequence[ModelPrice]) -> ModelPrice | None:
    """The dearest rate of each token class over all known prices, their tiers, hours and service tiers; None
    of none."""
    if not known:
        return None
    prices = [each for price in known for each in price.every()]
    resolved = [
        rates.resolved() for price in prices for rates in (price.rates, *(tier.rates for tier in price.tiers))
    ]
    uncached, read, write, output, reasoning, write_1h = (max(c) for c in zip(*resolved, strict=True))
    per_request = max(price.per_request for price in prices)
    per_second = max(price.per_second for price in prices)
    amounts = [uncached, read, write, output, reasoning, per_request]
    amounts += [write_1h, per_second] if per_second or write_1h != write else []
    digest = hashlib.sha256("|".join(map(_digits, amounts)).encode()).hexdigest()[:8]
    return ModelPrice(
        TokenRates(uncached, output, read, write, reasoning, write_1h),
        f"ceiling:{digest}",
        per_request=per_request,
        per_second=per_second,
    )


def _digits(rate: Decimal) -> str:
    return format(rate.normalize(), "f")
