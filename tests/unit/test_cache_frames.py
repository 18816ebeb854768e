"""Each rule of the judgement: a question in two wordings is served, the question beside it is not."""

from __future__ import annotations

import pytest

from benchmarks.cache.measure import would_serve as served
from cache.judging.choosing import chosen
from cache.judging.comparing import slipped
from cache.judging.everyday import EVERYDAY
from cache.judging.judge import Judge
from cache.judging.reading import read, unquoted
from cache.judging.synonyms import SYNONYM
from cache.judging.verifier import load
from gateway.word_vectors import LexiconVectors
from router.model import lexicon


@pytest.fixture(scope="module")
def judge() -> Judge:
    return Judge(LexiconVectors(lexicon()), load())


BOTH_WAYS = [
    ("Which is better, a canoe or a kayak?", "A canoe or a kayak, which one is better?"),
    ("Is a canoe or a kayak better for lakes?", "A kayak or a canoe, which is better for lakes?"),
    ("What do you think is the tallest bridge?", "What is the tallest bridge?"),
    ("What tent should I buy for winter trips?", "What is the best tent to buy for winter trips?"),
    ("How much does a plumber earn in Chile?", "What is the average salary of a plumber in Chile?"),
    ("How many people live in Oslo?", "What is the population of Oslo?"),
    ("Why is a visa for Kenya necessary?", "Why do we need a visa for Kenya?"),
    ("What distinguishes a viola from a violin?", "What is the difference between a viola and a violin?"),
    ("When should I plant garlic?", "When is the best time to plant garlic?"),
    ("Is a violin worth buying?", "Is it worth buying a violin?"),
    ("What makes marble so hard?", "Why is marble so hard?"),
    ("What led to the fall of Carthage?", "What were the reasons for the fall of Carthage?"),
    ("What are the best books to learn beekeeping?", "What are the best books on beekeeping?"),
    ("How do I learn the Ruby programming language?", "How do I learn Ruby?"),
    ("Who is your favourite sculptor?", "Which is your favourite sculptor?"),
    ("What should I do if my boat leaks?", "What can I do when my boat leaks?"),
    ("How would you go about baking bread?", "How do I bake bread?"),
    ("Can you explain what a fjord is?", "What is a fjord?"),
    ("Can anyone give me some examples of mammals?", "What are some examples of mammals?"),
    ("Who was the greatest painter in history?", "Who was the greatest painter of all time?"),
    ("What is the effect of salt on roses?", "What is the effect on roses of salt?"),
    ("Who won the chess championship in Baku?", "Who won the Baku chess championship?"),
    ('Who wrote the play "The Seagull"?', "Who wrote the play The Seagull?"),
    (
        "How do I restore files that were deleted from a camera?",
        "How do I restore deleted files of a camera?",
    ),
    ("Which tool(s) cut glass?", "Which tools cut glass?"),
    ("Does a co-pilot sleep on long flights?", "Does a copilot sleep on long flights?"),
    ("Why can a cello cost $ 900?", "Why can a cello cost 900 dollars?"),
    ("Who is the king of Spain now?", "Who is the king of Spain?"),
    ("What are the benifets of yoga?", "What are the benefits of yoga?"),
]


@pytest.mark.parametrize(("one", "other"), BOTH_WAYS)
def test_one_question_in_two_wordings_is_served(judge: Judge, one: str, other: str) -> None:
    assert served(judge, one, other)
    assert served(judge, other, one)


NEITHER_WAY = [
    ("Which is better, a canoe or a kayak?", "Which is cheaper, a canoe or a kayak?"),
    ("Which canoe is better, the red or the blue one?", "Which kayak is better, the red or the blue one?"),
    ("What do you think is the best tent?", "What do you think of the best tent?"),
    ("What tent should I buy?", "What tent should I not buy?"),
    ("How much does a plumber earn?", "How much does a plumber charge?"),
    ("How many people live in Oslo?", "How many people work in Oslo?"),
    ("When should I plant garlic?", "When can I plant garlic?"),
    ("What makes marble so hard?", "What makes good marble?"),
    ("What led to the war?", "What did the war lead to?"),
    ("What are the best books to learn beekeeping?", "What are the best books to teach beekeeping?"),
    ("Who is a sculptor?", "What is a sculptor?"),
    ("What should I do if my boat leaks?", "What should I do before my boat leaks?"),
    ("What is the best degree in history?", "What is the best degree of all time?"),
    ("What is the effect of salt on roses?", "What is the effect of roses on salt?"),
    ('Who wrote the play "The Seagull"?', 'Who wrote the play "The Cherry Orchard"?'),
    ('What does "trending" mean?', "What is trending?"),
    ("Who is Donald Trump?", "Who is Melania Trump?"),
    ("What is the current law on fishing?", "What was the law on fishing?"),
    (
        "What are the best leather boots for long walks in Wales?",
        "What are the best boots for long walks in Wales?",
    ),
    ("Do old horses sleep well in cold stables?", "Do old horses sleep well in warm stables?"),
    ("Which photos were taken by a surgeon?", "Which photos were taken of a surgeon?"),
    ("How do I overcome my fear of work?", "How do I overcome fear?"),
    ("What is the easiest way to bake bread?", "How do I bake bread?"),
]


@pytest.mark.parametrize(("one", "other"), NEITHER_WAY)
def test_the_question_beside_it_is_not(judge: Judge, one: str, other: str) -> None:
    assert not served(judge, one, other)
    assert not served(judge, other, one)


def test_what_follows_if_so_is_asked_of_the_question_before(judge: Judge) -> None:
    kept = "Is marble porous? If so, why?"
    assert served(judge, "Why is marble porous?", kept)
    assert served(judge, "Is marble porous?", kept)
    assert not served(judge, "How is marble porous?", kept)


def test_a_part_without_its_subject_is_no_part(judge: Judge) -> None:
    assert not served(judge, "What are the main symptoms?", "What is gout? What are the main symptoms?")
    assert served(judge, "What are the causes of gout?", "What is gout? What are the causes of gout?")


def test_which_of_two_needs_exactly_two() -> None:
    assert chosen(["which", "is", "better", "canoe", "or", "kayak"]) == ["<better>", "canoe", "or", "kayak"]
    assert chosen(["which", "is", "better", "canoe", "or", "kayak", "or", "raft"]) == []
    assert chosen(["which", "boat", "is", "better"]) == []


def test_quotation_marks_go_and_what_they_held_is_remembered() -> None:
    assert unquoted('Who said "to be" or «not to be»?') == (
        "Who said to be or not to be?",
        ("not to be", "to be"),
    )
    assert unquoted("a 5'10\" door") == ("a 5'10\" door", ())
    assert read("a 5'10\" door").literal
    assert read('the order of "x"').quoted == ("x",)


def test_two_slips_and_more_than_two() -> None:
    assert slipped("recieved", "received")
    assert not slipped("canoe", "kayak")


def test_a_word_is_in_one_group() -> None:
    later = [word for line in EVERYDAY.strip().splitlines() for word in line.split()[1:]]
    assert len(later) == len(set(later))
    assert all(SYNONYM[SYNONYM[word]] == SYNONYM[word] for word in SYNONYM)
