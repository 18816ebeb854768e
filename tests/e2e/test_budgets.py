"""Budgets and limits as an application, a platform team and finance meet them."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.e2e.place import (
    ADMIN_KEY,
    FINANCE_HASH,
    FINANCE_KEY,
    KEY,
    KEY_HASH,
    OTHER_HASH,
    OTHER_KEY,
    SECOND_HASH,
    SECOND_KEY,
    Place,
    get,
    running,
    until,
)
from tests.fakes.client import Answer
from tests.fakes.gateway_process import ROOT

RATES = [{"model": "good", "input": 0, "output": 10_000}, {"model": "large", "input": 0, "output": 20_000}]
"""A token of output is a cent, two cents on the large model."""


def changes(of_one: dict[str, Any], **more: Any) -> dict[str, Any]:
    keys = [
        {"name": "k", "hash": KEY_HASH, "project": "site"},
        {"name": "second", "hash": SECOND_HASH, "tags": {"team": "search"}},
    ]
    return {
        "rates": RATES,
        "cache": {"exact": False},
        "tenants": {
            "one": {"keys": keys, **of_one},
            "two": {"keys": [{"name": "k", "hash": OTHER_HASH}]},
            "office": {"keys": [{"name": "books", "hash": FINANCE_HASH, "role": "finance"}]},
        },
        **more,
    }


async def say(place: Place, tokens: int, *, key: str = KEY, model: str = "good", **more: Any) -> Answer:
    more = {"max_tokens": tokens, "fault": f"say-{tokens}-1", **more}
    answer: Answer = await place.chat(model, "hi", key=key, **more)
    return answer


async def budgets(place: Place, key: str = ADMIN_KEY) -> dict[str, dict[str, Any]]:
    answer = await get(place, "/admin/budgets", key)
    assert answer.status == 200, answer.body
    return {each["name"]: each for each in answer.json()["data"]}


async def at_rest(place: Place) -> dict[str, dict[str, Any]]:
    """Once nothing is reserved any more."""
    async with asyncio.timeout(5):
        while True:
            shown = await budgets(place)
            if not any(each["reserved_nanos"] for each in shown.values()):
                return shown
            await asyncio.sleep(0.05)


async def test_a_refusal_names_budget_limit_spent_reserved_and_reset(tmp_path: Path) -> None:
    settings = changes({"budgets": [{"name": "pocket", "usd": "0.10", "per": "day"}]})
    async with running(tmp_path, **settings) as place:
        assert (await say(place, 7)).status == 200
        refused = await say(place, 4)
        assert refused.status == 402
        error = refused.json()["error"]
        assert (error["type"], error["code"]) == ("insufficient_quota", "budget_exceeded")
        for words in ("'pocket'", "limit 0.10 USD", "spent 0.07 USD", "reserved 0.00", "resets at 20"):
            assert words in error["message"]
        assert refused.headers["x-should-retry"] == "false"
        assert (await say(place, 3)).status == 200  # what fits is served
        assert (await say(place, 1, key=OTHER_KEY)).status == 200  # another tenant's money is its own
        async with openai.AsyncOpenAI(base_url=place.gateway.base_url, api_key=KEY) as client:
            with pytest.raises(openai.APIStatusError) as raised:
                await client.chat.completions.create(
                    model="good", messages=[{"role": "user", "content": "hi"}]
                )
        assert raised.value.status_code == 402


async def test_what_refuses_is_what_reports_show_and_it_outlives_the_gateway(tmp_path: Path) -> None:
    settings = changes({"budgets": [{"name": "pocket", "usd": 1, "per": "month"}]}, budgets=[{"usd": 5}])
    async with running(tmp_path, **settings) as place:
        for tokens in (3, 4, 5):
            assert (await say(place, tokens, max_tokens=50)).status == 200
        shown = await at_rest(place)
        assert shown["pocket"]["spent"] == "0.12"
        assert shown["organisation"]["spent_nanos"] == 120_000_000
        usage = await get(place, "/admin/reports/usage?group_by=tenant&tenant=one", FINANCE_KEY)
        assert float(usage.json()["totals"]["cost_usd"]) == 0.12
        assert set(await budgets(place, KEY)) == {"pocket"}  # a tenant sees its own
        assert await budgets(place, OTHER_KEY) == {}
        shell = [sys.executable, "-m", "gateway.cli", "budgets", "--config", str(tmp_path / "weir.yaml")]
        shell += ["--url", place.gateway.base_url.removesuffix("/v1")]
        told = await asyncio.to_thread(subprocess.run, shell, cwd=ROOT, capture_output=True, text=True)
        assert "1.00 USD per month  0.12   0.00      0.88" in told.stdout, told
    async with running(tmp_path, **settings) as place:
        assert (await say(place, 1)).status == 200
        assert (await budgets(place))["pocket"]["spent"] == "0.13"


async def test_economy_prefers_the_cheap_tier_and_a_label_of_the_key_binds(tmp_path: Path) -> None:
    ladder = {"50%": "notify", "60": "economy", "100": "refuse"}
    of_one = {"budgets": [{"name": "labelled", "usd": 1, "at": ladder, "tag": {"team": "search"}}]}
    models = {"auto": {"tiers": ["good", "large"], "policy": "quality"}}
    settings = changes(of_one, models=models)
    hard = "Prove step by step that sqrt(2) is irrational, then derive the integral of x^2 e^x. Explain. " * 4
    async with running(tmp_path, **settings) as place:

        async def routed(tokens: int, key: str) -> str:
            more = {"max_tokens": tokens, "fault": f"say-{tokens}-1", "headers": {"x-weir-tags": "team=ads"}}
            answer = await place.chat("auto", hard, key=key, **more)
            assert answer.status == 200, answer.body
            return str(answer.headers["x-weir-route"])

        assert (await routed(30, SECOND_KEY)).startswith("large; gain")  # sixty cents
        assert (await routed(1, SECOND_KEY)) == "small; budget:economy; stand-in"
        assert (await routed(1, KEY)).startswith("large; gain")  # not that label
        log = place.gateway.log
        told = '"event":"budget"'  # notify and economy, once each
        await asyncio.to_thread(until, lambda: log.read_text().count(told) == 2, "two lines")


async def test_a_fallback_needs_room_of_its_own(tmp_path: Path) -> None:
    """litellm PR#41379: free -> paid."""
    rates = [*RATES, {"model": "failing", "input": 0, "output": 0}]
    models = {"falls": {"tiers": ["failing"], "fallback": ["good"]}}
    settings = changes({"budgets": [{"name": "pocket", "usd": "0.05"}]}, models=models) | {"rates": rates}
    async with running(tmp_path, **settings) as place:
        refused = await place.chat("falls", "hi", max_tokens=6)
        assert (refused.status, refused.json()["error"]["code"]) == (402, "budget_exceeded")
        served = await place.chat("falls", "hi", max_tokens=5, fault=None)
        assert served.status == 502 or served.headers["x-weir-model"] == "good"
        await at_rest(place)


