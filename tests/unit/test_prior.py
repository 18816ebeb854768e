from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from routing import request

from router import prior
from router.prior import FAMILIES, THRESHOLDS, PriorGain, family_of

PRIOR = PriorGain()


def gain(text: str) -> float:
    return PRIOR.gain(request(text)).gain


@pytest.mark.parametrize(
    ("text", "family"),
    [
        ("Hi", "chat"),
        ("", "chat"),
        ("Tell me about the history of Rome", "chat"),
        ("Write a Python function that reverses a list", "code"),
        ("```\ndef f():\n    return 1\n```", "code"),
        ("How many legs have spiders?", "chat"),
        ("How many apples are 13 times 4 apples?", "maths"),
        ("Let $x = \\frac{1}{2}$", "maths"),
        ("Classify this review as positive or negative", "extraction"),
        ("Which is a metal?\nA. Wood\nB. Iron\nC. Air", "choice"),
        ("Which is a metal? (A) Wood\n(B) Iron", "choice"),
    ],
)
def test_task_families(text: str, family: str) -> None:
    assert family_of(text) == family
    assert PRIOR.gain(request(text)).family == family


@given(st.sampled_from(["Why? ", "Sort with Python. ", "Classify: "]), st.integers(1, 50), st.integers(1, 50))
def test_longer_is_never_less(words: str, some: int, more: int) -> None:
    assert gain(words * some) <= gain(words * (some + more))


def test_the_prior_never_claims_to_know() -> None:
    found = PRIOR.gain(request("Hi"))
    assert (found.known, found.novelty) == (False, 1.0)
    assert found.details["family_gain"] == FAMILIES["chat"]
    assert PRIOR.gain(request("Hi")._replace(explain=False)).details == {}


def test_a_short_reply_is_as_hard_as_what_it_is_about() -> None:
    hard = "Write a Python program that proves this theorem about distributed systems. " * 20
    turns = [
        {"role": "user", "content": hard},
        {"role": "assistant", "content": "Shall I begin?"},
        {"role": "user", "content": "yes"},
    ]
    assert PRIOR.gain(request({"messages": turns})).gain == gain(hard)
    turns[-1]["content"] = "thank you very much for your help today, that will be all for now"
    assert PRIOR.gain(request({"messages": turns})).gain < gain(hard)


def test_thresholds_fall_as_shares_grow() -> None:
    assert len(THRESHOLDS) == 21
    assert all(a > b for a, b in pairwise(THRESHOLDS))
    assert PRIOR.threshold(0.3) == THRESHOLDS[6]
    assert PRIOR.threshold(0.325) == pytest.approx((THRESHOLDS[6] + THRESHOLDS[7]) / 2)
    assert (PRIOR.threshold(-1), PRIOR.threshold(2)) == pytest.approx((THRESHOLDS[0], THRESHOLDS[-1]))
    assert THRESHOLDS[0] == max(FAMILIES.values()) + prior.SLOPE


DOCUMENT = (Path(__file__).resolve().parents[2] / "docs" / "routing.md").read_text()


@pytest.mark.parametrize(
    "shown",
    [
        *(f"| {family} | {weight:.2f} |" for family, weight in FAMILIES.items()),
        f"{prior.SLOPE:.2f} x log2(1 + bytes / 50) / log2(1 + {prior.LONGEST_BYTES} / 50)",
        f"under {prior.SHORT_REPLY_BYTES} bytes",
        *(
            f"| `{name}` | {round(share * 100)} % |"
            for name, share in (("economy", 0.1), ("balanced", 0.3), ("quality", 0.6))
        ),
    ],
)
def test_the_document_has_the_numbers_of_the_code(shown: str) -> None:
    assert shown in DOCUMENT


@pytest.mark.parametrize("words", [prior.CODE_WORDS, prior.EXTRACTION_WORDS, prior.MATHS_WORDS], ids=len)
def test_the_document_names_every_word(words: frozenset[bytes]) -> None:
    assert words <= set(DOCUMENT.encode().split())
