"""What a hit is worth: the kept usage as it was, at the prices of now; unknown where one of them is."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace
from typing import cast

import pytest

from cache.base import Entry
from cache.stores.wire import pack_entry, unpack_entry
from gateway.config import GatewaySettings
from gateway.exchange import Exchange
from gateway.hit_money import hit_money, kept_usage
from gateway.settle import Money
from gateway.snapshot import compile_snapshot
from metering.catalogue import EmptyCatalogue
from metering.event import UNPRICED
from metering.usage import Provenance, TokenUsage
from tests.fakes.events import NEW_YEAR_2026_US
from tests.fakes.kept_answers import entry

FULL = entry("hit_1")._replace(
    backend="b",
    input_tokens=1_000_000,
    output_tokens=500_000,
    cache_read_tokens=400_000,
    cache_write_tokens=100_000,
    cache_write_1h_tokens=60_000,
    reasoning_tokens=200_000,
    service_tier="flex",
    took_us=2_000_000,
)
RATES = {
    "small": {
        "input": 1,
        "cache_read": "0.1",
        "cache_write": 2,
        "cache_write_1h": 3,
        "output": 4,
        "reasoning": 5,
    },
    "large": {"input": 10, "output": 40},
}
SMALL_USD = 0.5 * 1 + 0.4 * 0.1 + 0.04 * 2 + 0.06 * 3 + 0.3 * 4 + 0.2 * 5


def asked_by(rates: dict[str, dict[str, object]], tenant: str = "acme") -> Exchange:
    """What `hit_money` reads of an exchange."""
    backend = {"kind": "openai", "url": "http://127.0.0.1:1/v1", "models": {"small": "s", "large": "l"}}
    settings = GatewaySettings.model_validate(
        {
            "backends": {"b": backend},
            "models": {"auto": {"tiers": ["small", "large"]}},
            "rates": [{"model": name, **each} for name, each in rates.items()],
            "markup": {"tenants": {"legal": "1.5"}},
            "unknown_price": "flag",
        }
    )
    day = date(2026, 1, 1)
    found = SimpleNamespace(
        snapshot=compile_snapshot(settings, 1, EmptyCatalogue(), day),
        caller=SimpleNamespace(tenant=tenant),
        journey=SimpleNamespace(started_us=NEW_YEAR_2026_US, day=day),
    )
    return cast(Exchange, found)


def money(exchange: Exchange, made: Entry = FULL, route: str = "auto") -> Money:
    return hit_money(exchange, route, made, kept_usage(made))


def nanos(usd: float) -> int:
    return round(usd * 10**9)


def test_an_entry_keeps_its_usage_through_a_shared_store() -> None:
    again = unpack_entry(pack_entry(FULL), FULL.body)
    assert again == FULL
    assert kept_usage(again) == TokenUsage(
        500_000, 400_000, 100_000, 500_000, 200_000, Provenance.COUNTED, 60_000
    )
    assert kept_usage(FULL._replace(usage_known=False)) is None


@pytest.mark.parametrize(("tenant", "factor"), [("acme", 1.0), ("legal", 1.5)])
def test_buying_it_again_costs_its_tokens_at_the_model_that_gave_it(tenant: str, factor: float) -> None:
    found = money(asked_by(RATES, tenant))
    assert (found.list_nanos, found.cost_nanos) == (0, 0)
    assert found.avoided_nanos == nanos(SMALL_USD * factor)
    assert found.baseline_nanos == nanos((1 * 10 + 0.5 * 40) * factor)
    assert found.price_version.startswith("rates:")
    direct = money(asked_by(RATES, tenant), route="")
    assert direct.avoided_nanos == direct.baseline_nanos == found.avoided_nanos


def test_service_tiers_and_prices_by_the_second_count_as_they_did() -> None:
    small = {**RATES["small"], "service": {"flex": "0.5"}, "per_second": "0.25"}
    found = money(asked_by({**RATES, "small": small}))
    assert found.avoided_nanos == nanos(SMALL_USD / 2 + 0.5)
    assert ";tier=flex" in found.price_version


@pytest.mark.parametrize(
    ("rates", "made"),
    [
        ({"large": RATES["large"]}, FULL),
        (RATES, FULL._replace(served_model="gone")),
        (RATES, FULL._replace(usage_known=False)),
    ],
    ids=["no price", "a model that is gone", "nobody reported its usage"],
)
def test_what_is_not_known_is_none_and_named(rates: dict[str, dict[str, object]], made: Entry) -> None:
    found = money(asked_by(rates), made)
    assert (found.price_version, found.avoided_nanos, found.cost_nanos) == (UNPRICED, None, 0)
    assert (found.baseline_nanos is None) == (not made.usage_known)
