from __future__ import annotations

import pytest

from cache import seeds
from cache.seeds import Seed, SeedError, read_seeds


def test_pairs_are_read_in_order() -> None:
    lines = [
        '{"prompt": "Hi?", "answer": "Yes."}',
        "",
        '{"answer": "Ça va", "prompt": "Q", "model": "m"}\n',
    ]
    expected = [Seed("Hi?", "Yes.", ""), Seed("Q", "Ça va", "m")]
    assert read_seeds(lines, "faq.jsonl") == expected
    assert read_seeds([line.encode() for line in lines], "faq.jsonl") == expected


def test_one_prompt_may_have_an_answer_per_model() -> None:
    lines = ['{"prompt": "q", "answer": "a", "model": "m"}', '{"prompt": "q", "answer": "b", "model": "n"}']
    assert [seed.model for seed in read_seeds(lines, "f")] == ["m", "n"]


GOOD = '{"prompt": "q", "answer": "a"}'


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "no JSON"),
        (b'{"prompt": "\xff"}', "no JSON"),
        ("[]", "not an object"),
        ('{"prompt": "q"}', "answer must be a text"),
        ('{"prompt": "  ", "answer": "a"}', "prompt must be a text"),
        ('{"prompt": "q", "answer": 1}', "answer must be a text"),
        ('{"prompt": "q", "answer": "a", "model": ""}', "model must be a text"),
        ('{"prompt": "q", "answer": "a", "modle": "m"}', "unknown field 'modle'"),
        (GOOD, "the prompt of line 1 again"),
        ('{"prompt": "' + "q" * 8_193 + '", "answer": "a"}', "more than 8192 characters"),
        ('{"prompt": "p", "answer": "' + "ü" * 128_001 + '"}', "more than 256000 bytes"),
    ],
)
def test_what_is_wrong_is_named_with_file_and_line(line: str | bytes, said: str) -> None:
    with pytest.raises(SeedError, match=said) as caught:
        read_seeds([GOOD, "", line], "faq.jsonl")
    assert str(caught.value).startswith("faq.jsonl, line 3: ")


def test_a_file_without_a_pair_is_an_error() -> None:
    with pytest.raises(SeedError, match=r"^faq.jsonl: no pair"):
        read_seeds(["", " "], "faq.jsonl")


def test_the_number_of_pairs_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seeds, "MAX_SEEDS", 1)
    with pytest.raises(SeedError, match="line 2: more than 1 pairs"):
        read_seeds([GOOD, GOOD.replace("q", "r")], "f")
