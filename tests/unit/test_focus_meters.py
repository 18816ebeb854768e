"""Sums of one price become meters whose prices explain them, and whose billed parts add up."""

from __future__ import annotations

from decimal import Decimal

import pytest

from metering.focus.meters import Metered, Sums, metered, thresholds
from metering.focus.values import plain, product
from metering.model_price import LongContextTier, ModelPrice, TokenRates
from metering.money import apply_markup
from metering.usage import TokenUsage

D = Decimal
RATES = TokenRates(D("2.5"), D(10), cache_read=D("1.25"), reasoning=D(12), cache_write_1h=D(5))
PRICE = ModelPrice(RATES, "rates:x")
USAGE = TokenUsage(1001, 203, 57, 301, 99, cache_write_1h=7)


def sums(price: ModelPrice, factor: str = "1", usage: TokenUsage = USAGE, attempts: int = 3) -> Sums:
    """That many attempts alike, each rounded by itself."""
    list_nanos = price.cost_nanos(usage, 1_500_000)
    tokens = (usage.input_uncached, usage.cache_read, usage.cache_write, usage.cache_write_1h)
    amounts = (*tokens, usage.output, usage.reasoning, 1_500_000, list_nanos)
    return Sums(attempts, *(attempts * each for each in (*amounts, apply_markup(list_nanos, D(factor)))))


def shown(found: list[Metered]) -> dict[str, tuple[str, str]]:
    return {
        f"{each.meter.name} {each.meter.cache_ttl}".strip(): (
            plain(each.priced.quantity),
            plain(each.priced.list_price),
        )
        for each in found
    }


def test_every_class_of_tokens_has_its_quantity_and_its_rate() -> None:
    found = metered(sums(PRICE), PRICE, 0, D(1))
    assert shown(found) == {
        "Input Tokens": ("3003.0", "0.0000025"),
        "Cached Input Tokens": ("609.0", "0.00000125"),
        "Cache Write Tokens": ("150.0", "0.0000025"),
        "Cache Write Tokens 1h": ("21.0", "0.000005"),
        "Output Tokens": ("606.0", "0.00001"),
        "Reasoning Tokens": ("297.0", "0.000012"),
    }
    assert {each.basis for each in found} == {"rates"}


def test_reasoning_at_the_price_of_output_is_output() -> None:
    price = ModelPrice(TokenRates(D(1), D(2)), "v")
    assert shown(metered(sums(price), price, 0, D(1)))["Output Tokens"] == ("903.0", "0.000002")


def test_what_is_billed_is_what_the_ledger_has() -> None:
    for factor in ("1", "1.1", "0.333", "0"):
        charged = sums(PRICE, factor)
        found = metered(charged, PRICE, 0, D(factor))
        assert sum(each.billed_nanos for each in found) == charged.cost_nanos
        assert {each.basis for each in found} == {"rates"}
        contracted = sum(product(each.priced.contracted_price, each.priced.quantity) for each in found)
        assert abs(contracted * 10**9 - charged.cost_nanos) <= charged.attempts


def test_requests_and_seconds_are_meters_of_their_own() -> None:
    price = ModelPrice(TokenRates(D(1), D(2)), "v", per_request=D("0.001"), per_second=D("0.01"))
    found = shown(metered(sums(price), price, 0, D(1)))
    assert found["Requests"] == ("3.0", "0.001")
    assert found["Request Time"] == ("4.5", "0.01")


def test_long_contexts_take_the_rates_of_their_tier() -> None:
    dearer = TokenRates(D(5), D(20))
    price = ModelPrice(TokenRates(D(1), D(2)), "v", tiers=(LongContextTier(1000, dearer),))
    assert thresholds([price]) == (1000,)
    found = metered(sums(price), price, 1000, D(1))
    assert shown(found)["Input Tokens"][1] == "0.000005"
    assert {each.basis for each in found} == {"rates"}


@pytest.mark.parametrize("known", [None, ModelPrice(TokenRates(D(99)), "rates:other")])
def test_rows_that_no_price_explains_any_more_have_an_average(known: ModelPrice | None) -> None:
    charged = sums(PRICE, "1.1")
    (only,) = metered(charged, known, 0, D("1.1"))
    assert (only.meter.name, only.basis, only.billed_nanos) == ("Tokens", "average", charged.cost_nanos)
    exact = product(only.priced.list_price, only.priced.quantity) * 10**9
    assert abs(exact - charged.list_nanos) < D("0.001")


def test_a_factor_that_changed_since_is_read_from_what_was_charged() -> None:
    charged = sums(PRICE, "1.1")
    found = metered(charged, PRICE, 0, D("0.5"))
    assert {each.basis for each in found} == {"average-terms"}
    assert sum(each.billed_nanos for each in found) == charged.cost_nanos
    assert found[0].priced.contracted_price == pytest.approx(D("0.00000275"), rel=D("0.001"))


def test_attempts_that_cost_nothing_and_did_nothing_are_no_row() -> None:
    assert metered(Sums(5, 0, 0, 0, 0, 0, 0, 9, 0, 0), PRICE, 0, D(1)) == []


def test_a_free_model_is_shown_with_its_tokens() -> None:
    free = ModelPrice(TokenRates(D(0)), "rates:free")
    found = metered(sums(free), free, 0, D(1))
    assert shown(found)["Input Tokens"] == ("3003.0", "0.0")
    assert {each.billed_nanos for each in found} == {0}


def test_a_cost_without_tokens_is_priced_by_the_request() -> None:
    (only,) = metered(Sums(2, 0, 0, 0, 0, 0, 0, 0, 500, 550), None, 0, D(1))
    assert (only.meter.name, plain(only.priced.quantity)) == ("Requests", "2.0")
    assert plain(only.priced.contracted_price) == "0.000000275"
