"""Answers of a cheap tier, judged by their form and by how sure the model was of its tokens."""

from __future__ import annotations

from dataclasses import replace
from math import exp, log
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.answer_schema import fits_schema
from router.cascade import FLOOR, Bar, Doubt, confidence_of, judged, steps, without_logprobs
from router.decision import Candidate, Choice, Route
from router.policy import named
from tests.fakes.plain_gain import PriorGain

BAR = Bar(
    mean_logprob=-0.5,
    low_probability=0.3,
    low_share=0.2,
    min_logprob=None,
    refusals=True,
    phrases=("no idea",),
    format=True,
)
SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "tags": {"type": "array", "items": {"enum": ["a", "b"]}},
        "next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]},
    },
    "required": ["name"],
    "additionalProperties": False,
}


def answer(text: str | None = "fine", *, logprobs: list[Any] | None = None, **more: Any) -> dict[str, Any]:
    """A chat answer. `finish_reason` and the message's fields may be given."""
    finish = more.pop("finish_reason", "stop")
    told = None if logprobs is None else {"content": [{"logprob": value} for value in logprobs]}
    message = {"role": "assistant", "content": text, **more}
    return {"choices": [{"message": message, "finish_reason": finish, "logprobs": told}]}


def doubt(given: dict[str, Any], bar: Bar = BAR, **fields: Any) -> Doubt | None:
    return judged(fields, given, bar).doubt


def call(name: str, arguments: str) -> dict[str, Any]:
    return {"tool_calls": [{"type": "function", "function": {"name": name, "arguments": arguments}}]}


TOOLS = {"tools": [{"type": "function", "function": {"name": "look"}}]}


@pytest.mark.parametrize(
    ("given", "fields", "expected"),
    [
        (answer(), {}, None),
        (answer(""), {}, Doubt.EMPTY),
        (answer(None), {}, Doubt.EMPTY),
        ({"choices": []}, {}, Doubt.EMPTY),
        ({}, {}, Doubt.EMPTY),
        ({"choices": [None]}, {}, Doubt.EMPTY),
        (answer("and then", finish_reason="length"), {}, Doubt.TRUNCATED),
        (answer("and then", finish_reason="length"), {"max_tokens": 2}, None),
        (answer("...", finish_reason="content_filter"), {}, Doubt.FILTERED),
        (answer("I’m sorry, but I can’t help with that."), {}, Doubt.REFUSED),
        (answer("I cannot say."), {}, Doubt.REFUSED),
        (answer("You cannot say that in French."), {}, None),
        (answer("No idea, really."), {}, Doubt.REFUSED),
        (answer("word " * 60 + "I cannot say."), {}, None),
        (answer("fine", refusal="no"), {}, Doubt.REFUSED),
        (answer(None, **call("look", '{"at": 1}')), TOOLS, None),
        (answer(None, **call("look", '{"at": ')), TOOLS, Doubt.TOOL),
        (answer(None, **call("look", "[1]")), TOOLS, Doubt.TOOL),
        (answer(None, **call("leap", "{}")), TOOLS, Doubt.TOOL),
        (answer('{"a": 1}'), {"response_format": {"type": "json_object"}}, None),
        (answer("[1]"), {"response_format": {"type": "json_object"}}, Doubt.JSON),
        (answer('{"a": '), {"response_format": {"type": "json_object"}}, Doubt.JSON),
        ({"choices": [{"text": "four", "finish_reason": "stop"}]}, {}, None),
    ],
)
def test_form(given: dict[str, Any], fields: dict[str, Any], expected: Doubt | None) -> None:
    assert doubt(given, **fields) == expected


def test_what_is_switched_off_is_not_looked_at() -> None:
    assert doubt(answer("I cannot say."), replace(BAR, refusals=False)) is None
    assert doubt(answer("x", finish_reason="length"), replace(BAR, format=False)) is None
    assert doubt(answer(logprobs=[-5.0] * 9), replace(BAR, mean_logprob=None, low_share=None)) is None


