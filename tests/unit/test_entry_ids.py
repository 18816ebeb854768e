"""Ids of kept answers carry a mark of what they say."""

from __future__ import annotations

from typing import Any

from gateway.caching.entry_ids import answer_of, entry_id

SECRET = b"s" * 32


def answer(text: str, **beside: Any) -> dict[str, Any]:
    return {
        "choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        **beside,
    }


def test_one_text_has_one_mark_whatever_stands_beside_it() -> None:
    first = entry_id(SECRET, "hit", "01A", answer("Yes.", id="a", created=1))
    second = entry_id(SECRET, "hit", "01B", answer("Yes.", id="b", created=2))
    assert first != second
    assert answer_of(first) == answer_of(second)
    assert answer_of(first) != answer_of(entry_id(SECRET, "hit", "01C", answer("No.")))


def test_a_mark_is_keyed() -> None:
    ids = {answer_of(entry_id(secret * 32, "hit", "01A", answer("Yes."))) for secret in (b"a", b"b")}
    assert len(ids) == 2


def test_an_id_without_a_mark_stands_for_itself() -> None:
    assert answer_of("hit_01A") == "hit_01A"
    assert answer_of("odd") == "odd"


def test_answers_of_other_forms_have_ids_too() -> None:
    for odd in ({"data": [{"embedding": [1.0]}]}, {"choices": "no list"}, {"choices": [{"text": "a"}]}):
        assert entry_id(SECRET, "hit", "01A", odd).startswith("hit_01A_")
