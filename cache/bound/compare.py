"""Would the kept answer have served in place of the fresh one? What can be said without asking a model.

Two draws of a sampling model for one question often differ in words, so unlike texts prove little. Certain
are equal texts, equal JSON, and plain contradictions. Likeness of the whole is believed only where nothing
that a likeness overlooks differs: numbers, names, negations, code. All else needs a judge; without one it is
unknown, and unknown counts against the promise.
"""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum
from typing import Any, NamedTuple

import orjson

from cache.bound.audit import Outcome


class Finding(StrEnum):
    SAME = "same"
    DIFFERENT = "different"
    UNSETTLED = "unsettled"
    """Needs a judge."""


class Comparison(NamedTuple):
    finding: Finding
    reason: str
    """In a few fixed words, fit for a metric's label."""


class Bands(NamedTuple):
    """Cosines of the two answers' embeddings. Not measured on labelled answers: a choice of the operator.
    `same_from` above 1 believes no likeness."""

    same_from: float = 0.97
    different_below: float = 0.3


DEFAULT_BANDS = Bands()

_SPACES = re.compile(r"\s+")
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_NUMBER = re.compile(r"\d+(?:[.,:/]\d+)*")
_FENCE = re.compile(r"```[^\n]*\n(.*?)```|`([^`\n]+)`", re.DOTALL)
_BRACKET = re.compile(r"[\[\]{}]")
_YES_NO = {
    "yes": True,
    "yep": True,
    "true": True,
    "correct": True,
    "no": False,
    "nope": False,
    "false": False,
}
_NEGATIONS = frozenset(
    {"no", "not", "never", "none", "neither", "nor", "cannot", "without", "nobody", "nothing", "nowhere"}
    | {"hardly", "unable", "false", "incorrect"}
)
_DEEPEST_JSON = 64
"""Deeper answers are compared as text."""


def compare(
    kept: str, fresh: str, similarity: float | None = None, bands: Bands = DEFAULT_BANDS
) -> Comparison:
    """Both texts are whole answers. `similarity` is the cosine of their embeddings, None if there is none."""
    if _folded(kept) == _folded(fresh) and _code(kept) == _code(fresh):
        return Comparison(Finding.SAME, "equal text")
    plain = _as_json(kept, fresh) or _as_labels(kept, fresh)
    if plain is not None:
        return plain
    obstacle = _obstacle(kept, fresh)
    if obstacle is not None:
        return Comparison(Finding.UNSETTLED, obstacle)
    if similarity is None:
        return Comparison(Finding.UNSETTLED, "no similarity")
    if similarity >= bands.same_from:
        return Comparison(Finding.SAME, "alike")
    if similarity < bands.different_below:
        return Comparison(Finding.DIFFERENT, "unlike")
    return Comparison(Finding.UNSETTLED, "doubtful")


def outcome_of(comparison: Comparison, judged: Outcome | None = None) -> Outcome:
    """The audit's outcome. A judge is heard only where the comparison settled nothing; None is a judge that
    was not asked, failed or abstained."""
    match comparison.finding:
        case Finding.SAME:
            return Outcome.SAME
        case Finding.DIFFERENT:
            return Outcome.DIFFERENT
        case Finding.UNSETTLED:
            return Outcome.UNKNOWN if judged is None else judged


def _folded(text: str) -> str:
    """White space, case, the form of characters and a full stop at the end do not matter."""
    return _SPACES.sub(" ", unicodedata.normalize("NFC", text)).strip().rstrip(".").casefold()


def _as_json(kept: str, fresh: str) -> Comparison | None:
    """None unless both are JSON objects or lists."""
    first, second = _parsed(kept), _parsed(fresh)
    if first is None or second is None:
        return None
    if _exactly_equal(first, second):
        return Comparison(Finding.SAME, "equal JSON")
    if _exactly_equal(_without_texts(first), _without_texts(second)):
        return Comparison(Finding.UNSETTLED, "texts in JSON")
    return Comparison(Finding.DIFFERENT, "other JSON")


def _parsed(text: str) -> Any:
    stripped = text.strip()
    if stripped[:3] == "```" and stripped.endswith("```") and "\n" in stripped:
        stripped = stripped[stripped.index("\n") : -3].strip()
    if not stripped.startswith(("{", "[")) or _depth(stripped) > _DEEPEST_JSON:
        return None
    try:
        return orjson.loads(stripped)
    except orjson.JSONDecodeError:
        return None


def _depth(text: str) -> int:
    """Of the brackets, those inside of texts included."""
    deepest = depth = 0
    for bracket in _BRACKET.findall(text):
        depth += 1 if bracket in "[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _exactly_equal(first: object, second: object) -> bool:
    """As JSON: true is not 1, though Python says so; 1 and 1.0 are one number."""
    if isinstance(first, dict) and isinstance(second, dict):
        return first.keys() == second.keys() and all(_exactly_equal(first[k], second[k]) for k in first)
    if isinstance(first, list) and isinstance(second, list):
        return len(first) == len(second) and all(map(_exactly_equal, first, second))
    return isinstance(first, bool) == isinstance(second, bool) and first == second


def _without_texts(value: object) -> object:
    if isinstance(value, dict):
        return {name: _without_texts(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_without_texts(each) for each in value]
    return "" if isinstance(value, str) else value


def _as_labels(kept: str, fresh: str) -> Comparison | None:
    """Answers that begin with yes or no, and answers of one word or number."""
    first, second = _WORD.findall(_folded(kept)), _WORD.findall(_folded(fresh))
    if not first or not second:
        return None
    says, denies = _YES_NO.get(first[0]), _YES_NO.get(second[0])
    if says is not None and denies is not None and says is not denies:
        return Comparison(Finding.DIFFERENT, "yes and no")
    if len(first) == len(second) == 1 and first != second:
        return Comparison(Finding.DIFFERENT, "other label")
    return None


def _obstacle(kept: str, fresh: str) -> str | None:
    """What a likeness of the whole overlooks."""
    if _code(kept) != _code(fresh):
        return "code"
    if sorted(_NUMBER.findall(kept)) != sorted(_NUMBER.findall(fresh)):
        return "numbers"
    if _negations(kept) != _negations(fresh):
        return "negations"
    return "names" if _strange_names(kept, fresh) or _strange_names(fresh, kept) else None


def _code(text: str) -> list[str]:
    return [(block or inline).rstrip() for block, inline in _FENCE.findall(text)]


def _negations(text: str) -> int:
    words = [word.replace("’", "'") for word in _WORD.findall(text.casefold())]
    return sum(word in _NEGATIONS or word.endswith("n't") for word in words)


def _strange_names(text: str, other: str) -> bool:
    """Whether a word with a capital stands in one and in no spelling in the other. The first word of a
    sentence counts too: it may be a name, and taking it for one costs at most a judge."""
    there = set(_WORD.findall(other.casefold()))
    return any(word[0].isupper() and word.casefold() not in there for word in _WORD.findall(text))
