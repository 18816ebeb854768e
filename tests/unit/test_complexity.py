from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from routing import request

from router.complexity import SHORT_REPLY_BYTES, complexity, text_score

HARD = (
    "Prove that the algorithm below terminates for every input, derive its complexity, and compare it with "
    "the optimal one. You must not use more than three lemmas, each at least in outline, and never without a "
    "reason. "
    "```def f(n): return {k: f(k - 1) for k in range(n)}```"
)


def conversation(*said: str, **fields: Any) -> dict[str, Any]:
    """User and assistant in turn, the user last."""
    roles = ("user", "assistant")
    count = len(said)
    messages = [{"role": roles[(count - 1 - n) % 2], "content": text} for n, text in enumerate(said)]
    return {"messages": messages, **fields}


def score(*said: str, **fields: Any) -> float:
    return complexity(request(conversation(*said, **fields))).score


def test_from_easy_to_hard() -> None:
    ladder = [
        "Hi",
        "What is the capital of France, and how many people live there?",
        "Explain why the sky is blue, step by step, and compare it with the colour of sunsets. Be exact.",
        HARD,
        HARD + " And the same for this text: " + "the quick brown fox " * 200,
    ]
    scores = [score(text) for text in ladder]
    assert all(one < two for one, two in pairwise(scores)), scores


@pytest.mark.parametrize(
    ("plain", "more"),
    [
        ("Write a note about our pump and its colours.", "Write a note about our pump or {colours} ()."),
        ("Write a note about our pump and its colours.", "Prove a theorem on our pump and its strategy."),
        ("Write a note about our pump and its colours.", "Write only a note without any of its colours."),
        ("Write a note about our pump and its colours.", "Write 1 + 2 + 3 = 6 + x about pump and colours."),
        ("Classify a note about our pump and its colour", "Write to me a note of our pump and its colour"),
    ],
    ids=["code", "hard words", "constraints", "maths", "easy words"],
)
def test_each_mark_counts_at_equal_length(plain: str, more: str) -> None:
    assert abs(len(plain) - len(more)) <= 4
    assert text_score(more, 1_500) > text_score(plain, 1_500) + 0.01


def test_a_short_reply_inherits_the_conversation() -> None:
    assert score(HARD, "Shall I begin?", "yes") >= score(HARD) - 0.1
    assert score(HARD, "Shall I begin?", "yes", "Done. More?", "go on") >= score(HARD) - 0.1
    assert score("Hi", "Hello, how are you?", "fine") < 0.15


def test_a_short_reply_approves_what_the_assistant_proposed() -> None:
    assert score("Hi", HARD, "ok, do it") > score("Hi", "Hello.", "ok, do it") + 0.3


def test_an_earlier_turn_counts_half_behind_one_that_speaks_for_itself() -> None:
    now = "Translate this one sentence to French for me, thanks."
    alone, after = score(now), score(HARD, "Here you are.", now)
    assert len(now) >= SHORT_REPLY_BYTES
    assert alone < after < score(HARD)


def test_tool_results_behind_the_last_user_turn_do_not_hide_it() -> None:
    fields = conversation(HARD, tools=[{"type": "function"}])
    fields["messages"] += [{"role": "assistant", "content": None}, {"role": "tool", "content": "42"}]
    assert complexity(request(fields)).last_turn == pytest.approx(text_score(HARD, 1_500), abs=0.001)


def test_tools_format_and_context_add() -> None:
    plain = complexity(request(conversation("Hello there"))).request
    tools = complexity(request(conversation("Hello there", tools=[{}]))).request
    form = complexity(request(conversation("Hello", response_format={"type": "json_schema"}))).request
    long = conversation("Hello there")
    long["messages"].insert(0, {"role": "system", "content": "word " * 20_000})
    assert tools > plain + 0.07
    assert form > plain + 0.03
    assert complexity(request(long)).request > plain + 0.07


def test_other_scripts_count_by_bytes() -> None:
    assert text_score("这" * 100, 1_500) == pytest.approx(text_score("x" * 300, 1_500))


texts = st.text(max_size=300) | st.sampled_from(["", "yes", HARD, HARD * 20, "x" * 100_000])


@settings(deadline=None)
@given(st.lists(texts, min_size=1, max_size=9))
def test_always_between_zero_and_one_and_shown_as_compared(said: list[str]) -> None:
    found = complexity(request(conversation(*said)))
    assert 0.0 <= found.score <= 1.0
    assert found.score == float(f"{found.score:.2f}")


@pytest.mark.parametrize(
    ("api", "fields"),
    [
        ("completions", {"prompt": [1, 2]}),
        ("chat.completions", {"messages": [{"role": "system", "content": "x"}]}),
        ("chat.completions", {"messages": [{"role": "user", "content": None}]}),
    ],
)
def test_a_request_without_words_is_simple(api: str, fields: dict[str, Any]) -> None:
    assert complexity(request(fields, api=api)).score == 0.0
