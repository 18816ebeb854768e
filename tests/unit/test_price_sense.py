"""Prices that are probably mistakes are questioned at their line; settings of prices reach the book."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from genai_prices.data_snapshot import get_snapshot

from gateway.cli import main
from gateway.config import GatewaySettings
from gateway.config_file import ConfigError, parse
from gateway.price_settings import rates_of
from gateway.snapshot import compile_snapshot
from metering.catalogue import EmptyCatalogue, GenaiCatalogue
from metering.price_sense import doubts
from metering.prices import PriceBook, UnknownPrice
from metering.token_rates import TokenRates
from metering.usage import TokenUsage

BACKEND = (
    "backends: {b: {kind: openai, url: 'https://b.example/v1', models: {m: gpt-5-mini, own: own}}, "
    "g: {kind: vllm, url: 'http://127.0.0.1:8000/v1', models: {local: local}, gpus: {usd_per_hour: 2}}}\n"
)
GPT_5_MINI = TokenRates(Decimal("0.25"), Decimal(2), Decimal("0.025"))
TODAY = date(2026, 11, 1)


def questions(rates: TokenRates, listed: TokenRates | None = None) -> dict[str, str]:
    return dict(doubts(rates, listed))


def test_a_price_per_token_is_questioned_with_its_value() -> None:
    asked = questions(TokenRates(Decimal("0.00000025"), Decimal("0.000002")))
    assert asked == {
        "input": "0.00000025 USD per million tokens looks like a price per token; multiply it by 1000000",
        "output": "0.000002 USD per million tokens looks like a price per token; multiply it by 1000000",
    }


def test_a_price_per_thousand_is_questioned() -> None:
    asked = questions(TokenRates(Decimal("0.00025"), Decimal("0.002"), Decimal("0.000125")))
    assert all("per 1000 tokens; multiply it by 1000" in question for question in asked.values())
    assert list(asked) == ["input", "output", "cache_read"]


def test_beside_the_catalogue_even_a_plausible_price_per_thousand_is_seen() -> None:
    dear = TokenRates(Decimal(15), Decimal(75))
    asked = questions(TokenRates(Decimal("0.015"), Decimal("0.075")), dear)
    assert asked["input"] == (
        "0.015 USD per million tokens looks like a price per 1000 tokens; multiply it by 1000; "
        "the catalogue has 15"
    )


@pytest.mark.parametrize(
    ("usd", "doubted"), [("2.5", False), ("2.6", True), ("0.025", False), ("0.02", True)]
)
def test_more_than_ten_times_off_the_catalogue_is_questioned(usd: str, doubted: bool) -> None:
    asked = questions(TokenRates(Decimal(usd), Decimal(2)), GPT_5_MINI)
    assert bool(asked) == doubted
    assert not doubted or "more than 10 times off; the catalogue has 0.25" in asked["input"]


def test_output_left_out_of_a_model_that_charges_for_it_is_questioned() -> None:
    assert questions(TokenRates(Decimal("0.25")), GPT_5_MINI) == {
        "output": "output costs nothing here; the catalogue has 2"
    }
    assert questions(TokenRates(Decimal("0.25"))) == {}


def test_no_price_that_a_vendor_lists_is_questioned() -> None:
    catalogue = GenaiCatalogue()
    for provider in get_snapshot().providers:
        for model in provider.models:
            price = catalogue.find(provider.id, model.id, TODAY)
            if price is not None:
                assert questions(price.rates, price.rates) == questions(price.rates) == {}, (provider, model)


def test_weir_check_names_file_line_and_value(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "weir.yaml"
    path.write_text(
        BACKEND + "unknown_price: flag\nrates:\n  - {model: m, input: 0.00025, output: 2}\n"
        "  - model: own\n    input: 0.3\n    output: 0.0000006\n"
    )
    assert main(["check", str(path)]) == 0
    warned = [line for line in capsys.readouterr().out.splitlines() if line.startswith("warning: ")]
    assert warned == [
        f"warning: {path}:4:16: rates[0].input: 0.00025 USD per million tokens looks like a price per "
        "1000 tokens; multiply it by 1000; the catalogue has 0.25",
        f"warning: {path}:7:5: rates[1].output: 0.0000006 USD per million tokens looks like a price per "
        "token; multiply it by 1000000",
    ]


PRICES = """
rates:
  - model: m
    input: 1
    output: 4
    cache_write: 1.25
    cache_write_1h: 2
    reasoning: 5
    per_request: 0.001
    per_second: 0.01
    over: [{input_tokens: 1000, input: 2, output: 8}]
    service: {batch: 0.5}
