"""Policies, rules, conversations and load on a gateway with clients, where decisions meet the world."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
import pytest_asyncio

from tests.e2e.place import (
    KEY,
    KEY_HASH,
    OTHER_HASH,
    OTHER_KEY,
    SECOND_HASH,
    SECOND_KEY,
    Place,
    running,
    until,
)
from tests.fakes.client import post

pytestmark = pytest.mark.asyncio(loop_scope="module")

HARD = "Write a Python program that proves this theorem step by step and compares the results. " * 40
NEARLY = "Explain what the program does and why the loop in it ends. " * 5
"""A little below the bound of balanced, and long enough to be read alone."""
EASY = "What is the capital of France, and which river runs through it? " * 4
LIMITED = {"at": {"100": "notify"}, "usd": 1, "per": "month"}
TENANTS = {
    "legal": {"keys": [{"name": "k", "hash": KEY_HASH}]},
    "acme": {"keys": [{"name": "k", "hash": OTHER_HASH, "project": "batch"}]},
    "thrifty": {"keys": [{"name": "k", "hash": SECOND_HASH}], "budgets": [LIMITED]},
}
RULES = [
    {"when": {"tenant": "legal"}, "use": "tier-2"},
    {"when": {"project": "batch", "task": ["batch", "classification"]}, "use": "small"},
    {"when": {"matches": "(?i)\\bnon-disclosure\\b"}, "use": "large"},
    {"when": {"language": "de"}, "policy": "quality"},
    {"when": {"budget_used_over": "90%"}, "policy": "economy"},
]


MODELS = {
    "auto": {"tiers": ["good", "large"]},
    "paced": {"tiers": ["good", "large"], "policy": "quality", "pacing": True},
    "burst": {"tiers": ["slow", "large"]},
}
RATES = [
    {"model": "good", "input": 0, "output": 10_000},
    {"model": "large", "input": 0, "output": 10_000},
]
"""A cent per token of output."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    folder = tmp_path_factory.mktemp("routing")
    async with running(folder, tenants=TENANTS, rules=RULES, models=MODELS, rates=RATES) as place:
        yield place


async def routed(place: Place, text: str, model: str = "auto", *, key: str = OTHER_KEY, **more: Any) -> str:
    answer = await place.chat(model, text, key=key, **more)
    assert answer.status == 200, answer.body
    return str(answer.headers["x-weir-route"]).removesuffix("; stand-in")


async def test_the_gain_decides_and_the_header_says_so(place: Place) -> None:
    assert re.fullmatch(r"small; gain:0\.\d{3}<0\.\d{3}", await routed(place, "Hi"))
    assert re.fullmatch(r"large; gain:0\.\d{3}>=0\.\d{3}", await routed(place, HARD))
    russian = "Объясни, пожалуйста, почему небо голубое."
    assert re.fullmatch(r"small; prior:0\.\d{3}<0\.\d{3}", await routed(place, russian))


async def test_rules_of_who_asks_and_what_for(place: Place) -> None:
    assert await routed(place, "Hi", key=KEY) == "large; rule:1"
    assert await routed(place, HARD, headers={"x-weir-task": "classification"}) == "small; rule:2"
    assert await routed(place, HARD + "Now.", headers={"x-weir-tags": "task=batch"}) == "small; rule:2"
    both = {"x-weir-task": "other", "x-weir-tags": "task=batch"}
    assert await routed(place, HARD + "Again.", headers=both) == "small; rule:2"
    assert await routed(place, "Read this Non-Disclosure Agreement") == "rule; rule:3"
    german = "Was ist die Hauptstadt von Frankreich, und wie viele Menschen leben dort?"
    assert re.search(r"[<=]0\.\d{3},rule:4$", await routed(place, german))


async def test_a_task_without_a_name_is_a_mistake(place: Place) -> None:
    answer = await place.chat("auto", "Hi", headers={"x-weir-task": "x" * 129})
    assert (answer.status, answer.json()["error"]["param"]) == (400, "x-weir-task")


async def test_a_kept_answer_is_not_served_to_a_twin_under_a_rule(place: Place) -> None:
    seen = []
    for headers in ({}, {"x-weir-task": "batch"}, {"x-weir-task": "batch"}):
        answer = await place.chat("auto", "[id:twin] the same", key=OTHER_KEY, headers=headers)
        seen.append(answer.headers["x-weir-cache"])
    assert seen == ["miss", "miss", "exact"]


async def test_a_conversation_stays_on_its_model_until_the_gain_is_clear(place: Place) -> None:
    url = f"{place.gateway.base_url}/chat/completions"

    async def turn(*said: str, key: str = OTHER_KEY) -> Any:
        turns = [{"role": ("user", "assistant")[n % 2], "content": text} for n, text in enumerate(said)]
        headers = {"x-weir-route": "explain"}
        return await post(url, {"model": "auto", "messages": turns}, key=key, headers=headers)

    assert (await turn("[id:talk] " + HARD)).headers["x-weir-route"].startswith("large; gain")
    stays = await turn("[id:talk] " + HARD, "Here it is.", NEARLY)
    assert stays.headers["x-weir-route"].startswith("large; sticky:large")
    details = orjson.loads(stays.headers["x-weir-explain"])["details"]
    assert (details["sticky"], details["family"], details["known"]) == ("large", "text", True)
    assert [tier["tier"] for tier in details["tiers"]] == ["small", "large"]
    leaves = await turn("[id:talk] " + HARD, "Here.", EASY)
    assert leaves.headers["x-weir-route"].startswith("small; gain")
    begins = await turn("[id:talk] Another " + HARD, "Here it is.", NEARLY)
    assert begins.headers["x-weir-route"].startswith("small; gain")


async def test_an_engine_without_room_hands_over_to_the_next_tier(place: Place) -> None:
    waiting = asyncio.create_task(place.chat("burst", "[id:first] Hi", key=OTHER_KEY))
    try:
        await asyncio.to_thread(until, lambda: bool(place.upstream.witness.of("first")), "the first")
        assert await routed(place, "[id:second] Hi", "burst") == "large; load:small>large"
    finally:
        waiting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await waiting


def _spent(place: Place) -> float:
    """Of the thrifty tenant, as the log's lines of its requests add up."""
    lines = [orjson.loads(line) for line in place.everything_said().splitlines() if line.startswith("{")]
    return sum(line.get("cost_nanos", 0) for line in lines if line.get("tenant") == "thrifty") / 1e9


async def test_budgets_pace_and_then_change_the_policy(place: Place) -> None:
    """Ends with the month's dollar nearly spent, whatever the day."""
    more = {"max_tokens": 95, "fault": "say-95-1"}
    first = await routed(place, "[id:spend] Hi", "paced", key=SECOND_KEY, **more)
    assert first.startswith("small; gain")
    await asyncio.to_thread(until, lambda: _spent(place) >= 0.95, "the spending")
    paced = await routed(place, HARD, "paced", key=SECOND_KEY)
    assert paced.endswith(",paced,rule:5") or datetime.now(UTC).day > 27
    assert (await routed(place, NEARLY + NEARLY, key=SECOND_KEY)).endswith(",rule:5")
