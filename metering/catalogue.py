"""The public price catalogue: `genai-prices`, read as data and turned into our own prices.

Standard processing only: a vendor's flex, priority and batch tiers have prices of their own, which
the catalogue knows and this version does not ask for. Images, audio and searches are not priced.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol

from metering.model_price import LongContextTier, ModelPrice, TokenRates

if TYPE_CHECKING:
    from genai_prices import types as genai

_TOKEN_CLASSES = {
    "input": "input_mtok",
    "output": "output_mtok",
    "cache_read": "cache_read_mtok",
    "cache_write": "cache_write_mtok",
    "reasoning": "output_reasoning_mtok",
}
_PER_THOUSAND_REQUESTS = "requests_kcount"
_HALF_HOURS = tuple(timedelta(minutes=minutes) for minutes in range(0, 24 * 60, 30))


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
        prices, varies = _prices_of_day(info, at)
        if prices is None:
            return None
        return _translate(prices, f"{self._version}:{owner}/{info.id}{':dearest-hour' if varies else ''}")

    def context_window(self, provider: str, model: str) -> int | None:
        found = self._find_model(provider, model)
        return None if found is None else found[1].context_window

    def knows_provider(self, provider: str) -> bool:
        return self._find_provider(self._data.providers, provider) is not None

    def _find_model(self, provider: str, model: str) -> tuple[str, genai.ModelInfo] | None:
        try:
            owner, info = self._data.find_provider_model(model, None, provider, None)
        except LookupError:
            return None
        return owner.id, info


def _prices_of_day(info: genai.ModelInfo, at: date) -> tuple[genai.ModelPrice | None, bool]:
    """(the prices in force, whether they change with the hour).

    Where they do, the dearest hour stands for the day: a day's price must never undercharge.
    """
    if isinstance(info.prices, list) and not info.prices:
        return None, False
    midnight = datetime(at.year, at.month, at.day, tzinfo=UTC)
    in_force = [info.get_prices(midnight + offset) for offset in _HALF_HOURS]
    if all(prices is in_force[0] for prices in in_force):
        return in_force[0], False
    return max(in_force, key=lambda prices: _base(prices, "input") + _base(prices, "output")), True


def _translate(prices: genai.ModelPrice, version: str) -> ModelPrice | None:
    """None if the model is priced, but not by the token or request: its token price is unknown, not 0."""
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
    )


def _rate_at(price: Decimal | genai.TieredPrices | None, input_tokens: int) -> Decimal | None:
    if price is None or isinstance(price, Decimal):
        return price
    reached = [tier.price for tier in price.tiers if input_tokens > tier.start]
    return reached[-1] if reached else price.base


def _starts(prices: genai.ModelPrice) -> list[int]:
    tiered = (getattr(prices, key) for key in _TOKEN_CLASSES.values())
    return sorted({tier.start for price in tiered if hasattr(price, "tiers") for tier in price.tiers})


def _base(prices: genai.ModelPrice, token_class: str) -> Decimal:
    return _plain(prices, _TOKEN_CLASSES[token_class])


def _plain(prices: genai.ModelPrice, key: str) -> Decimal:
    return _rate_at(getattr(prices, key), 0) or Decimal(0)
