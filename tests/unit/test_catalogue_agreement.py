"""genai-prices and our book agree to the nano-dollar: every class, hour, service tier and cliff."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest
from genai_prices import Usage, calc_price
from genai_prices.data_snapshot import get_snapshot

from metering.catalogue import GenaiCatalogue
from metering.days import utc_day
from metering.money import usd_to_nanos
from metering.usage import TokenUsage

SERVICES = {"": {}, "batch": {"processing": "batch"}, "flex": {"service_tier": "flex"}}
SERVICES |= {"priority": {"service_tier": "priority"}, "fast": {"service_tier": "fast"}}
VENDORS = ("openai", "anthropic", "google", "deepseek", "mistral", "groq", "x-ai", "perplexity")


@pytest.fixture(scope="module")
def catalogue() -> GenaiCatalogue:
    return GenaiCatalogue()


def theirs(provider: str, model: str, usage: TokenUsage, at: datetime, service: str = "") -> int:
    reported = Usage(
        input_tokens=usage.input_total,
        cache_read_tokens=usage.cache_read,
        cache_write_tokens=usage.cache_write,
        cache_write_1h_tokens=usage.cache_write_1h,
        output_tokens=usage.output,
        output_reasoning_tokens=usage.reasoning,
    )
    price = calc_price(
        reported,
        model,
        provider_id=provider,
        genai_request_timestamp=at,
        price_context=SERVICES[service] or None,
    )
    return usd_to_nanos(price.total_price)


def ours(
    catalogue: GenaiCatalogue, provider: str, model: str, usage: TokenUsage, at: datetime, service: str = ""
) -> int:
    at_us = int(at.timestamp()) * 1_000_000
    price = catalogue.find(provider, model, utc_day(at_us))
    assert price is not None
    return price.for_request(at_us, service).cost_nanos(usage)


def random_usage(chance: random.Random) -> TokenUsage:
    def tokens() -> int:
        return chance.randrange(10 ** chance.randint(1, 6))

    written, output = tokens(), tokens()
    return TokenUsage(
        tokens(),
        tokens(),
        written,
        output,
        chance.randint(0, output),
        cache_write_1h=chance.randint(0, written),
    )


def priced_models(catalogue: GenaiCatalogue) -> list[tuple[str, str]]:
    """Those of the large vendors first, then the rest, in an order that does not change."""
    at = datetime(2026, 11, 1, tzinfo=UTC).date()
    every = [
        (provider.id, model.id)
        for provider in sorted(get_snapshot().providers, key=lambda p: p.id not in VENDORS)
        for model in provider.models
    ]
    return [
        (provider, model)
        for provider, model in every
        if (price := catalogue.find(provider, model, at)) is not None and price.rates.input > 0
    ]


def test_a_thousand_random_usages_over_fifty_models_agree_to_the_nano_dollar(
    catalogue: GenaiCatalogue,
) -> None:
    chance = random.Random(20261101)
    models = chance.sample(priced_models(catalogue), 50)
    assert len(set(models)) == 50
    began = datetime(2026, 6, 1, tzinfo=UTC)
    for number in range(1000):
        provider, model = models[number % 50]
        usage, at = random_usage(chance), began + timedelta(seconds=chance.randrange(180 * 86_400))
        told = (provider, model, at, usage)
        assert ours(catalogue, provider, model, usage, at) == theirs(provider, model, usage, at), told


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_tier_of_the_large_vendors_agrees(catalogue: GenaiCatalogue, service: str) -> None:
    chance, at = random.Random(7), datetime(2026, 11, 20, 3, tzinfo=UTC)
    seen = 0
    for provider, model in priced_models(catalogue):
        if provider not in VENDORS:
            continue
        price = catalogue.find(provider, model, at.date())
        assert price is not None
        seen += any(name == service for name, _ in price.by_service)
        usage = random_usage(chance)
        assert ours(catalogue, provider, model, usage, at, service) == theirs(
            provider, model, usage, at, service
        ), (provider, model, usage)
    assert not service or seen >= 10


def test_prices_of_deepseek_follow_the_clock(catalogue: GenaiCatalogue) -> None:
    """Off-peak hours have prices of their own, to the second at which they begin and end."""
    usage, seen = TokenUsage(1_000_000, 20_000, 0, 300_000), set()
    for model in ("deepseek-chat", "deepseek-reasoner", "deepseek-v4-pro"):
        for minute in range(0, 1440, 30):
            for off in (-1, 0, 1):
                at = datetime(2026, 11, 1, 12, tzinfo=UTC) + timedelta(minutes=minute, seconds=off)
                cost = ours(catalogue, "deepseek", model, usage, at)
                assert cost == theirs("deepseek", model, usage, at), (model, at)
                seen.add((model, cost))
    assert len(seen) > 3


def test_the_version_names_the_hour_and_the_service_tier(catalogue: GenaiCatalogue) -> None:
    day = datetime(2026, 11, 20, tzinfo=UTC)
    at_us = int(day.timestamp()) * 1_000_000
    chat = catalogue.find("deepseek", "deepseek-chat", day.date())
    mini = catalogue.find("openai", "gpt-5-mini", day.date())
    assert chat is not None
    assert mini is not None
    assert chat.version.endswith(":dearest-hour")
    assert chat.for_request(at_us).version.endswith(":from-0000")
    assert mini.for_request(at_us).version == mini.version
    assert mini.for_request(at_us, "default") is mini
    assert mini.for_request(at_us, "batch").version == f"{mini.version};tier=batch"
    assert mini.for_request(at_us, "scale").version == f"{mini.version};tier=scale:standard-rates"


def test_an_hour_long_cache_write_has_its_own_price(catalogue: GenaiCatalogue) -> None:
    at = datetime(2026, 11, 20, tzinfo=UTC)
    short = TokenUsage(0, 0, 1_000_000)
    long = TokenUsage(0, 0, 1_000_000, cache_write_1h=1_000_000)
    assert ours(catalogue, "anthropic", "claude-opus-4-5", long, at) > ours(
        catalogue, "anthropic", "claude-opus-4-5", short, at
    )
    for usage in (short, long):
        assert ours(catalogue, "anthropic", "claude-opus-4-5", usage, at) == theirs(
            "anthropic", "claude-opus-4-5", usage, at
        )
