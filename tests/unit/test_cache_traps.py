"""Pairs that look alike and are not the same are not served, in either direction."""

from __future__ import annotations

from collections import Counter

import pytest

from benchmarks.cache.measure import would_serve as served
from benchmarks.cache.trap_pairs import EACH, TrapPair, minimal_pairs, trap_pairs
from cache.judging.judge import Judge
from cache.judging.parts import parts
from cache.judging.verifier import load
from gateway.word_vectors import LexiconVectors
from router.model import lexicon

LEAST = 110
MOST_SERVED = 0.002


@pytest.fixture(scope="module")
def judge() -> Judge:
    return Judge(LexiconVectors(lexicon()), load())


def test_the_pairs_are_many_of_each_kind_and_drawn_alike() -> None:
    pairs = list(trap_pairs())
    counts = Counter(pair.capability for pair in pairs)
    assert min(counts.values()) >= LEAST
    assert max(counts.values()) == EACH
    assert pairs == list(trap_pairs())
    assert all(pair.one != pair.other for pair in pairs)
    assert len(set(pairs)) == len(pairs)


def test_hardly_a_pair_with_one_change_is_served(judge: Judge) -> None:
    pairs = list(minimal_pairs())
    assert len(pairs) == len(set(pairs)) > 300
    wrong = [
        pair for pair in pairs if served(judge, pair.one, pair.other) or served(judge, pair.other, pair.one)
    ]
    assert len(wrong) <= 0.005 * len(pairs), wrong


def test_hardly_a_trap_is_served(judge: Judge) -> None:
    wrong: dict[str, list[TrapPair]] = {}
    counts: Counter[str] = Counter()
    for pair in trap_pairs():
        counts[pair.capability] += 1
        if served(judge, pair.one, pair.other) or served(judge, pair.other, pair.one):
            wrong.setdefault(pair.capability, []).append(pair)
    shares = {capability: len(found) / counts[capability] for capability, found in wrong.items()}
    assert all(share <= MOST_SERVED for share in shares.values()), wrong


ALIKE = [
    ("How much does a piano cost?", "What is the price of a piano?"),
    ("What is the best way to bake bread?", "How can one bake bread?"),
    ("How does a violin differ from a viola?", "What is the difference between a viola and a violin?"),
    ("Which laptop is best for students?", "What is the best laptop for students?"),
    ("What are the reasons to learn chess?", "Why should I learn chess?"),
    ("If it rains, what should I wear?", "What should I wear if it rains?"),
    ("Who is the inventor of dynamite?", "Who invented dynamite?"),
    ("What does entropy mean?", "What is the meaning of entropy?"),
    ("How can deleted photos be restored?", "How do I restore deleted photos?"),
    ("What is a hammer drill used for?", "What is the use of a hammer drill?"),
    (
        "What are the pros and cons of solar panels?",
        "What are the advantages and disadvantages of solar panels?",
    ),
    ("What is a good way to quit smoking?", "How do I stop smoking?"),
    ("Which were the best movies of the year 2016?", "What was the best movie of 2016?"),
    ("How do accelleraters make a profit?", "How does an accelerator make profit?"),
]


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_one_question_in_two_frames_is_served(judge: Judge, one: str, other: str) -> None:
    assert served(judge, one, other)
    assert served(judge, other, one)


WHOLE = [
    ("What is entropy?", "What is entropy? Why does it grow?"),
    ("What is entropy?", "What is entropy and how is it measured?"),
    ("Why do cats purr?", "When and why do cats purr?"),
    (
        "What are the advantages of solar panels?",
        "What are the advantages and disadvantages of solar panels?",
    ),
    ("Has anyone tried cold brew coffee?", "Is espresso strong? Has anyone tried cold brew coffee?"),
]


@pytest.mark.parametrize(("asked", "kept"), WHOLE)
def test_the_answer_to_several_questions_answers_one_but_not_the_other_way_round(
    judge: Judge, asked: str, kept: str
) -> None:
    assert served(judge, asked, kept)
    assert not served(judge, kept, asked)


@pytest.mark.parametrize(
    "text",
    [
        "What is entropy?",
        "I am a chemist. What is entropy?",
        "What is the best laptop? Under 500 dollars?",
        "Is it safe? What about children?",
        "What is 5! or 6!?",
        'What is "entropy"? Why does it grow?',
        "",
    ],
)
def test_what_leans_on_the_rest_is_no_part(text: str) -> None:
    assert parts(text) == ()


def test_a_later_question_that_leans_on_the_first_is_no_part() -> None:
    assert parts("What is a viola? Who makes the best ones?") == ("What is a viola",)
