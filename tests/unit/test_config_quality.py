"""Cascades and comparisons in the configuration file: mistakes, and what they mean in words."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import orjson
import pytest

from gateway.config_file import ConfigError, LoadedConfig, parse
from gateway.describe import describe, in_words
from gateway.quality.discounts import cache_discounts
from gateway.snapshot import Snapshot, compile_snapshot
from metering.catalogue import GenaiCatalogue

TODAY = date(2026, 1, 1)


def loaded(
    shadow: dict[str, Any] | None = None, rates: list[dict[str, Any]] | None = None, **route: Any
) -> LoadedConfig:
    """Two tiers and a judge beside them. `rates` come after the plain ones."""
    models = {name: name for name in ("small", "large", "judge")}
    file: dict[str, Any] = {
        "backends": {"b": {"kind": "vllm", "url": "http://b:1/v1", "models": models}},
        "models": {"auto": {"tiers": ["small", "large"], **route}},
        "rates": [{"model": name, "input": 1} for name in models] + (rates or []),
        "tenants": {"acme": {}},
        "quality": {} if shadow is None else {"shadow": shadow},
    }
    return parse(orjson.dumps(file).decode(), {})


def snapshot(shadow: dict[str, Any] | None = None, **route: Any) -> Snapshot:
    return compile_snapshot(loaded(shadow, **route).settings, 1, GenaiCatalogue(), TODAY)


@pytest.mark.parametrize(
    ("shadow", "route", "said"),
    [
        (None, {"tiers": ["small"], "cascade": {}}, "a cascade needs a second tier"),
        (None, {"cascade": {"mean_logprob": 0.5}}, "less than or equal to 0"),
        ({"usd_per_day": 1}, {}, "give judge, exact, or both"),
        ({"judge": "judge"}, {}, "usd_per_day"),
        ({"judge": "jugde", "usd_per_day": 1}, {}, 'did you mean "judge"'),
        ({"judge": "auto", "usd_per_day": 1}, {}, "auto is a virtual model"),
        ({"exact": ["text", "text"], "usd_per_day": 1}, {}, "names a check twice"),
        ({"exact": ["text"], "usd_per_day": 1, "routes": ["aut"]}, {}, "no virtual model is named aut"),
        ({"exact": ["text"], "usd_per_day": 1, "share": 2}, {}, "less than or equal to 1"),
    ],
)
def test_mistakes(shadow: dict[str, Any] | None, route: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as wrong:
        loaded(shadow, **route)
    assert any(said in str(problem) for problem in wrong.value.problems)


def test_a_judge_of_its_own_answers_is_questioned() -> None:
    (warning,) = loaded({"judge": "large", "usd_per_day": 1}).warnings
    assert "it would judge answers of its own" in str(warning)
    assert loaded({"judge": "judge", "usd_per_day": 1}).warnings == ()


def test_in_words() -> None:
    shadow = {"judge": "judge", "exact": ["number"], "usd_per_day": 2.5, "tenants": ["acme"]}
    text = "\n".join(in_words(describe(snapshot(shadow, cascade={"low_share": None}), TODAY)))
    assert (
        "  auto: asks small, then large, as long as an answer is malformed or a refusal or unsure (mean "
        "log-probability below -0.5); streams follow its policy.\n"
        "  compares 2 % of all virtual models, asked by acme, with the other tier: exact checks (number), "
        "then judge as judge.\n"
        "  comparisons cost weir-quality at most 2.5 USD a day.\n"
    ) in text
    assert "Quality" not in "\n".join(in_words(describe(snapshot(), TODAY)))


def test_what_is_not_asked_for_costs_the_road_nothing() -> None:
    assert (snapshot().cascades, snapshot().shadow, snapshot().budgets) == ({}, None, ())


def test_a_prompt_cache_has_a_discount_where_both_prices_are_known() -> None:
    rate = {"model": "large", "input": 2, "cache_read": "0.5", "from": "2026-01-01"}
    compiled = compile_snapshot(loaded(rates=[rate]).settings, 1, GenaiCatalogue(), TODAY)
    assert cache_discounts(compiled, TODAY) == {"auto": Decimal("1.5")}
    assert cache_discounts(snapshot(), TODAY) == {}


def test_the_days_purse_is_a_budget_of_the_houses_tenant() -> None:
    (budget,) = snapshot({"judge": "judge", "usd_per_day": "0.5"}).budgets
    assert (budget.selector.tenant, budget.limit, budget.terms) == (
        "weir-quality",
        500_000_000,
        "0.50 USD per day",
    )
