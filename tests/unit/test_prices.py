from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from metering.catalogue import EmptyCatalogue
from metering.model_price import LongContextTier, ModelPrice, TokenRates
from metering.prices import PriceBook, PricedModel, Rate
from metering.usage import TokenUsage

TODAY = date(2026, 6, 1)
MILLION = TokenUsage(input_uncached=1_000_000)


class Vendor:
    """A catalogue of one provider, and a count of how often it was asked."""

    def __init__(self, **usd_per_million: str) -> None:
        self._prices = {
            model: ModelPrice(TokenRates(Decimal(usd), Decimal(usd)), f"vendor:{model}")
            for model, usd in usd_per_million.items()
        }
        self.asked = 0

    def find(self, provider: str, model: str, at: date) -> ModelPrice | None:
        self.asked += 1
        return self._prices.get(model) if provider == "vendor" else None

    def context_window(self, provider: str, model: str) -> int | None:
        return None

    def knows_provider(self, provider: str) -> bool:
        return provider == "vendor"


def rate(model: str = "m", usd: str = "1", backend: str | None = None, since: date | None = None) -> Rate:
    return Rate(model, backend, Decimal(usd), Decimal(0), from_date=since)


def usd_per_million(
    book: PriceBook, model: str = "m", backend: str = "b", at: date = TODAY
) -> Decimal | None:
    price = book.price(model, backend, "vendor", model, at)
    return None if price is None else Decimal(price.cost_nanos(MILLION)) / 10**9


def test_the_rate_card_stands_above_the_catalogue() -> None:
    vendor = Vendor(m="5")
    assert usd_per_million(PriceBook([], vendor, "flag")) == 5
    assert usd_per_million(PriceBook([rate(usd="1")], vendor, "flag")) == 1


def test_the_backend_s_own_rate_comes_first_then_the_newest_in_force() -> None:
    book = PriceBook(
        [
            rate(usd="1"),
            rate(usd="2", since=date(2026, 1, 1)),
            rate(usd="3", since=date(2026, 7, 1)),
            rate(usd="9", backend="b", since=date(2026, 6, 15)),
        ],
        EmptyCatalogue(),
        "flag",
    )
    assert usd_per_million(book, at=date(2025, 12, 31)) == 1
    assert usd_per_million(book, at=date(2026, 1, 1)) == 2
    assert usd_per_million(book, at=date(2026, 6, 14)) == 2
    assert usd_per_million(book, at=date(2026, 6, 15)) == 9
    assert usd_per_million(book, at=date(2026, 7, 1)) == 9
    assert usd_per_million(book, backend="other", at=date(2026, 7, 1)) == 3


def test_a_rate_that_has_not_begun_leaves_the_catalogue_in_force() -> None:
    book = PriceBook([rate(usd="1", since=date(2026, 7, 1))], Vendor(m="5"), "flag")
    assert usd_per_million(book) == 5


def test_two_rates_for_the_same_day_are_refused() -> None:
    with pytest.raises(ValueError, match=r"two rates for model m on backend b from 2026-01-01"):
        PriceBook([rate(backend="b", since=date(2026, 1, 1))] * 2, EmptyCatalogue(), "flag")


@pytest.mark.parametrize("policy", ["refuse", "flag"])
def test_an_unknown_price_is_none_and_never_nothing(policy: str) -> None:
    book = PriceBook([rate("other")], EmptyCatalogue(), policy)  # type: ignore[arg-type]
    assert book.price("m", "b", None, "m", TODAY) is None


def test_an_engine_of_the_house_is_not_looked_up_in_the_catalogue() -> None:
    vendor = Vendor(m="5")
    assert PriceBook([], vendor, "flag").price("m", "b", None, "m", TODAY) is None
    assert vendor.asked == 0


