"""The canonical form: what it folds, and what it must never fold."""

from __future__ import annotations

import pytest

from cache.canonical import canonical

FOLDED = [
    ("case and the signs at the end", "What is entropy?", "what is entropy"),
    ("white space", "what  is\u00a0entropy ?", "What is entropy"),
    ("contractions", "What's the plan? I don't know.", "what is the plan ? i do not know"),
    ("curly apostrophes", "What’s up", "What's up"),
    ("articles", "How tall is the tower in a park", "how tall is tower in park"),
    ("plurals", "What are the best books on cats", "what is the best book on cat"),
    ("spelling", "What is your favourite colour", "what is your favorite color"),
    ("small numbers", "name three rivers", "name 3 rivers"),
    ("thousands", "how far is 1,000 km", "how far is 1000 km"),
    ("greetings and thanks", "Hi there, please name a river. Thanks!", "name a river"),
    ("asking to be told", "Can you tell me what entropy is?", "what entropy is"),
    ("asking to have it explained", "Could someone explain what entropy is?", "what entropy is"),
    (
        "a letter that is not of a word",
        "How do I write a cover letter?",
        "how can I write the cover letter",
    ),
    ("the correct way", "What is the correct way to hold pens?", "what is the correct way to hold a pen"),
    ("ways to ask how", "How do I bake bread?", "how can we bake bread"),
    ("hyphens of long words", "a long-term plan", "a long term plan"),
    ("one accent, two encodings", "cafe\u0301 near me", "café near me"),
]

KEPT = [
    ("negation", "Is it safe to swim?", "Is it not safe to swim?"),
    ("negation in a contraction", "Should I go?", "Shouldn't I go?"),
    ("numbers", "10 rivers", "100 rivers"),
    ("decimals", "is 1.5 enough", "is 15 enough"),
    ("lists of numbers", "add 1, 2", "add 12"),
    ("order", "Does Ann love Bob?", "Does Bob love Ann?"),
    ("possession", "who is my mother's father", "who is my father's mother"),
    ("names", "Is Ann Lee a nurse?", "Is Ann Li a nurse?"),
    ("symbols", "books on C++", "books on C#"),
    ("symbols against none", "books on C++", "books on C"),
    ("factorials", "what is 5!", "what is 5"),
    ("other scripts", "什么是熵", "什么是光"),
    ("scripts with marks", "क्या है", "कया है"),
    ("a few is not few", "a few people came", "few people came"),
    ("letters that look like articles", "vitamin A dose", "vitamin dose"),
    ("capitals that mean something else", "jobs in IT", "jobs in it"),
    ("who is asked", "How do you feel?", "How do I feel?"),
    ("words that are no plural", "what is the news", "what is the new"),
    ("texts about words", "plural of cat", "plural of cats"),
    ("what is correct in a text", "is the cat correct", "is a cat correct"),
    ("quotations", 'translate "a cat"', 'translate "the cat"'),
    ("code", "x = {a: 1}", "x = {A: 1}"),
    ("lines and their indent", "if a:\n    b", "if a:\nb"),
    ("a request is no question", "Tell me a joke", "a joke"),
    ("times", "plans for Monday", "plans for Tuesday"),
]


@pytest.mark.parametrize(("one", "other"), [each[1:] for each in FOLDED], ids=[each[0] for each in FOLDED])
def test_two_spellings_have_one_form(one: str, other: str) -> None:
    assert canonical(one) == canonical(other)


@pytest.mark.parametrize(("one", "other"), [each[1:] for each in KEPT], ids=[each[0] for each in KEPT])
def test_two_meanings_have_two_forms(one: str, other: str) -> None:
    assert canonical(one) != canonical(other)


def test_a_long_text_stays_as_it_is() -> None:
    text = "What is THE sum? " * 60
    assert canonical(text) == text.strip()


@pytest.mark.parametrize("text", [" ", "?", "the", "please", "hi there", "a an the", "\n", "How do I"])
def test_a_form_is_never_empty(text: str) -> None:
    assert canonical(text)
