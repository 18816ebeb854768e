"""Cascades as applications and the ledger meet them: real sockets, OpenAI's own SDK, several models."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest
import pytest_asyncio

from tests.e2e.place import KEY, Place
from tests.e2e.told_place import telling
from tests.fakes.client import Answer
from tests.fakes.told import asks

SURE, UNSURE = {"text": "four it is", "logprob": -0.01}, {"text": "five or six", "logprob": -2.5}
LARGE = {"text": "certainly four", "logprob": -0.01}


CHANGES: dict[str, Any] = {
    "models": {
        "auto": {"tiers": ["small", "large"], "cascade": {}},
        "plain": {"tiers": ["small", "large"]},
        "aged": {"tiers": ["old", "large"], "cascade": {"phrases": ["No Idea"]}},
    },
    "rules": [{"when": {"tag": {"task": "hard"}}, "use": "large"}],
    "budgets": [{"name": "pocket", "usd": "0.0005", "tag": {"purse": "thin"}, "per": "day"}],
}
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    async with telling(tmp_path_factory.mktemp("cascade"), **CHANGES) as running:
        yield running


async def ask(place: Place, script: str, model: str = "auto", **more: Any) -> Answer:
    answer: Answer = await place.chat(model, f"what is two and two? {script}", **more)
    return answer


def said(answer: Answer) -> str:
    assert answer.status == 200, answer.body
    text: str = answer.json()["choices"][0]["message"]["content"]
    return text


async def test_a_sure_answer_is_kept_and_looks_as_if_nobody_had_asked(place: Place) -> None:
    answer = await ask(place, asks(small=SURE, large=LARGE))
    assert said(answer) == "four it is"
    assert answer.headers["x-weir-route"] == "small; cascade:sure"
    assert answer.json()["choices"][0]["logprobs"] is None
    (row,) = await asyncio.to_thread(place.rows, answer.headers["x-request-id"])
    assert (row["outcome"], row["tier"], row["reason"]) == ("completed", "small", "cascade:sure")


async def test_a_doubtful_answer_is_escalated_and_both_are_paid_for(place: Place) -> None:
    answer = await ask(place, asks(small=UNSURE, large=LARGE))
    assert said(answer) == "certainly four"
    assert answer.headers["x-weir-route"] == "large; cascade:unsure"
    rows = await asyncio.to_thread(place.rows, answer.headers["x-request-id"])
    told = [(row["attempt"], row["outcome"], row["tier"], row["output_tokens"]) for row in rows]
    assert told == [(1, "escalated", "small", 3), (2, "completed", "large", 2)]
    costs = [row["cost_nanos"] for row in rows]
    assert costs == [3_000, 20_000]
    assert answer.headers["x-weir-cost-usd"] == "0.000023000"


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
    fine = await ask(place, asks(small={"text": '{"a": 1}'}, large=LARGE), **wanted)
    assert (said(fine), fine.headers["x-weir-route"]) == ('{"a": 1}', "small; cascade:form")
    broken = await ask(place, asks(small={"text": '{"a": '}, large=LARGE), **wanted)
    assert broken.headers["x-weir-route"] == "large; cascade:json"
    declined = await ask(place, asks(small={"text": "I'm sorry, but I can't."}, large=LARGE))
    assert declined.headers["x-weir-route"] == "large; cascade:refused"


async def test_who_refuses_log_probabilities_is_asked_without_and_remembered(
    place: Place,
) -> None:
    script = asks(old={"text": "four"}, large=LARGE)
    first = await ask(place, script, "aged")
    assert (said(first), first.headers["x-weir-route"]) == ("four", "small; cascade:form")
    rows = await asyncio.to_thread(place.rows, first.headers["x-request-id"])
    assert [row["outcome"] for row in rows] == ["upstream_refused", "completed"]
    second = await ask(place, script, "aged")
    assert len(await asyncio.to_thread(place.rows, second.headers["x-request-id"])) == 1
    own_words = await ask(place, asks(old={"text": "no idea, sir"}, large=LARGE), "aged")
    assert own_words.headers["x-weir-route"] == "large; cascade:refused"


async def test_streams_and_rules_are_routed_as_without_a_cascade(place: Place) -> None:
    script = asks(small=UNSURE, large=LARGE)
    ruled = await ask(place, script, headers={"x-weir-tags": "task=hard"})
    assert ruled.headers["x-weir-route"].endswith("; rule:1")
    streamed = await ask(place, script, stream=True)
    assert (streamed.status, streamed.events()[-1]) == (200, b"[DONE]")
    assert streamed.headers["x-weir-route"].endswith(",cascade:stream")
    assert said_without_cascade(await ask(place, script, "plain"))


def said_without_cascade(answer: Answer) -> bool:
    return "cascade" not in answer.headers["x-weir-route"]


async def test_when_nobody_dearer_answers_the_doubtful_answer_is_given(place: Place) -> None:
    answer = await ask(place, asks(small=UNSURE, large={"status": 500}))
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
    answer = await ask(place, asks(small=UNSURE, large=LARGE), max_tokens=100, headers=headers)
    assert (said(answer), answer.headers["x-weir-route"]) == (
        "five or six",
        "small; cascade:unsure,not-escalated",
    )
    (row,) = await asyncio.to_thread(place.rows, answer.headers["x-request-id"])
    assert (row["outcome"], row["cost_nanos"]) == ("completed", 3_000)


async def test_a_cheap_tier_that_is_down_costs_no_judgement(place: Place) -> None:
    answer = await ask(place, asks(small={"status": 500}, large=LARGE))
    assert (said(answer), answer.headers["x-weir-route"]) == ("certainly four", "large; cascade")


async def test_the_explanation_holds_every_judgement(place: Place) -> None:
    answer = await ask(place, asks(small=UNSURE, large=LARGE), headers={"x-weir-route": "explain"})
    explained = answer.headers["x-weir-explain"]
    assert '"cascade": [{"doubt": "unsure", "confidence": {"mean": -2.5' in explained
