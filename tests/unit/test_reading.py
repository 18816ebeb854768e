"""What a gain model reads of a conversation: the words and numbers of what is asked."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from router.features import CHAT
from router.model.reading import FOLLOW_UP_CHARS, Reading, asked, read_text
from router.model.surface import NAMES
from router.model.words import READ_CHARS, Vocabulary, cut, words

VOCABULARY = Vocabulary([b"find", b"the", b"root"], [b"ing", b"ion"])
HARD = "Prove that every continuous function on a compact interval is uniformly continuous, step by step."


def chat(*turns: tuple[str, object]) -> dict[str, Any]:
    return {"messages": [{"role": role, "content": said} for role, said in turns]}


def number(reading: Reading, name: str) -> float:
    return float(reading.surface[NAMES.index(name)])


def test_words_fold_case_and_digits_and_part_at_signs() -> None:
    assert words(b"Find x^2 + 10, the ROOT!") == [b"find", b"x", b"0", b"00", b"the", b"root"]


def test_a_word_without_a_row_has_the_row_of_its_ending_or_the_last() -> None:
    assert VOCABULARY.row_numbers([b"the", b"finding", b"option", b"zebra"]) == [1, 3, 4, 5]
    assert VOCABULARY.rows == 6


def test_a_long_text_is_read_at_both_ends() -> None:
    read = cut("a" * 5_000 + "b" * 5_000)
    assert len(read) == READ_CHARS + 1
    assert read.startswith("a" * (READ_CHARS * 3 // 4) + "\n")
    assert read.endswith("\n" + "b" * (READ_CHARS // 4))


def test_a_reading_names_each_row_once_and_counts_options() -> None:
    reading = read_text("Find the root the root?\nA. 1\nB. 22\nC. 333", VOCABULARY)
    assert reading.rows.tolist() == [0, 1, 2, 5]
    assert number(reading, "options") == 3
    assert number(reading, "stem_asks") == 1
    assert number(reading, "ends_asking") == 0


@pytest.mark.parametrize(
    "text", ["", "?", "\ud800 lone", "你好，世界", "🙂" * 300, "\x00\n\n", "x" * 100_000]
)
def test_no_text_is_too_odd(text: str) -> None:
    reading = read_text(text, VOCABULARY)
    assert np.isfinite(reading.surface).all()
    assert len(reading.surface) == len(NAMES)
    assert reading.chars == len(text)


def test_a_reading_survives_being_kept() -> None:
    reading = read_text("Finding the root of 2?", VOCABULARY)
    again = Reading.from_bytes(reading.to_bytes())
    assert again.rows.tolist() == reading.rows.tolist()
    assert again.surface.tolist() == reading.surface.tolist()
    assert again.chars == reading.chars


@pytest.mark.parametrize(
    "spoil", [lambda d: d[:3], lambda d: d[:-1], lambda d: b"\x09" + d[1:], lambda d: b""]
)
def test_what_is_no_reading_is_refused(spoil: Any) -> None:
    with pytest.raises(ValueError, match="reading"):
        Reading.from_bytes(spoil(read_text("the root", VOCABULARY).to_bytes()))


def test_the_last_users_turn_is_read() -> None:
    assert asked(chat(("system", "be brief"), ("user", "hello " * 50)), CHAT) == "hello " * 50


def test_yes_is_read_with_the_question_before_it() -> None:
    read = asked(chat(("user", HARD), ("assistant", "Shall I use epsilon and delta?"), ("user", "yes")), CHAT)
    assert read == f"{HARD}\nyes"


def test_yes_to_a_proposal_is_read_with_the_proposal() -> None:
    read = asked(chat(("user", "hi"), ("assistant", HARD), ("user", "yes")), CHAT)
    assert read == f"{HARD}\nyes"


def test_a_long_turn_stands_for_itself() -> None:
    long = "x" * FOLLOW_UP_CHARS
    assert asked(chat(("user", HARD), ("assistant", "ok"), ("user", long)), CHAT) == long


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"messages": []},
        {"messages": [{"role": "user"}]},
        {"messages": [{"content": None}]},
        {"messages": [{"role": "user", "content": [{"type": "image_url"}, 3, None]}]},
        {"messages": [{"role": "tool", "content": {"a": 1}}]},
    ],
)
def test_odd_conversations_are_read_as_nothing(fields: dict[str, Any]) -> None:
    assert asked(fields, CHAT) == ""
