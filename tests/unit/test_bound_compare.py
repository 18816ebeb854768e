from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache.bound.audit import Outcome
from cache.bound.compare import Bands, Comparison, Finding, compare, outcome_of

SAME, DIFFERENT, UNSETTLED = Finding.SAME, Finding.DIFFERENT, Finding.UNSETTLED
NEAR = 0.99


@pytest.mark.parametrize(
    ("kept", "fresh", "reason"),
    [
        ("It is Paris.", "it  is\nParis", "equal text"),
        ("café", "cafe\u0301", "equal text"),
        ('{"a": 1, "b": [true]}', '```json\n{"b":[true],"a":1}\n```', "equal JSON"),
        ("[1, 2.0]", "[ 1, 2.0 ]", "equal JSON"),
        ("You reset it in the settings menu.", "You can reset it in the settings menu.", "alike"),
    ],
)
def test_answers_that_are_the_same(kept: str, fresh: str, reason: str) -> None:
    assert compare(kept, fresh, NEAR) == Comparison(SAME, reason)


@pytest.mark.parametrize(
    ("kept", "fresh", "reason"),
    [
        ("Yes, you can.", "No, you can't.", "yes and no"),
        ("no", "YES!", "yes and no"),
        ("positive", "negative", "other label"),
        ("42", "43", "other label"),
        ('{"a": 1}', '{"a": 2}', "other JSON"),
        ('{"a": 1}', '{"a": true}', "other JSON"),
        ('{"a": 1}', '{"a": 1, "b": null}', "other JSON"),
        ("[1, 2]", "[2, 1]", "other JSON"),
    ],
)
def test_answers_that_contradict_whatever_their_likeness(kept: str, fresh: str, reason: str) -> None:
    assert compare(kept, fresh, 1.0) == Comparison(DIFFERENT, reason)


@pytest.mark.parametrize(
    ("kept", "fresh", "reason"),
    [
        ("Run `ls -l` there.", "Run `ls -a` there.", "code"),
        ("Do this:\n```\nX = 1\n```", "do this:\n```\nx = 1\n```", "code"),
        ("It costs 10 dollars a day.", "It costs 12 dollars a day.", "numbers"),
        ("It was in 10:30 format there", "It was in 1030 format there", "numbers"),
        ("You can delete it later on.", "You cannot delete it later on.", "negations"),
        ("You should use it here.", "You shouldn’t use it here.", "negations"),
        ("The capital is Paris of course.", "The capital is Lyon of course.", "names"),
        ("Paris is the capital there.", "Lyon is the capital there.", "names"),
        ('{"a": "one way to say it"}', '{"a": "another way"}', "texts in JSON"),
    ],
)
def test_what_a_likeness_overlooks_needs_a_judge(kept: str, fresh: str, reason: str) -> None:
    assert compare(kept, fresh, NEAR) == Comparison(UNSETTLED, reason)


ONE, OTHER = "first you open the menu and then you choose", "you choose after the menu was opened first"


@pytest.mark.parametrize(
    ("similarity", "expected"),
    [
        (None, (UNSETTLED, "no similarity")),
        (0.97, (SAME, "alike")),
        (0.969, (UNSETTLED, "doubtful")),
        (0.3, (UNSETTLED, "doubtful")),
        (0.29, (DIFFERENT, "unlike")),
        (float("nan"), (UNSETTLED, "doubtful")),
    ],
)
def test_likeness_settles_only_beyond_its_bands(
    similarity: float | None, expected: tuple[Finding, str]
) -> None:
    assert compare(ONE, OTHER, similarity) == expected


def test_likeness_can_be_turned_off() -> None:
    assert compare(ONE, OTHER, 1.0, Bands(same_from=1.1)).finding is UNSETTLED


def test_json_that_is_too_deep_is_compared_as_text() -> None:
    deep = "[" * 500 + "]" * 500
    assert compare(deep, deep).reason == "equal text"
    assert compare(deep, deep.replace("[]", "[ ]")).finding is UNSETTLED


def test_only_what_is_unsettled_is_for_the_judge() -> None:
    assert outcome_of(Comparison(SAME, ""), Outcome.DIFFERENT) is Outcome.SAME
    assert outcome_of(Comparison(DIFFERENT, ""), Outcome.SAME) is Outcome.DIFFERENT
    assert outcome_of(Comparison(UNSETTLED, ""), Outcome.SAME) is Outcome.SAME


def test_without_a_judge_the_unsettled_is_unknown() -> None:
    assert outcome_of(Comparison(UNSETTLED, "")) is Outcome.UNKNOWN


texts = st.text(st.sampled_from("ab A1.,`\n{}[]\"':no "), max_size=40)


@given(texts, texts, st.one_of(st.none(), st.floats(-1, 1)))
def test_comparing_is_symmetric_and_an_answer_is_the_same_as_itself(
    kept: str, fresh: str, similarity: float | None
) -> None:
    assert compare(kept, kept, similarity).finding is SAME
    assert compare(kept, fresh, similarity).finding is compare(fresh, kept, similarity).finding


@given(texts, texts)
def test_without_a_likeness_only_equal_texts_and_equal_json_are_the_same(kept: str, fresh: str) -> None:
    found = compare(kept, fresh)
    assert found.finding is not SAME or found.reason in ("equal text", "equal JSON")
