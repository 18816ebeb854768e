"""Is this answer of a cheap tier good enough to be given? Asked of the answer itself, before anybody has it.

Form is looked at first, since it can be certain: an empty answer, one that was cut off, JSON that is none.
Then how sure the model was of its own words: the log-probabilities of the answer's tokens. Thresholds are
the file's; `weir quality` shows what they led to.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from math import isfinite, log
from typing import Any, NamedTuple

import orjson

from router.answer_schema import fits_schema
from router.decision import Choice, Route

FLOOR = -20.0
"""Lower log-probabilities count as this: some servers write -9999 for what they did not keep."""
REFUSAL_CHARS = 200
"""A refusal stands at the start of an answer; further on the words may belong to the matter."""

_REFUSALS = re.compile(
    r"\b(?:i'm sorry,? but|i am sorry,? but|as an ai\b"
    r"|i can(?:no|')t\b|i can not\b|i(?:'m| am) (?:unable|not able) to\b|i won't be able to\b"
    r"|i (?:do not|don't) (?:know|have (?:enough|access))\b)"
)
"""In lower case, with straight apostrophes."""


class Doubt(StrEnum):
    """Why an answer is not given: a closed set, in reasons, metrics and explanations."""

    EMPTY = "empty"
    """Neither text nor a tool call."""
    TRUNCATED = "truncated"
    """Cut off by length, though the client set no limit of its own."""
    FILTERED = "filtered"
    """The upstream's content filter took part of it away."""
    REFUSED = "refused"
    """It declines, or says that it does not know."""
    JSON = "json"
    """JSON was asked for, and it is none."""
    SCHEMA = "schema"
    """It is JSON, of another shape than the schema that was asked for."""
    TOOL = "tool"
    """It calls a tool that was not offered, or with arguments that are no JSON object."""
    UNSURE = "unsure"
    """The mean log-probability of its tokens is low."""
    WAVERING = "wavering"
    """Too many of its tokens were improbable."""
    STUMBLED = "stumbled"
    """One of its tokens was very improbable."""


@dataclass(frozen=True, slots=True)
class Bar:
    """What an answer must clear. None: not asked."""

    mean_logprob: float | None
    """Natural logarithm; the mean is over tokens, so long answers are not put at a disadvantage."""
    low_probability: float
    """A token less probable than this is a low one, 0 to 1."""
    low_share: float | None
    """Most of the tokens that may be low, 0 to 1."""
    min_logprob: float | None
    refusals: bool
    phrases: tuple[str, ...]
    """More refusals, in lower case."""
    format: bool


class Confidence(NamedTuple):
    """How sure the model was of its tokens, by their natural log-probabilities."""

    mean: float
    least: float
    low_share: float
    tokens: int


class Judgement(NamedTuple):
    doubt: Doubt | None
    """None: the answer may be given."""
    confidence: Confidence | None
    """None where the upstream told none: the answer was judged by its form alone."""


def judged(fields: Mapping[str, Any], answer: Mapping[str, Any], bar: Bar) -> Judgement:
    """Of the whole answer to that request (chat or text completion). Several choices are as good as the worst
    of them. Raises nothing: an odd shape is an empty answer."""
    confidence = confidence_of(answer, bar.low_probability)
    choices = [choice for choice in _list(answer.get("choices")) if isinstance(choice, dict)]
    if not choices:
        return Judgement(Doubt.EMPTY, confidence)
    for choice in choices:
        doubt = _of_form(fields, choice, bar) if bar.format else None
        if doubt is None and bar.refusals and _refuses(choice, bar.phrases):
            doubt = Doubt.REFUSED
        if doubt is not None:
            return Judgement(doubt, confidence)
    return Judgement(None if confidence is None else _of_confidence(confidence, bar), confidence)


def steps(route: Route, choices: Iterable[Choice]) -> list[tuple[Choice, ...]]:
    """Per tier what can be tried, cheap to dear, tiers without any left out. What belongs to no tier comes
    after the last."""
    left = list(choices)
    names = [tier[0].tier for tier in route.tiers]
    found = [tuple(choice for choice in left if choice.candidate.tier == name) for name in names]
    rest = tuple(choice for choice in left if choice.candidate.tier not in names)
    there = [step for step in found if step]
    return [*there[:-1], there[-1] + rest] if there else [rest]


# ---------------------------------------------------------------------- form


