"""Golden: whatever genai-prices itself would charge for these usages, we charge to the nano-dollar."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from genai_prices import Usage, calc_price
from genai_prices.data_snapshot import get_snapshot

from metering.catalogue import GenaiCatalogue
from metering.money import usd_to_nanos
from metering.usage import TokenUsage

DAY = date(2026, 11, 1)
USAGES = [
    TokenUsage(),
    TokenUsage(1, 0, 0, 1),
    TokenUsage(1234, 4321, 0, 987, 321),
    TokenUsage(90_001, 777, 55_555, 4096, 4000),
    TokenUsage(199_000, 1000, 0, 10),
    TokenUsage(199_000, 1000, 1, 10),
    TokenUsage(1_000_000, 1_000_000, 1_000_000, 100_000, 50_000),
]


@pytest.fixture(scope="module")
def catalogue() -> GenaiCatalogue:
    return GenaiCatalogue()


def theirs(provider: str, model: str, usage: TokenUsage, at: date) -> int:
    """Their classes nest where ours are disjoint."""
    reported = Usage(
        input_tokens=usage.input_total,
        cache_read_tokens=usage.cache_read,
        cache_write_tokens=usage.cache_write,
        output_tokens=usage.output,
        output_reasoning_tokens=usage.reasoning,
    )
    noon = datetime(at.year, at.month, at.day, 12, tzinfo=UTC)
    price = calc_price(reported, model, provider_id=provider, genai_request_timestamp=noon)
    return usd_to_nanos(price.total_price)


@pytest.mark.parametrize("usage", USAGES, ids=str)
@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("openai", "gpt-5-mini"),
        ("openai", "gpt-5-mini-2025-08-07"),
        ("openai", "gpt-4o"),
        ("openai", "o3"),
        ("openai", "text-embedding-3-small"),
        ("anthropic", "claude-sonnet-4-5"),
        ("anthropic", "claude-3-5-haiku-latest"),
        ("google", "gemini-2.5-pro"),
        ("azure", "gpt-4o"),
        ("perplexity", "sonar-deep-research"),
        ("perplexity", "sonar-pro"),
    ],
)
def test_costs_are_the_catalogue_s_own(
    catalogue: GenaiCatalogue, provider: str, model: str, usage: TokenUsage
) -> None:
    price = catalogue.find(provider, model, DAY)
    assert price is not None
    assert price.cost_nanos(usage) == theirs(provider, model, usage, DAY)


def test_the_golden_models_include_tiers_cached_tokens_reasoning_and_requests(
    catalogue: GenaiCatalogue,
) -> None:
    sonnet = catalogue.find("anthropic", "claude-sonnet-4-5", DAY)
    assert sonnet is not None
    assert [tier.over_input_tokens for tier in sonnet.tiers] == [200_000]
    assert sonnet.rates.cache_read is not None
    assert sonnet.rates.cache_write is not None
    deep = catalogue.find("perplexity", "sonar-deep-research", DAY)
    assert deep is not None
    assert deep.rates.reasoning is not None
    pro = catalogue.find("perplexity", "sonar-pro", DAY)
    assert pro is not None
    assert pro.per_request > 0


def test_a_price_depends_on_its_day(catalogue: GenaiCatalogue) -> None:
    usage = TokenUsage(1_000_000)
    before, after = date(2025, 6, 9), date(2025, 6, 10)
    old, new = catalogue.find("openai", "o3", before), catalogue.find("openai", "o3", after)
    assert old is not None
    assert new is not None
    assert old.cost_nanos(usage) == theirs("openai", "o3", usage, before) == 10 * 10**9
    assert new.cost_nanos(usage) == theirs("openai", "o3", usage, after) == 2 * 10**9


def test_the_version_names_release_provider_and_model(catalogue: GenaiCatalogue) -> None:
    price = catalogue.find("openai", "gpt-5-mini", DAY)
    assert price is not None
    source, release, name = price.version.split(":")
    assert (source, name) == ("genai-prices", "openai/gpt-5-mini")
    assert release.count(".") == 2


def test_a_price_that_changes_by_the_hour_is_taken_at_its_dearest(catalogue: GenaiCatalogue) -> None:
    price = catalogue.find("deepseek", "deepseek-chat", DAY)
    assert price is not None
    assert price.version.endswith(":dearest-hour")
    hours = [datetime(DAY.year, DAY.month, DAY.day, hour, tzinfo=UTC) for hour in range(24)]
    usage = Usage(input_tokens=1_000_000, output_tokens=1_000_000)
    prices = {
        calc_price(usage, "deepseek-chat", provider_id="deepseek", genai_request_timestamp=at).total_price
        for at in hours
    }
    assert len(prices) > 1
    assert price.cost_nanos(TokenUsage(1_000_000, 0, 0, 1_000_000)) == usd_to_nanos(max(prices))


def test_what_the_catalogue_lists_as_free_is_known_to_cost_nothing(catalogue: GenaiCatalogue) -> None:
    price = catalogue.find("openai", "omni-moderation-latest", DAY)
    assert price is not None
    assert price.cost_nanos(TokenUsage(10_000, 0, 0, 10)) == 0


@pytest.mark.parametrize(
    ("provider", "model"), [("openai", "no-such-model"), ("no-such-vendor", "gpt-5"), ("openai", "")]
)
def test_what_it_does_not_list_is_unknown(catalogue: GenaiCatalogue, provider: str, model: str) -> None:
    assert catalogue.find(provider, model, DAY) is None
    assert catalogue.context_window(provider, model) is None


def test_a_model_priced_by_the_hour_of_audio_has_no_token_price(catalogue: GenaiCatalogue) -> None:
    assert catalogue.find("groq", "whisper-large-v3", DAY) is None


def test_context_windows_and_providers(catalogue: GenaiCatalogue) -> None:
    assert catalogue.context_window("openai", "gpt-5-mini") == 400_000
    assert catalogue.knows_provider("anthropic")
    assert not catalogue.knows_provider("antropic-typo-nobody-has")


def test_every_listed_model_translates(catalogue: GenaiCatalogue) -> None:
    """No entry, however odd, may break a start; and none has a negative or inexact price."""
    known = 0
    for provider in get_snapshot().providers:
        for model in provider.models:
            price = catalogue.find(provider.id, model.id, DAY)
            if price is not None:
                known += 1
                assert price.cost_nanos(TokenUsage(10, 10, 10, 10, 5)) >= 0
                assert price.rates.input >= Decimal(0)
    assert known > 1000
