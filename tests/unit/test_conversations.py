from __future__ import annotations

from typing import Any

import pytest

from gateway.conversations import KEPT_S, Conversations, has_earlier_turns
from router.decision import Previous
from tests.fakes.budgets import MovedClock


def chat(*said: str, system: str | None = None) -> dict[str, Any]:
    turns = [{"role": ("user", "assistant")[n % 2], "content": text} for n, text in enumerate(said)]
    return {"messages": [*([] if system is None else [{"role": "system", "content": system}]), *turns]}


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock()


def test_a_conversation_is_known_again_as_it_grows_and_no_other_is(clock: MovedClock) -> None:
    it = Conversations(b"secret", clock)
    first = it.digest("acme", "web", "auto", chat("Why?", system="Be brief."))
    it.remember(first, "large", 0.3, 120)
    clock.advance(60)
    grown = chat("Why?", "Because.", "And then?", system="Be brief.")
    assert it.last(it.digest("acme", "web", "auto", grown)) == Previous("large", 0.3, 120, 60.0)
    others = [
        it.digest("acme", "web", "auto", chat("Why not?", "Because.", "And then?", system="Be brief.")),
        it.digest("acme", "web", "auto", chat("Why?", system="Be long.")),
        it.digest("acme", "web", "auto", chat("Why?")),
        it.digest("acme", "ci", "auto", grown),
        it.digest("beta", "web", "auto", grown),
        it.digest("acme", "web", "other", grown),
        Conversations(b"another secret", clock).digest("acme", "web", "auto", grown),
    ]
    assert first not in others
    assert [it.last(other) for other in others] == [None] * 7


def test_parts_count_as_their_text() -> None:
    it = Conversations(b"secret", MovedClock())
    parts = {"messages": [{"role": "user", "content": [{"type": "text", "text": "Why?"}]}]}
    assert it.digest("acme", "web", "auto", parts) == it.digest("acme", "web", "auto", chat("Why?"))
    assert it.digest("acme", "web", "auto", {"messages": [{"role": "assistant"}]})


def test_what_is_long_ago_is_forgotten(clock: MovedClock) -> None:
    it = Conversations(b"secret", clock)
    it.remember(b"one", "small", None, 10)
    clock.advance(KEPT_S)
    assert it.last(b"one") is not None
    clock.advance(1)
    assert it.last(b"one") is None
    assert len(it) == 0


def test_memory_is_bounded_and_the_most_silent_goes_first(clock: MovedClock) -> None:
    it = Conversations(b"secret", clock, kept=2)
    for name in (b"one", b"two", b"one", b"three"):
        it.remember(name, "small", None, 10)
    assert len(it) == 2
    assert it.last(b"two") is None
    assert it.last(b"one") is not None


@pytest.mark.parametrize(
    ("fields", "earlier"),
    [
        (chat("Why?"), False),
        (chat("Why?", system="Be brief."), False),
        (chat("Why?", "Because."), False),
        (chat("Why?", "Because.", "And then?"), True),
    ],
)
def test_only_conversations_under_way_are_looked_up(fields: dict[str, Any], earlier: bool) -> None:
    assert has_earlier_turns("chat.completions", fields) is earlier
    assert has_earlier_turns("completions", {"prompt": "Why?"}) is False
