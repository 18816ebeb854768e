"""The canonical form of any text."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from cache.canonical import canonical
from cache.wording import CONTRACTIONS, SPELLINGS

WORDS = st.sampled_from(
    [
        *sorted(CONTRACTIONS), *sorted(SPELLINGS), "the", "a", "an", "A", "few", "please", "Hi", "thanks",
        "how", "do", "I", "you", "can", "tell", "me", "what", "is", "are", "not", "never", "cats", "IT", "US",
        "vitamin", "twenties", "long-term", "3", "1,000", "10", ",", "?", ".", "!", "C++", "#", "'", "’s",
        "x-y", "熵",
    ]
)  # fmt: skip
TEXTS = st.lists(WORDS, min_size=1, max_size=12).map(" ".join)
NEGATIONS = ("not", "no", "never")


@given(st.one_of(TEXTS, st.text(min_size=1, max_size=80)))
def test_a_form_is_its_own_form_and_never_empty(text: str) -> None:
    form = canonical(text)
    assert form
    assert canonical(form) == form


@given(TEXTS, st.integers(13, 10**6), st.integers(13, 10**6))
def test_texts_with_different_numbers_never_meet(text: str, one: int, other: int) -> None:
    assert (canonical(f"{text} {one} rivers") == canonical(f"{text} {other} rivers")) == (one == other)


@given(TEXTS)
def test_a_negation_more_is_never_folded_away(text: str) -> None:
    for word in NEGATIONS:
        assert canonical(f"{text} river") != canonical(f"{text} {word} river")


@given(st.text(alphabet="αβγдежगकमあ漢字", min_size=1, max_size=12))
def test_letters_of_other_scripts_all_stay(text: str) -> None:
    assert re.sub(r"\s", "", canonical(text)) == text
