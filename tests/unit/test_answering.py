"""Headers hold what is in them, whatever names people choose."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from gateway.answering import explanation, usd
from router.decision import Decision


@given(st.text(max_size=20))
def test_an_explanation_is_json_and_ascii(text: str) -> None:
    told = explanation(Decision(route=text, choices=(), reason="explicit", details={"said": text}))
    assert told.isascii()
    assert b"\n" not in told
    assert json.loads(told)["details"] == {"said": text}


@given(st.integers(0, 10**15))
def test_dollars_are_exact_and_plain(nanos: int) -> None:
    whole, _, fraction = usd(nanos).decode().partition(".")
    assert len(fraction) == 9
    assert int(whole) * 10**9 + int(fraction) == nanos