@pytest.mark.parametrize(
    ("value", "fits"),
    [
        ({"name": "x"}, True),
        ({"name": "x", "tags": ["a"], "next": {"name": "y", "next": None}}, True),
        ({"name": 1}, False),
        ({"tags": []}, False),
        ({"name": "x", "other": 1}, False),
        ({"name": "x", "tags": ["c"]}, False),
        ({"name": "x", "next": {"name": 2}}, False),
        ([], False),
    ],
)
def test_a_schema_that_was_asked_for(value: Any, fits: bool) -> None:
    assert fits_schema(value, SCHEMA) is fits
    wanted = {"type": "json_schema", "json_schema": {"schema": SCHEMA}}
    text = orjson.dumps(value).decode()
    assert doubt(answer(text), response_format=wanted) == (None if fits else Doubt.SCHEMA)


def test_what_a_schema_says_that_is_not_known_is_taken_for_fulfilled() -> None:
    assert fits_schema("x", {"type": "string", "pattern": "^y$"})
    assert fits_schema("x", {"type": "strange"})
    assert fits_schema(1, {"$ref": "https://elsewhere/schema"})
    assert not fits_schema(True, {"type": "integer"})
    assert not fits_schema(1, {"const": True})
    endless = {"anyOf": [{"$ref": "#"}]}
    assert fits_schema(1, endless)


def test_confidence_is_of_the_tokens() -> None:
    found = confidence_of(answer(logprobs=[-0.1, log(0.2), -9999.0]), 0.3)
    assert found is not None
    assert found.least == FLOOR
    assert found.mean == pytest.approx((-0.1 + log(0.2) + FLOOR) / 3)
    assert (found.low_share, found.tokens) == (pytest.approx(2 / 3), 3)
    assert confidence_of(answer(), 0.3) is None
    completion = {"choices": [{"text": "x", "logprobs": {"token_logprobs": [None, -1.0, float("nan")]}}]}
    assert confidence_of(completion, 0.3) == (-1.0, -1.0, 0.0, 1)


@pytest.mark.parametrize(
    ("logprobs", "bar", "expected"),
    [
        ([-0.1] * 10, BAR, None),
        ([-0.6] * 10, BAR, Doubt.UNSURE),
        ([-0.01] * 7 + [-1.5] * 3, BAR, Doubt.WAVERING),
        ([-0.01] * 99 + [-7.0], BAR, None),
        ([-0.01] * 99 + [-7.0], replace(BAR, min_logprob=-6.0), Doubt.STUMBLED),
    ],
)
def test_doubt_from_confidence(logprobs: list[float], bar: Bar, expected: Doubt | None) -> None:
    assert doubt(answer(logprobs=logprobs), bar) == expected


def test_several_choices_are_as_good_as_the_worst() -> None:
    both = {"choices": [*answer()["choices"], *answer("")["choices"]]}
    assert doubt(both) is Doubt.EMPTY


def test_log_probabilities_leave_no_trace() -> None:
    shown = without_logprobs(answer(logprobs=[-0.1]))
    assert shown == answer()


@given(st.lists(st.floats(-30, 0), min_size=1, max_size=50), st.integers(2, 5))
def test_a_text_said_over_and_over_is_as_sure_as_said_once(logprobs: list[float], times: int) -> None:
    once, often = (
        confidence_of(answer(logprobs=logprobs), 0.3),
        confidence_of(answer(logprobs=logprobs * times), 0.3),
    )
    assert once is not None
    assert often is not None
    assert once[:3] == pytest.approx(often[:3])
    assert 0 < exp(once.mean) <= 1


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), st.lists, max_leaves=8))
def test_odd_shapes_raise_nothing(odd: Any) -> None:
    for given_answer in ({"choices": odd}, {"choices": [{"message": odd, "logprobs": odd}]}):
        judged({"tools": odd, "response_format": odd}, given_answer, BAR)


def candidate(model: str, tier: str) -> Candidate:
    return Candidate(model, "b", tier, None, frozenset(), None, None)


def test_steps_go_from_cheap_to_dear_whatever_the_decision_put_first() -> None:
    small, large, last = candidate("s", "small"), candidate("l", "large"), candidate("f", "fallback")
    route = Route("auto", named("balanced"), ((small,), (large,)), (last,), (), {}, PriorGain())
    order = [Choice(each, None) for each in (large, small, last)]
    found = steps(route, order)
    assert [[choice.candidate.model for choice in step] for step in found] == [["s"], ["l", "f"]]
    assert [len(step) for step in steps(route, order[2:])] == [1]
