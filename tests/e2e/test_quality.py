"""Cascades, comparisons and feedback as applications and the ledger meet them: real sockets, OpenAI's SDK."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
import pytest_asyncio

from tests.e2e.place import ADMIN_KEY, FINANCE_KEY, KEY, OTHER_KEY, Place, get, until
from tests.e2e.told_place import TENANTS, telling
from tests.fakes.client import Answer
from tests.fakes.gateway_process import ROOT
from tests.fakes.told import asks

SURE, UNSURE = {"text": "four it is", "logprob": -0.01}, {"text": "five or six", "logprob": -2.5}
LARGE = {"text": "certainly four", "logprob": -0.01}
SMALL, OTHER = {"text": "three of them"}, {"text": "certainly four"}
FOR_LARGE = {"prefers": "certainly four"}
TIERS = {"tiers": ["small", "large"], "policy": "economy"}
CHANGES: dict[str, Any] = {
    "models": {
        "auto": {"tiers": ["small", "large"], "cascade": {}},
        "plain": {"tiers": ["small", "large"]},
        "aged": {"tiers": ["old", "large"], "cascade": {"phrases": ["No Idea"]}},
        "asked": TIERS,
        "sums": TIERS,
        "broken": TIERS,
        "poor": TIERS,
    },
    "rules": [{"when": {"tag": {"task": "hard"}}, "use": "large"}],
    "budgets": [{"name": "pocket", "usd": "0.0005", "tag": {"purse": "thin"}, "per": "day"}],
    "tenants": {
        **TENANTS,
        "weir-quality": {"budgets": [{"name": "purse", "usd": "0.05", "project": "poor", "per": "day"}]},
    },
    "quality": {
        "usd_per_cpu_hour": "0.04",
        "shadow": {
            "share": 1,
            "judge": "judge",
            "usd_per_day": 1,
            "routes": ["asked", "sums", "broken", "poor"],
        },
    },
}
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    async with telling(tmp_path_factory.mktemp("quality"), **CHANGES) as running:
        yield running


# ---------------------------------------------------------------------- cascades


async def answer_of(place: Place, script: str, model: str = "auto", **more: Any) -> Answer:
    answer: Answer = await place.chat(model, f"what is two and two? {script}", **more)
    return answer


def said(answer: Answer) -> str:
    assert answer.status == 200, answer.body
    text: str = answer.json()["choices"][0]["message"]["content"]
    return text


async def test_a_sure_answer_is_kept_and_looks_as_if_nobody_had_asked(place: Place) -> None:
    answer = await answer_of(place, asks(small=SURE, large=LARGE))
    assert said(answer) == "four it is"
    assert answer.headers["x-weir-route"] == "small; cascade:sure"
    assert answer.json()["choices"][0]["logprobs"] is None
    (row,) = await asyncio.to_thread(place.rows, answer.headers["x-request-id"])
    assert (row["outcome"], row["tier"], row["reason"]) == ("completed", "small", "cascade:sure")


async def test_a_doubtful_answer_is_escalated_and_both_are_paid_for(place: Place) -> None:
    answer = await answer_of(place, asks(small=UNSURE, large=LARGE))
    assert said(answer) == "certainly four"
    assert answer.headers["x-weir-route"] == "large; cascade:unsure"
    rows = await asyncio.to_thread(place.rows, answer.headers["x-request-id"])
    told = [(row["attempt"], row["outcome"], row["tier"], row["output_tokens"]) for row in rows]
    assert told == [(1, "escalated", "small", 3), (2, "completed", "large", 2)]
    costs = [row["cost_nanos"] for row in rows]
    assert costs == [3_000, 20_000]
    assert answer.headers["x-weir-cost-usd"] == "0.000023000"


async def test_tokens_that_a_doubtful_answer_did_not_report_are_counted(place: Place) -> None:
    answer = await answer_of(place, asks(small={**UNSURE, "unmetered": True}, large=LARGE))
    request_id = answer.headers["x-request-id"]
    rows = await asyncio.to_thread(place.rows, request_id, 2)
    told = [(row["outcome"], row["provenance"], row["output_tokens"]) for row in rows]
    assert sorted(told) == [("completed", "vendor", 2), ("escalated", "counted", 3)]
    assert "x-weir-cost-usd" not in answer.headers  # not known yet when the answer went out


async def test_openais_sdk_keeps_the_log_probabilities_that_it_asked_for(place: Place) -> None:
    client = openai.AsyncOpenAI(base_url=place.gateway.base_url, api_key=KEY, max_retries=0)
    async with client:
        answer = await client.chat.completions.create(
            model="auto",
            messages=[{"role": "user", "content": asks(small=SURE, large=LARGE)}],
            logprobs=True,
        )
    told = answer.choices[0].logprobs
    assert told is not None
    assert told.content is not None
    assert [token.logprob for token in told.content] == [-0.01] * 3


async def test_form_is_judged_where_no_log_probabilities_come(place: Place) -> None:
    wanted = {"response_format": {"type": "json_object"}}
    fine = await answer_of(place, asks(small={"text": '{"a": 1}'}, large=LARGE), **wanted)
    assert (said(fine), fine.headers["x-weir-route"]) == ('{"a": 1}', "small; cascade:form")
    broken = await answer_of(place, asks(small={"text": '{"a": '}, large=LARGE), **wanted)
    assert broken.headers["x-weir-route"] == "large; cascade:json"
    declined = await answer_of(place, asks(small={"text": "I'm sorry, but I can't."}, large=LARGE))
    assert declined.headers["x-weir-route"] == "large; cascade:refused"


async def test_who_refuses_log_probabilities_is_asked_without_and_remembered(
    place: Place,
) -> None:
    script = asks(old={"text": "four"}, large=LARGE)
    first = await answer_of(place, script, "aged")
    assert (said(first), first.headers["x-weir-route"]) == ("four", "small; cascade:form")
    rows = await asyncio.to_thread(place.rows, first.headers["x-request-id"])
    assert [row["outcome"] for row in rows] == ["upstream_refused", "completed"]
    second = await answer_of(place, script, "aged")
    assert len(await asyncio.to_thread(place.rows, second.headers["x-request-id"])) == 1
    own_words = await answer_of(place, asks(old={"text": "no idea, sir"}, large=LARGE), "aged")
    assert own_words.headers["x-weir-route"] == "large; cascade:refused"


async def test_streams_and_rules_are_routed_as_without_a_cascade(place: Place) -> None:
    script = asks(small=UNSURE, large=LARGE)
    ruled = await answer_of(place, script, headers={"x-weir-tags": "task=hard"})
    assert ruled.headers["x-weir-route"].endswith("; rule:1")
    streamed = await answer_of(place, script, stream=True)
    assert (streamed.status, streamed.events()[-1]) == (200, b"[DONE]")
    assert streamed.headers["x-weir-route"].endswith(",cascade:stream")
    assert said_without_cascade(await answer_of(place, script, "plain"))


def said_without_cascade(answer: Answer) -> bool:
    return "cascade" not in answer.headers["x-weir-route"]


async def test_when_nobody_dearer_answers_the_doubtful_answer_is_given(place: Place) -> None:
    answer = await answer_of(place, asks(small=UNSURE, large={"status": 500}))
    assert said(answer) == "five or six"
    assert answer.headers["x-weir-route"] == "small; cascade:unsure,not-escalated"
    rows = await asyncio.to_thread(place.rows, answer.headers["x-request-id"])
    assert [(row["tier"], row["outcome"]) for row in rows] == [
        ("small", "completed"),
        ("large", "upstream_failed"),
    ]
    assert answer.headers["x-weir-cost-usd"] == "0.000003000"


async def test_a_budget_without_room_for_the_dearer_tier_keeps_the_cheap_answer(place: Place) -> None:
    headers = {"x-weir-tags": "purse=thin"}
    answer = await answer_of(place, asks(small=UNSURE, large=LARGE), max_tokens=100, headers=headers)
    assert (said(answer), answer.headers["x-weir-route"]) == (
        "five or six",
        "small; cascade:unsure,not-escalated",
    )
    (row,) = await asyncio.to_thread(place.rows, answer.headers["x-request-id"])
    assert (row["outcome"], row["cost_nanos"]) == ("completed", 3_000)


async def test_a_cheap_tier_that_is_down_costs_no_judgement(place: Place) -> None:
    answer = await answer_of(place, asks(small={"status": 500}, large=LARGE))
    assert (said(answer), answer.headers["x-weir-route"]) == ("certainly four", "large; cascade")


async def test_a_client_that_leaves_during_the_second_answer_leaves_two_rows(place: Place) -> None:
    content = f"[id:leaving] {asks(small=UNSURE, large={'waits': True})}"
    async with httpx.AsyncClient(base_url=place.gateway.base_url) as client:
        body = {"model": "auto", "messages": [{"role": "user", "content": content}]}
        headers = {"authorization": f"Bearer {KEY}"}
        with pytest.raises(httpx.ReadTimeout):
            await client.post("/chat/completions", json=body, headers=headers, timeout=0.5)
    sql = "SELECT * FROM events WHERE outcome = 'client_gone'"
    await asyncio.to_thread(until, lambda: bool(query(place.folder, sql)), "the row of who left")
    (gone,) = query(place.folder, sql)
    rows = await asyncio.to_thread(place.rows, gone["request_id"])
    assert [(row["tier"], row["outcome"]) for row in rows] == [
        ("small", "escalated"),
        ("large", "client_gone"),
    ]


async def test_the_explanation_holds_every_judgement(place: Place) -> None:
    answer = await answer_of(place, asks(small=UNSURE, large=LARGE), headers={"x-weir-route": "explain"})
    explained = answer.headers["x-weir-explain"]
    assert '"cascade": [{"doubt": "unsure", "confidence": {"mean": -2.5' in explained


# ---------------------------------------------------------------------- comparisons and feedback


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


def metrics(place: Place) -> str:
    url = place.gateway.base_url.removesuffix("/v1") + "/metrics"
    return httpx.get(url, headers={"authorization": f"Bearer {ADMIN_KEY}"}).text


async def compared(place: Place, script: str, model: str = "asked", **more: Any) -> str:
    answer = await place.chat(model, f"hi {script}", **more)
    assert answer.status == 200, answer.body
    request_id: str = answer.headers["x-request-id"]
    return request_id


async def test_a_judge_compares_what_was_served_with_the_other_tier(place: Place) -> None:
    request_id = await compared(place, asks(small=SMALL, large=OTHER, judge=FOR_LARGE))
    row = await verdict_of(place, request_id)
    told = {name: row[name] for name in ("tenant", "route", "served", "served_model", "other_model")}
    assert told == {
        "tenant": "one",
        "route": "asked",
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
    request_id = await compared(place, asks(small=SMALL, large=OTHER, judge=FOR_LARGE), "sums", stream=True)
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
    biased = await compared(place, asks(small=SMALL, large=OTHER, judge={"text": "so [[A]]\n[[A]]"}))
    assert (await verdict_of(place, biased))["verdict"] == "tie"
    unclear = await compared(place, asks(small=SMALL, large=OTHER, judge={"text": "[[A]] or [[B]]"}))
    row = await verdict_of(place, unclear)
    assert (row["verdict"], row["small_good"], row["large_good"]) == ("unknown", None, None)


async def test_a_failing_comparison_is_counted_and_nobody_else_knows(place: Place) -> None:
    await compared(place, asks(small=SMALL, large={"status": 500}), "broken")

    sign = 'weir_comparisons_total{result="failed",route="broken"} 1.0'
    await asyncio.to_thread(until, lambda: sign in metrics(place), "the metric")


async def test_the_sdks_answer_is_not_held_up_by_a_slow_judge(place: Place) -> None:
    client = openai.AsyncOpenAI(base_url=place.gateway.base_url, api_key=KEY, max_retries=0)
    async with client:
        answer = await client.chat.completions.create(
            model="asked", messages=[{"role": "user", "content": asks(small=SMALL, judge=FOR_LARGE)}]
        )
    assert answer.choices[0].message.content == "three of them"


async def test_feedback_is_stored_and_the_last_word_counts(place: Place) -> None:
    request_id = await compared(place, asks(small=SMALL, large=OTHER, judge=FOR_LARGE))
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


async def test_who_leaves_in_the_middle_of_feedback_is_no_defect(place: Place) -> None:
    port = httpx.URL(place.gateway.base_url).port
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    head = (
        f"POST /v1/feedback HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\ncontent-length: 90\r\n\r\n"
    )
    writer.write(head.encode() + b'{"request_id"')
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    assert (await get(place, "/health/live")).status == 200
    assert "failed outside of the road" not in place.everything_said()


async def test_a_purse_that_is_empty_ends_comparisons_and_nothing_else(place: Place) -> None:
    """Each comparison holds 4096 tokens of the large tier, four cents of five."""
    await verdict_of(
        place,
        await compared(
            place, asks(small=SMALL, large={"text": "word", "times": 1501}, judge=FOR_LARGE), "poor"
        ),
    )
    await compared(place, asks(small=SMALL, large=OTHER), "poor")
    sign = 'weir_comparisons_total{result="refused",route="poor"} 1.0'
    await asyncio.to_thread(until, lambda: sign in metrics(place), "the refusal")
    shown = {each["name"]: each for each in (await get(place, "/admin/budgets")).json()["data"]}
    assert shown["comparisons"]["limit"] == "1.00"
    assert shown["purse"]["spent_nanos"] == 15_010_000 + 2 * 4_000


async def test_the_report_is_for_finance_and_the_command_says_the_same(place: Place) -> None:
    shown = await get(place, "/admin/quality?route=asked", FINANCE_KEY)
    assert shown.status == 200, shown.body
    (route,) = shown.json()["data"]
    assert route["answers"]["small"] >= 4
    assert (route["compared"] > 0, route["unknown"]) == (True, 1)
    assert route["left_out"] == ["lost_prefix_cache"]
    assert route["gateway_nanos"] > 0
    assert shown.json()["feedback"][0]["mean_score"] == 0.25
    assert (await get(place, "/admin/quality", KEY)).status == 403
    config = str(place.folder / "weir.yaml")
    told = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "gateway.cli", "quality", "--config", config, "--route", "asked", "--json"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    )
    assert json.loads(told.stdout)["data"][0]["agreement"] == route["agreement"]