def _of_form(fields: Mapping[str, Any], choice: Mapping[str, Any], bar: Bar) -> Doubt | None:
    message = _message(choice)
    text, calls = answer_text(choice), _list(message.get("tool_calls"))
    finish = choice.get("finish_reason")
    if finish == "content_filter":
        return Doubt.FILTERED
    if not text.strip() and not calls and not message.get("function_call"):
        return Doubt.EMPTY
    if finish == "length" and not _limited(fields):
        return Doubt.TRUNCATED
    if calls:
        return Doubt.TOOL if not all(_callable(call, fields) for call in calls) else None
    return _of_json(fields, text) if finish != "length" else None


def _of_json(fields: Mapping[str, Any], text: str) -> Doubt | None:
    wanted = fields.get("response_format")
    kind = wanted.get("type") if isinstance(wanted, dict) else None
    if kind not in ("json_object", "json_schema"):
        return None
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return Doubt.JSON
    if kind == "json_object":
        return None if isinstance(value, dict) else Doubt.JSON
    described = wanted.get("json_schema") if isinstance(wanted, dict) else None
    schema = described.get("schema") if isinstance(described, dict) else None
    return None if not isinstance(schema, dict) or fits_schema(value, schema) else Doubt.SCHEMA


def _limited(fields: Mapping[str, Any]) -> bool:
    """Whether the client itself said how long an answer may be: a dearer model is cut off there as well."""
    return any(type(fields.get(name)) is int for name in ("max_tokens", "max_completion_tokens"))


def _callable(call: object, fields: Mapping[str, Any]) -> bool:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict):
        return isinstance(call, dict) and call.get("type") == "custom"
    offered = {
        tool["function"].get("name")
        for tool in _list(fields.get("tools"))
        if isinstance(tool, dict) and isinstance(tool.get("function"), dict)
    }
    try:
        arguments = orjson.loads(function.get("arguments") or "{}")
    except (orjson.JSONDecodeError, TypeError):
        return False
    return isinstance(arguments, dict) and function.get("name") in offered


def _refuses(choice: Mapping[str, Any], phrases: tuple[str, ...]) -> bool:
    if _message(choice).get("refusal"):
        return True
    start = answer_text(choice).lstrip()[:REFUSAL_CHARS].lower().replace("’", "'")
    return _REFUSALS.search(start) is not None or any(phrase in start for phrase in phrases)


# ---------------------------------------------------------------------- confidence


def confidence_of(answer: Mapping[str, Any], low_probability: float) -> Confidence | None:
    """Over the tokens of all choices. None where the answer tells no log-probabilities."""
    known = [value for choice in _list(answer.get("choices")) for value in _logprobs(choice)]
    if not known:
        return None
    least, low = min(known), log(low_probability)
    if least < FLOOR:
        known = [max(FLOOR, value) for value in known]
    low_tokens = len([value for value in known if value < low])
    return Confidence(sum(known) / len(known), max(FLOOR, least), low_tokens / len(known), len(known))


def _of_confidence(confidence: Confidence, bar: Bar) -> Doubt | None:
    if bar.mean_logprob is not None and confidence.mean < bar.mean_logprob:
        return Doubt.UNSURE
    if bar.low_share is not None and confidence.low_share > bar.low_share:
        return Doubt.WAVERING
    if bar.min_logprob is not None and confidence.least < bar.min_logprob:
        return Doubt.STUMBLED
    return None


def _logprobs(choice: object) -> list[float]:
    """Of chat's `content` list, or completions' `token_logprobs`."""
    told = choice.get("logprobs") if isinstance(choice, dict) else None
    if not isinstance(told, dict):
        return []
    values: list[Any]
    try:
        values = [token["logprob"] for token in told.get("content") or ()]
    except (KeyError, TypeError):
        values = []
    values = values or _list(told.get("token_logprobs"))
    with suppress(TypeError):  # completions tell null for a first token that nothing came before
        if isfinite(sum(values)):
            return values
    return [value for value in values if isinstance(value, (int, float)) and isfinite(value)]


# ---------------------------------------------------------------------- shapes


def answer_text(choice: Mapping[str, Any]) -> str:
    """What a choice says, '' where it says nothing."""
    for text in (choice.get("text"), _message(choice).get("content")):
        if isinstance(text, str):
            return text
    return ""


def without_logprobs(answer: Mapping[str, Any]) -> dict[str, Any]:
    """The answer as it would be had nobody asked for log-probabilities."""
    choices = [
        {**choice, "logprobs": None} if isinstance(choice, dict) and "logprobs" in choice else choice
        for choice in _list(answer.get("choices"))
    ]
    return {**answer, "choices": choices}


def _message(choice: Mapping[str, Any]) -> Mapping[str, Any]:
    message = choice.get("message")
    return message if isinstance(message, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