gpu_rates: [{backend: g, usd_per_hour: 2.10, from: 2026-01-01}]
markup: {default: 1.2, tenants: {acme: 1.1}}
discount: {tenants: {acme: 0.1}}
tenants: {acme: {}}
"""


def settings_of(text: str) -> GatewaySettings:
    return parse(BACKEND + text, {}).settings


def test_every_key_of_a_rate_reaches_its_price() -> None:
    (rate,) = rates_of(settings_of(PRICES))
    price = rate.price
    usage = TokenUsage(100, 200, 300, 400, 50, cache_write_1h=100)
    tokens = 100 * 1000 + 200 * 1000 + 200 * 1250 + 100 * 2000 + 350 * 4000 + 50 * 5000
    assert price.cost_nanos(usage, 2_000_000) == tokens + 1_000_000 + 20_000_000
    assert price.for_request(0, "batch").cost_nanos(usage, 2_000_000) == tokens // 2 + 21_000_000
    assert price.for_request(0, "batch").version == f"{price.version};tier=batch"
    assert price.for_request(0, "flex").cost_nanos(usage) == price.cost_nanos(usage)
    assert price.cost_nanos(TokenUsage(1001, output=1)) == 1001 * 2000 + 8000 + 1_000_000
    assert price.for_request(0, "batch").cost_nanos(TokenUsage(1001)) == 1001 * 1000 + 1_000_000


def test_gpu_rates_markup_and_discount_reach_the_meter() -> None:
    settings = settings_of(PRICES)
    rate = settings.gpu_price_book.find("g", TODAY)
    assert rate is not None
    assert (rate.usd_per_hour, rate.from_date) == (Decimal("2.1"), date(2026, 1, 1))
    snapshot = compile_snapshot(settings, 1, EmptyCatalogue(), TODAY)
    assert snapshot.markup("acme") == Decimal("0.99")
    assert snapshot.markup("anyone") == Decimal("1.2")


MISTAKES = {
    "rates: [{model: m, input: 1, over: [{input_tokens: 9, input: 1}, {input_tokens: 9, input: 2}]}]": (
        "over must ascend"
    ),
    "rates: [{model: m, input: 1, service: {slow: 1}}]": "must be one of",
    "discount: {default: 5}": "less than or equal to 1",
    "discount: {tenants: {nobody: 0.1}}": "no tenant is named nobody",
    "gpu_rates: [{backend: b, usd_per_hour: 1}]": "b has no gpus",
    "gpu_rates: [{backend: c, usd_per_hour: 1}]": "no backend is named c",
    "gpu_rates: [{backend: g, usd_per_hour: 1}, {backend: g, usd_per_hour: 2}]": "stands above",
}


@pytest.mark.parametrize("text", MISTAKES)
def test_mistakes_in_prices_are_told(text: str) -> None:
    with pytest.raises(ConfigError, match=MISTAKES[text]):
        parse(BACKEND + text + "\n", {})


def test_an_unknown_price_follows_its_policy_exactly() -> None:
    """refuse and flag: None, never 0. ceiling: the dearest of every class, charge, hour and service tier."""
    (rate,) = rates_of(settings_of(PRICES.replace("batch: 0.5", "priority: 3")))
    policies: tuple[UnknownPrice, ...] = ("refuse", "flag")
    for policy in policies:
        assert PriceBook([rate], EmptyCatalogue(), policy).price("x", "b", None, "x", TODAY) is None
    top = PriceBook([rate], EmptyCatalogue(), "ceiling").price("x", "b", None, "x", TODAY)
    assert top is not None
    assert top.rates == TokenRates(*map(Decimal, ("6", "24", "6", "6", "24", "6")))
    assert (top.per_request, top.per_second) == (Decimal("0.001"), Decimal("0.01"))
    assert top.cost_nanos(TokenUsage(10), 1_000_000) == 60_000 + 1_000_000 + 10_000_000
