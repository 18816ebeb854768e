"""The public price catalogue: `genai-prices`, read as data and turned into our own prices.

A price carries those of the vendor's other service tiers (batch, flex, priority) and, where it changes with
the hour, those of every hour. Images, audio and searches are not priced.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol

from metering.model_price import LongContextTier, ModelPrice, TokenRates, in_service_tier

if TYPE_CHECKING:
    from genai_prices import types as genai

_TOKEN_CLASSES = {
    "input": "input_mtok",
    "output": "output_mtok",
    "cache_read": "cache_read_mtok",
    "cache_write": "cache_write_mtok",
    "reasoning": "output_reasoning_mtok",
    "cache_write_1h": "cache_write_1h_mtok",
}
_PER_THOUSAND_REQUESTS = "requests_kcount"
_VARIANT_KEYS = {"processing": ("batch",), "service_tier": ("flex", "priority", "fast")}
"""What a catalogue's variants are told apart by, and the values that are service tiers of ours."""


class Catalogue(Protocol):
    """List prices that vendors publish."""

    def find(self, provider: str, model: str, at: date) -> ModelPrice | None:
        """The list price of a vendor's model on a UTC day; None where the catalogue has none."""
        ...

    def context_window(self, provider: str, model: str) -> int | None:
        """Tokens the model takes in, if known."""
        ...

    def knows_provider(self, provider: str) -> bool:
        """Whether this is a provider's id at all: a typing mistake is not an unknown price."""
        ...


class EmptyCatalogue:
    """Knows nothing: every price comes from the rate card."""

    def find(self, provider: str, model: str, at: date) -> ModelPrice | None:
        return None

    def context_window(self, provider: str, model: str) -> int | None:
        return None

    def knows_provider(self, provider: str) -> bool:
        return False


class GenaiCatalogue:
    """The catalogue bundled with the installed `genai-prices`; it never fetches anything.

    Making one imports the package, which takes a quarter of a second: make it once, at start.
    """

    def __init__(self) -> None:
        from genai_prices import __version__, data_snapshot  # slow, and not everybody needs prices

        self._data = data_snapshot.get_snapshot()
        self._find_provider = data_snapshot.find_provider_by_id
        self._version = f"genai-prices:{__version__}"

    def find(self, provider: str, model: str, at: date) -> ModelPrice | None:
        found = self._find_model(provider, model)
        if found is None:
            return None
        owner, info = found
        version = f"{self._version}:{owner.id}/{info.id}"
        # A provider that resells another's model does not sell that one's service tiers.
        variants = any(info is own for own in owner.models)
        return _price_of_day(info, at, version, variants)

    def context_window(self, provider: str, model: str) -> int | None:
        found = self._find_model(provider, model)
        return None if found is None else found[1].context_window

    def knows_provider(self, provider: str) -> bool:
        return self._find_provider(self._data.providers, provider) is not None

    def _find_model(self, provider: str, model: str) -> tuple[genai.Provider, genai.ModelInfo] | None:
        try:
            owner, info = self._data.find_provider_model(model, None, provider, None)
        except LookupError:
            return None
        return owner, info


def _price_of_day(info: genai.ModelInfo, at: date, version: str, variants: bool) -> ModelPrice | None:
    """Where the price changes with the hour, the dearest stands for the day: a day's price must never
    undercharge. The others are in its `by_hour`."""
    if isinstance(info.prices, list) and not info.prices:
        return None
    seconds = _changes(info)
    if len(seconds) == 1:
        return _translate(info, _instant(at, 0), version, variants)
    hours = []
    for second in seconds:
        since = f"{second // 3600:02d}{second // 60 % 60:02d}"
        price = _translate(info, _instant(at, second), f"{version}:from-{since}", variants)
        if price is None:
            return None
        hours.append((second, price))
    dearest = max((price for _, price in hours), key=lambda price: price.rates.input + price.rates.output)
    return replace(dearest, version=f"{version}:dearest-hour", by_hour=tuple(hours))


def _changes(info: genai.ModelInfo) -> list[int]:
    """The seconds of a UTC day at which a price may change, 0 first."""
    constraints = [
        each.constraint
        for each in (*(info.prices if isinstance(info.prices, list) else ()), *(info.price_variants or ()))
    ]
    times = [t for c in constraints if hasattr(c, "start_time") for t in (c.start_time, c.end_time)]
    return sorted({0, *(_second_of_utc_day(each) for each in times)})


def _second_of_utc_day(clock: time) -> int:
    offset = clock.utcoffset() or timedelta(0)
    of_day = timedelta(hours=clock.hour, minutes=clock.minute, seconds=clock.second)
    return int((of_day - offset).total_seconds()) % 86_400


def _instant(at: date, second: int) -> datetime:
    return datetime(at.year, at.month, at.day, tzinfo=UTC) + timedelta(seconds=second)


def _translate(info: genai.ModelInfo, instant: datetime, version: str, variants: bool) -> ModelPrice | None:
    """None if the model is priced, but not by the token or request: its token price is unknown, not 0."""
    standard = _plain_price(info.get_prices(instant), version)
    if standard is None or not variants or not info.price_variants:
        return standard
    services = []
    for key, names in _VARIANT_KEYS.items():
        for name in names:
            if any(variant.when == {key: name} for variant in info.price_variants):
                own = _plain_price(info.get_prices(instant, {key: name}), in_service_tier(version, name))
                if own is not None and _differs(own, standard):
                    services.append((name, own))
    return replace(standard, by_service=tuple(services))


def _differs(own: ModelPrice, standard: ModelPrice) -> bool:
    """Not where the variant has not begun yet."""
    return replace(own, version=standard.version) != standard


def _plain_price(prices: genai.ModelPrice, version: str) -> ModelPrice | None:
    listed = {key for key, value in vars(prices).items() if value is not None}
    if listed and not listed & {*_TOKEN_CLASSES.values(), _PER_THOUSAND_REQUESTS}:
        return None
    return ModelPrice(
        rates=_rates_above(prices, 0),
        version=version,
        per_request=_plain(prices, _PER_THOUSAND_REQUESTS) / 1000,
        tiers=tuple(LongContextTier(start, _rates_above(prices, start + 1)) for start in _starts(prices)),
    )


def _rates_above(prices: genai.ModelPrice, input_tokens: int) -> TokenRates:
    """The rates in force for an attempt with that much input: each class climbs its own tiers."""
    rates = {name: _rate_at(getattr(prices, key), input_tokens) for name, key in _TOKEN_CLASSES.items()}
    return TokenRates(
        input=rates["input"] or Decimal(0),
        output=rates["output"] or Decimal(0),
        cache_read=rates["cache_read"],
        cache_write=rates["cache_write"],
        reasoning=rates["reasoning"],
        cache_write_1h=rates["cache_write_1h"],
    )


def _rate_at(price: Decimal | genai.TieredPrices | None, input_tokens: int) -> Decimal | None:
    if price is None or isinstance(price, Decimal):
        return price
    reached = [tier.price for tier in price.tiers if input_tokens > tier.start]
    return reached[-1] if reached else price.base


def _starts(prices: genai.ModelPrice) -> list[int]:
    tiered = (getattr(prices, key) for key in _TOKEN_CLASSES.values())
    return sorted({tier.start for price in tiered if hasattr(price, "tiers") for tier in price.tiers})


def _plain(prices: genai.ModelPrice, key: str) -> Decimal:
    return _rate_at(getattr(prices, key), 0) or Decimal(0)