async def test_limits_tell_what_is_left_and_when_to_come_back(tmp_path: Path) -> None:
    limits = {"requests_per_minute": 3, "tokens_per_minute": 100_000, "concurrency": 2}
    async with running(tmp_path, **changes({"limits": limits})) as place:
        first = await say(place, 5)
        assert first.headers["x-ratelimit-limit-requests"] == "3"
        assert first.headers["x-ratelimit-remaining-requests"] == "2"
        assert first.headers["x-ratelimit-limit-tokens"] == "100000"
        slow = [asyncio.create_task(say(place, 5, fault="say-5-600")) for _ in range(2)]
        await asyncio.sleep(0.2)
        refused = await say(place, 5)
        assert (refused.status, refused.json()["error"]["code"]) == (429, "rate_limit_exceeded")
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        assert [task.status for task in await asyncio.gather(*slow)] == [200, 200]
        assert (await say(place, 5)).status == 429  # the fourth within a minute
        assert (await say(place, 5, key=OTHER_KEY)).status == 200


async def test_a_limit_changed_in_the_file_keeps_what_was_spent(tmp_path: Path) -> None:
    """tensorzero: editing a rule resets its usage."""
    settings = changes({"budgets": [{"name": "pocket", "usd": "0.10"}]})
    async with running(tmp_path, **settings) as place:
        assert (await say(place, 9)).status == 200
        assert (await say(place, 9)).status == 402
        path = tmp_path / "weir.yaml"
        path.write_text(path.read_text().replace('"usd":"0.10"', '"usd":"0.20"'))
        reloaded = await get(place, "/admin/reload", ADMIN_KEY, method="POST")
        assert reloaded.status == 200, reloaded.body
        assert (await say(place, 9)).status == 200
        assert (await say(place, 9)).status == 402
        assert (await budgets(place))["pocket"]["spent"] == "0.18"
