"""How demanding a conversation looks, from its surface: a plain sum that a person can check by hand.

It reads words and marks, not meaning. `docs/routing.md` says what that is worth, measured.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import log2
from typing import NamedTuple

from router.decision import RouteRequest
from router.features import last_turns, utf8_bytes

LENGTH, CODE, CONSTRAINTS, HARD, MATHS, EASY = 0.65, 0.10, 0.10, 0.05, 0.05, -0.15
"""Weights of the parts of one text's score, each part between 0 and 1."""
TOOLS, FORMAT, LONG_CONTEXT = 0.08, 0.04, 0.10
"""Added for the request as a whole."""

SHORT_REPLY_BYTES = 40
EARLIER_TURNS = 4
EARLIER_WEIGHT = 0.5
READ_CHARS = 1_500
"""Of a longer text, this much is read: three quarters at its start, the rest at its end."""
EARLIER_READ_CHARS = 400
LONGEST_BYTES = 4_000
LONG_CONTEXT_TOKENS = 32_000
"""Where the part for length, and the one for context, reach 1."""
_LONGEST = log2(1 + LONGEST_BYTES / 50)
_LONG_CONTEXT = log2(1 + LONG_CONTEXT_TOKENS / 1_000)


def _words(text: str) -> frozenset[bytes]:
    """As bytes: text is folded and split in its encoded form, which is several times faster."""
    return frozenset(text.encode().split())


HARD_WORDS = _words(
    """why how prove proof derive derivation analyze analyse analysis compare contrast evaluate critique
    design architect architecture optimize optimise optimal debug refactor implement algorithm complexity
    theorem lemma integral derivative equation probability theory hypothesis infer reasoning reason strategy
    plan tradeoff tradeoffs trade-off implications diagnose diagnosis legal contract clause liability explain
    justify estimate simulate calculate compute solve concurrency distributed"""
)
EASY_WORDS = _words(
    """hi hello hey thanks thank classify label sentiment translate translation spell spelling define
    definition capitalize lowercase uppercase extract list rephrase paraphrase headline title summarize
    summarise tl;dr yes/no"""
)
CONSTRAINT_WORDS = _words(
    """must exactly without only ensure except unless least most step steps strictly never always each every
    constraint constraints requirement requirements not between before after if"""
)
CODE_MARKS = (b"```", b"{", b"()", b"</", b"def ", b"import ")
MATHS_MARKS = b"12350=+^\\$"
_KNOWN = HARD_WORDS | EASY_WORDS | CONSTRAINT_WORDS
_SPEAKERS = frozenset({"user", "assistant"})
_BREAKS = b"?!.,:()[]{}\"'`*#<>\n"
_FOLD = bytes.maketrans(_BREAKS, b" " * len(_BREAKS)).lower()
"""ASCII letters to lower case, punctuation to blanks; bytes of other scripts stay as they are."""


class Complexity(NamedTuple):
    score: float
    """0 to 1, to two decimals, so that what is shown is what was compared."""
    last_turn: float
    """The score of the last user turn alone."""
    earlier: float
    """What earlier turns lend it, already weighted; 0 where it could not be more than `last_turn`."""
    request: float
    """What tools, format and a long context add."""


def complexity(request: RouteRequest) -> Complexity:
    """Of the whole conversation: the last user turn, or what it leans on, plus the request's own demands."""
    turns = last_turns(request.fields, request.api)
    text = ""
    for role, said in turns:
        if role == "user":
            text = said
            break
    last = text_score(text, READ_CHARS)
    weight = 1.0 if utf8_bytes(text) < SHORT_REPLY_BYTES else EARLIER_WEIGHT
    earlier = weight * _most_demanding(turns) if last < weight and _has_earlier(request) else 0.0
    added = _request_score(request)
    return Complexity(round(min(1.0, max(last, earlier) + added), 2), last, earlier, added)


def _has_earlier(request: RouteRequest) -> bool:
    return len(request.fields.get("messages") or ()) > 1


def text_score(text: str, read_chars: int) -> float:
    """0 to 1 for one text."""
    score = LENGTH * min(1.0, log2(1 + utf8_bytes(text) / 50) / _LONGEST)
    if len(text) > read_chars:
        text = text[: read_chars * 3 // 4] + "\n" + text[-read_chars // 4 :]
    read = text.encode("utf-8", "surrogatepass")
    if marks := sum(map(read.count, CODE_MARKS)):
        score += CODE * min(1.0, marks / 3)
    if known := _KNOWN.intersection(read.translate(_FOLD).split()):
        score += CONSTRAINTS * min(1.0, len(known & CONSTRAINT_WORDS) / 4)
        score += HARD * min(1.0, len(known & HARD_WORDS) / 3)
        score += EASY * min(1.0, len(known & EASY_WORDS) / 2)
    maths = len(read) - len(read.translate(None, MATHS_MARKS)) - 3
    if maths > 0:
        score += MATHS * min(1.0, maths / 12)
    return min(1.0, max(0.0, score))


def _most_demanding(turns: Iterator[tuple[str, str]]) -> float:
    """The highest score of the latest turns that say something. Assistant turns count as well: a short reply
    approves what they proposed."""
    said = [text for role, text in turns if role in _SPEAKERS and utf8_bytes(text) >= SHORT_REPLY_BYTES]
    return max([text_score(text, EARLIER_READ_CHARS) for text in said[:EARLIER_TURNS]], default=0.0)


def _request_score(request: RouteRequest) -> float:
    added = LONG_CONTEXT * min(1.0, log2(1 + request.prompt_tokens / 1_000) / _LONG_CONTEXT)
    if len(request.needs) > 1:  # more than its API
        added += (TOOLS if "tools" in request.needs else 0.0) + (
            FORMAT if "json_schema" in request.needs else 0.0
        )
    return added
