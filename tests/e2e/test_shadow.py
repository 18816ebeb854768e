"""Comparisons in the shadow and feedback, over real sockets: who is asked, who pays, what is stored."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
import pytest_asyncio

from tests.e2e.place import ADMIN_KEY, KEY, OTHER_KEY, Place, get, until
from tests.e2e.told_place import telling
from tests.fakes.told import asks

SMALL, LARGE = {"text": "three of them"}, {"text": "certainly four"}
FOR_LARGE = {"prefers": "certainly four"}
CHANGES: dict[str, Any] = {
    "models": {
        "auto": {"tiers": ["small", "large"], "policy": "economy"},
        "sums": {"tiers": ["small", "large"], "policy": "economy"},
    },
    "quality": {
        "usd_per_cpu_hour": "0.04",
        "shadow": {"share": 1, "judge": "judge", "usd_per_day": 1, "routes": ["auto", "sums"]},
    },
}
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    async with telling(tmp_path_factory.mktemp("shadow"), **CHANGES) as running:
        yield running


def query(folder: Path, sql: str, *parameters: Any) -> list[dict[str, Any]]:
    with sqlite3.connect(f"file:{folder / 'ledger.db'}?mode=ro", uri=True) as db:
        db.row_factory = sqlite3.Row
        return [dict(row) for row in db.execute(sql, parameters)]


async def verdict_of(place: Place, request_id: str) -> dict[str, Any]:
    """Waits for the comparison of that request."""
    sql = "SELECT * FROM quality_verdicts WHERE request_id = ?"
    await asyncio.to_thread(until, lambda: bool(query(place.folder, sql, request_id)), "a verdict")
    (row,) = query(place.folder, sql, request_id)
    return row


async def verdict_count(place: Place, count: int) -> None:
    """Waits for so many comparisons."""
    sql = "SELECT id FROM quality_verdicts"
    await asyncio.to_thread(until, lambda: len(query(place.folder, sql)) == count, "verdicts")


def metrics(place: Place) -> str:
    url = place.gateway.base_url.removesuffix("/v1") + "/metrics"
    return httpx.get(url, headers={"authorization": f"Bearer {ADMIN_KEY}"}).text


async def ask(place: Place, script: str, model: str = "auto", **more: Any) -> str:
    answer = await place.chat(model, f"hi {script}", **more)
    assert answer.status == 200, answer.body
    request_id: str = answer.headers["x-request-id"]
    return request_id


async def test_a_judge_compares_what_was_served_with_the_other_tier(place: Place) -> None:
    request_id = await ask(place, asks(small=SMALL, large=LARGE, judge=FOR_LARGE))
    row = await verdict_of(place, request_id)
    told = {name: row[name] for name in ("tenant", "route", "served", "served_model", "other_model")}
    assert told == {
        "tenant": "one",
        "route": "auto",
        "served": "small",
        "served_model": "small",
        "other_model": "large",
    }
    assert (row["verdict"], row["small_good"], row["large_good"]) == ("other", 0.0, 1.0)
    assert (row["method"], row["judge_model"]) == ("judge", "judge")
    assert row["event_id"] == request_id.removeprefix("req_")
    # Two words of the large tier at 10, and one of the judge at 4, twice: micro-dollars.
    assert row["cost_nanos"] == 20_000 + 2 * 4_000


async def test_all_of_it_is_in_the_ledger_under_the_houses_own_tenant(place: Place) -> None:
    request_id = await ask(place, asks(small=SMALL, large=LARGE, judge=FOR_LARGE), "sums", stream=True)
    await verdict_of(place, request_id)
    rows = "SELECT * FROM events WHERE tenant = 'weir-quality' AND project = 'sums' ORDER BY id"
    await asyncio.to_thread(until, lambda: len(query(place.folder, rows)) == 3, "three rows")
    found = query(place.folder, rows)
    told = [(row["served_model"], row["tier"], row["project"], row["key"], row["route"]) for row in found]
    assert told == [
        ("large", "shadow", "sums", "shadow", ""),
        ("judge", "judge", "sums", "judge", ""),
        ("judge", "judge", "sums", "judge", ""),
    ]
    assert {row["provenance"] for row in found} == {"vendor"}
    assert [row["cost_nanos"] for row in found] == [20_000, 4_000, 4_000]


async def test_a_judge_that_follows_the_place_makes_a_tie_and_an_unclear_one_nothing(place: Place) -> None:
    biased = await ask(place, asks(small=SMALL, large=LARGE, judge={"text": "so [[A]]\n[[A]]"}))
    assert (await verdict_of(place, biased))["verdict"] == "tie"
    unclear = await ask(place, asks(small=SMALL, large=LARGE, judge={"text": "[[A]] or [[B]]"}))
    row = await verdict_of(place, unclear)
    assert (row["verdict"], row["small_good"], row["large_good"]) == ("unknown", None, None)


async def test_a_failing_comparison_is_counted_and_nobody_else_knows(place: Place) -> None:
    await ask(place, asks(small=SMALL, large={"status": 500}), "sums")

    sign = 'weir_comparisons_total{result="failed",route="sums"} 1.0'
    await asyncio.to_thread(until, lambda: sign in metrics(place), "the metric")


async def test_the_sdks_answer_is_not_held_up_by_a_slow_judge(place: Place) -> None:
    client = openai.AsyncOpenAI(base_url=place.gateway.base_url, api_key=KEY, max_retries=0)
    async with client:
        answer = await client.chat.completions.create(
            model="auto", messages=[{"role": "user", "content": asks(small=SMALL, judge=FOR_LARGE)}]
        )
    assert answer.choices[0].message.content == "three of them"


async def test_feedback_is_stored_and_the_last_word_counts(place: Place) -> None:
    request_id = await ask(place, asks(small=SMALL, large=LARGE, judge=FOR_LARGE))
    async with httpx.AsyncClient(base_url=place.gateway.base_url) as client:

        async def say(key: str = KEY, **said: Any) -> httpx.Response:
            headers = {"authorization": f"Bearer {key}"}
            return await client.post("/feedback", json={"request_id": request_id, **said}, headers=headers)

        first = await say(thumbs="up", comment="thanks")
        assert (first.status_code, first.json()) == (
            200,
            {"object": "feedback", "request_id": request_id, "score": 1.0},
        )
        assert (await say(score=0.25)).status_code == 200
        foreign = await say(OTHER_KEY, thumbs="up")
        assert foreign.json() == first.json()  # nobody learns whether it exists
        assert (await say("weir-sk-nobody", thumbs="up")).status_code == 401
        wrong = await say(thumbs="sideways")
        assert (wrong.status_code, wrong.json()["error"]["param"]) == (400, "thumbs")
        assert (await say(score=0.5, thumbs="up")).status_code == 400
        assert (await say(score=1.5)).json()["error"]["param"] == "score"
        assert (await say(mood=1)).json()["error"]["param"] == "mood"
    rows = query(place.folder, "SELECT tenant, key, score, comment FROM feedback ORDER BY tenant")
    assert rows == [
        {"tenant": "one", "key": "k", "score": 0.25, "comment": ""},
        {"tenant": "two", "key": "k", "score": 1.0, "comment": ""},
    ]


async def test_the_days_purse_ends_comparisons_and_nothing_else(tmp_path: Path) -> None:
    changes = {**CHANGES, "quality": {"shadow": {"share": 1, "exact": ["text"], "usd_per_day": "0.05"}}}
    async with telling(tmp_path, **changes) as poor:
        # Each comparison holds 4096 tokens of the large tier, four cents of five.
        await ask(poor, asks(small=SMALL, large={"text": "word", "times": 1501}), "sums")
        await verdict_count(poor, 1)
        await ask(poor, asks(small=SMALL, large=LARGE))
        sign = 'weir_comparisons_total{result="refused",route="auto"} 1.0'
        await asyncio.to_thread(until, lambda: sign in metrics(poor), "the refusal")
        budgets = (await get(poor, "/admin/budgets")).json()["data"]
        assert [(each["name"], each["spent_nanos"]) for each in budgets] == [("comparisons", 15_010_000)]