def test_the_ceiling_is_the_dearest_of_each_class() -> None:
    cheap_input = Rate("x", None, Decimal(1), Decimal(9), cache_read=Decimal("0.1"))
    cheap_output = Rate("y", None, Decimal(3), Decimal(2), cache_read=Decimal("0.5"), per_request=Decimal(1))
    price = PriceBook([cheap_input, cheap_output], EmptyCatalogue(), "ceiling").price(
        "m", "b", None, "m", TODAY
    )
    assert price is not None
    assert price.rates == TokenRates(
        Decimal(3), Decimal(9), Decimal("0.5"), Decimal(3), Decimal(9), Decimal(3)
    )
    assert price.per_request == 1
    assert price.version.startswith("ceiling:")


def test_the_ceiling_knows_the_configured_models_of_the_catalogue() -> None:
    served = [PricedModel("dear", "b", "vendor", "dear"), PricedModel("m", "b", None, "m")]
    book = PriceBook([rate("x", "1")], Vendor(dear="7", dearer_but_not_served="99"), "ceiling", served)
    assert usd_per_million(book) == 7


def test_the_ceiling_invents_nothing() -> None:
    assert PriceBook([], EmptyCatalogue(), "ceiling").price("m", "b", None, "m", TODAY) is None


def test_a_price_is_looked_up_once_a_day() -> None:
    vendor = Vendor(m="5")
    book = PriceBook([], vendor, "flag")
    first = book.price("m", "b", "vendor", "m", TODAY)
    assert book.price("m", "b", "vendor", "m", TODAY) is first
    assert vendor.asked == 1
    book.price("unknown", "b", "vendor", "unknown", TODAY)
    book.price("unknown", "b", "vendor", "unknown", TODAY)
    assert vendor.asked == 2


def test_what_is_remembered_is_bounded() -> None:
    vendor = Vendor(m="5")
    book = PriceBook([], vendor, "flag")
    for ordinal in range(5000):
        assert book.price("m", "b", "vendor", "m", date.fromordinal(700_000 + ordinal)) is not None
    assert len(book._cache) <= 4096


def test_a_rate_s_version_names_its_date_and_tells_edits_apart() -> None:
    dated = rate(usd="1", since=date(2026, 1, 1)).price.version
    assert dated.startswith("rates:2026-01-01:")
    assert rate(usd="1").price.version.startswith("rates:undated:")
    assert rate(usd="1.0", since=date(2026, 1, 1)).price.version == dated
    assert rate(usd="2", since=date(2026, 1, 1)).price.version != dated


@pytest.mark.parametrize("field", ["input", "output", "cache_read", "cache_write", "per_request"])
@pytest.mark.parametrize("bad", ["-1", "NaN", "Infinity"])
def test_a_bad_rate_is_refused_by_name(field: str, bad: str) -> None:
    fields = {"input": Decimal(1), "output": Decimal(1), field: Decimal(bad)}
    with pytest.raises(ValueError, match=field):
        Rate("m", None, **fields)  # type: ignore[arg-type]


def test_classes_left_out_cost_what_they_are_a_kind_of() -> None:
    price = ModelPrice(TokenRates(Decimal(2), Decimal(8)), "v")
    assert price.cost_nanos(TokenUsage(1, 1, 1, 1, 1)) == 3 * 2000 + 8000


def test_a_long_context_is_a_cliff() -> None:
    dearer = LongContextTier(100, TokenRates(Decimal(4), Decimal(16)))
    price = ModelPrice(TokenRates(Decimal(2), Decimal(8)), "v", tiers=(dearer,))
    assert price.cost_nanos(TokenUsage(60, 40, 0, 1)) == 100 * 2000 + 8000
    assert price.cost_nanos(TokenUsage(60, 40, 1, 1)) == 101 * 4000 + 16000


def test_tiers_must_ascend() -> None:
    tier = LongContextTier(100, TokenRates(Decimal(4)))
    with pytest.raises(ValueError, match="ascend"):
        ModelPrice(TokenRates(Decimal(2)), "v", tiers=(tier, tier))


def test_rates_per_token_are_those_below_every_tier() -> None:
    dearer = LongContextTier(100, TokenRates(Decimal(4), Decimal(16)))
    price = ModelPrice(TokenRates(Decimal("0.0125"), Decimal(8)), "v", tiers=(dearer,))
    assert (price.input_nanos_per_token, price.output_nanos_per_token) == (12.5, 8000)
