"""The tokenizers agree with published counts and with themselves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.tokens import ENCODINGS, count, decode, encoding


@pytest.mark.parametrize(
    ("name", "text", "tokens"),
    [  # from OpenAI's cookbook, "How to count tokens with tiktoken"
        ("cl100k_base", "antidisestablishmentarianism", [519, 85342, 34500, 479, 8997, 2191]),
        ("o200k_base", "antidisestablishmentarianism", [493, 129901, 376, 160388, 21203, 2367]),
        ("cl100k_base", "2 + 2 = 4", [17, 489, 220, 17, 284, 220, 19]),
        ("o200k_base", "2 + 2 = 4", [17, 659, 220, 17, 314, 220, 19]),
    ],
)
def test_published_examples(name: str, text: str, tokens: list[int]) -> None:
    assert encoding(name).encode(text) == tokens
    assert count(text, name) == len(tokens)


@pytest.mark.parametrize("name", ENCODINGS)
@given(text=st.text(max_size=60))
def test_decoding_undoes_encoding(name: str, text: str) -> None:
    assert decode(name, encoding(name).encode_ordinary(text)) == text


@pytest.mark.parametrize("token", [-1, 10**9, 2**70])
def test_a_token_outside_the_vocabulary_is_named_as_such(token: int) -> None:
    with pytest.raises(ValueError, match="cl100k_base"):
        decode("cl100k_base", [token])
