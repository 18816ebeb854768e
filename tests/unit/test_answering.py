"""Headers hold what is in them, whatever names people choose."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.answering import MAX_EXPLANATION_BYTES, explanation, usd
from router.decision import Candidate, Choice, Decision
from tests.unit.routing import candidate


@given(st.text(max_size=20))
def test_an_explanation_is_json_and_ascii(text: str) -> None:
    told = explanation(Decision(route=text, choices=(), reason="explicit", details={"said": text}))
    assert told.isascii()
    assert b"\n" not in told
    assert json.loads(told)["details"] == {"said": text}


def candidate_of(number: int) -> Candidate:
    return candidate(f"model-{number}", f"backend-{number}", tier=f"tier-{number}")


def test_an_explanation_has_the_gain_and_what_each_tier_is_expected_to_cost() -> None:
    choices = (Choice(candidate_of(1), 1_500_000), Choice(candidate_of(2), None))
    told = json.loads(explanation(Decision("auto", choices, "gain", {}, 9, 0.25, 0.125, True, "builtin-1")))
    assert (told["gain"], told["threshold"], told["known"]) == (0.25, 0.125, True)
    assert told["gain_model"] == "builtin-1"
    assert [choice["expected_usd"] for choice in told["choices"]] == [0.0015, None]
    assert "cut" not in told


@settings(max_examples=60, deadline=None)
@given(
    st.text(max_size=6_000),
    st.text(max_size=6_000),
    st.integers(0, 60),
    st.dictionaries(
        st.text(max_size=30),
        st.floats() | st.text(max_size=500) | st.lists(st.floats() | st.text(max_size=100), max_size=40),
        max_size=30,
    ),
)
def test_an_explanation_is_bounded_and_says_that_it_was_cut(
    route: str, reason: str, choices: int, details: dict[str, Any]
) -> None:
    line = tuple(Choice(candidate_of(number), number) for number in range(choices))
    told = explanation(Decision(route, line, reason, details))
    assert told.isascii()
    assert len(told) <= MAX_EXPLANATION_BYTES
    parsed = json.loads(told, parse_constant=pytest.fail)
    assert ("cut" in parsed) == (
        len(parsed.get("choices", ())) != choices or parsed["details"].keys() != details.keys()
    )


@given(st.integers(0, 10**15))
def test_dollars_are_exact_and_plain(nanos: int) -> None:
    whole, _, fraction = usd(nanos).decode().partition(".")
    assert len(fraction) == 9
    assert int(whole) * 10**9 + int(fraction) == nanos
