"""Each veto parts what asks for two answers, and lets its counterexample through."""

from __future__ import annotations

import pytest

from cache.judging.judge import Judge
from cache.judging.verifier import load
from gateway.word_vectors import LexiconVectors
from router.model import lexicon


@pytest.fixture(scope="module")
def judge() -> Judge:
    return Judge(LexiconVectors(lexicon()), load())


PARTED = [
    ("negation", "Is it safe to swim here at night?", "Is it not safe to swim here at night?"),
    ("negation", "How can I travel with money?", "How can I travel without money?"),
    ("negation", "Is it legal to be not tall here?", "Is it not legal to be tall here?"),
    ("numbers", "How do I spend 10 dollars?", "How do I spend 100 dollars?"),
    ("numbers", "What is new in version 3.10?", "What is new in version 3.11?"),
    ("kind", "Why do cats sleep?", "How long do cats sleep?"),
    ("kind", "When did the war begin?", "Why did the war begin?"),
    ("kind", "Is Ann a nurse?", "Is Ann becoming a nurse?"),
    ("names", "What hotels are cheap in Paris?", "What hotels are cheap in London?"),
    ("names", "How old is the singer Adele?", "How old is the singer Madonna?"),
    ("symbols", "What are the best books on C++?", "What are the best books on C#?"),
    ("antonyms", "How can I increase traffic to my site?", "How can I decrease traffic to my site?"),
    ("antonyms", "How can I become a happy person?", "How can I become an unhappy person?"),
    ("antonyms", "What is the easiest way out?", "What is the hardest way out?"),
    ("time", "What should I eat before running?", "What should I eat after running?"),
    ("time", "What are the plans for today?", "What are the plans for tomorrow?"),
    ("tense", "Who will win the cup?", "Who did win the cup?"),
    ("quantity", "What do both parties want?", "What do all other parties want?"),
    ("modal", "What should I tell them?", "What can I tell them?"),
    ("pronoun", "Why would he reject that offer?", "Why would she reject that offer?"),
    ("pointing", "What is the resistance of a circuit?", "What is the resistance of this circuit?"),
    ("owner", "What is my best feature?", "What is your best feature?"),
    ("form", "How can I seem less confusing to people?", "How can I seem less confused by people?"),
    ("direction", "How do I fly to the coast?", "How do I fly from the coast?"),
    ("order", "Why did the dog bite the man?", "Why did the man bite the dog?"),
    ("order", "Who is my mother's father?", "Who is my father's mother?"),
    ("roles", "Why did the dog bite the man?", "Why was the dog bitten by the man?"),
    ("order", "Who did Ann work for?", "Who worked for Ann?"),
    ("person", "Who am I to judge?", "Who are you to judge?"),
    ("person", "What is your happiness?", "What is happiness?"),
    ("person", "How do I forgive?", "How do I forgive myself?"),
    ("able", "Why can't I lose weight?", "Why don't I lose weight?"),
    ("past", "Where do the credits go?", "Where did the credits go?"),
    ("side", "What is the value of a circuit diagram?", "What is a circuit diagram?"),
    ("defined", "What is a nation?", "What is a country?"),
    ("names", "How do I learn french?", "How do I learn german?"),
    ("substitution", "How do I clean a horse?", "How do I clean a goat?"),
    ("scope", "How can I learn to code?", "How can I learn to code for robots?"),
    ("scope", "What is a bank (river)?", "What is a bank (money)?"),
    ("unknown", "How do I prepare dinner?", "How do I prepare zqxv dinner?"),
    ("substitution", "How do I learn chess?", "How do I learn piano?"),
    ("roles", "What can I do about my neighbor's loud dog?", "What can my neighbor do about my loud dog?"),
    ("order", "Who is the father of Tom Sawyer?", "Who is Tom Sawyer the father of?"),
    ("order", "What percentage of the earth is water?", "What percentage of water is on the earth?"),
    ("order", "How do I get my friend back?", "How do I get back at my friend?"),
    ("direction", "What is a good gift for a teacher?", "What is a good gift from a teacher?"),
    ("direction", "What is it like to work at Bosch?", "What is it like to work with Bosch?"),
    ("tense", "Who is the mayor of Oslo?", "Who was the mayor of Oslo?"),
    ("antonyms", "What is macroeconomics?", "What is microeconomics?"),
    ("antonyms", "How do I sort names in ascending order?", "How do I sort names in descending order?"),
    ("antonyms", "How do I get into the army?", "How do I get out of the army?"),
    ("form", "How do I clean my glasses?", "How do I clean my glass?"),
    ("added", "How long does it take to sing well?", "How long does it take to sing?"),
    ("added", "What are the best movies?", "What are the best horror movies?"),
    ("literal", "print('a', end='')", "print('a')"),
    ("literal", "What is the plural of cat?", "What is the plural of cats?"),
]


@pytest.mark.parametrize(("veto", "one", "other"), PARTED)
def test_a_veto_parts(veto: str, one: str, other: str, judge: Judge) -> None:
    there = judge.judge(judge.prepare(one), judge.prepare(other))
    back = judge.judge(judge.prepare(other), judge.prepare(one))
    assert there.score == back.score == 0.0
    assert veto in (there.veto, back.veto)


TOGETHER = [
    ("How do I learn chess?", "What is the best way to learn chess?"),
    ("Why do cats sleep?", "What is the reason that cats sleep?"),
    ("What is the difference between a frog and a toad?", "What's the difference between a toad and a frog?"),
    ("Who is the best singer and dancer?", "Who is the best dancer and singer?"),
    ("What are the best movies of 2016?", "What are the best 2016 movies?"),
    ("Can you really feel pain while asleep?", "Can you actually feel pain while asleep?"),
    ("How can I buy a car?", "How do I purchase a car?"),
    ("Where can I find cheap phones?", "Where can I find cheap mobile phones?"),
    ("How does it feel to fly?", "What is it like to fly?"),
    ("What would happen if the moon fell?", "What if the moon fell?"),
    ("How do I recover from an injury?", "How do I recover from an injurry?"),
    ("How do I learn Python online?", "How can I learn Python on the internet?"),
]


@pytest.mark.parametrize(("one", "other"), TOGETHER)
def test_wording_alone_parts_nothing(one: str, other: str, judge: Judge) -> None:
    verdict = judge.judge(judge.prepare(one), judge.prepare(other))
    assert verdict.veto == ""
    assert verdict.score >= judge.model.threshold
