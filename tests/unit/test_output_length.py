"""How long answers are expected to be: means that rest on what was metered, bounded in memory."""

from __future__ import annotations

from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import router.output_length as module
from gateway.lengths import learn_from, metered_lengths
from metering.event import Routing
from metering.ledger_url import open_ledger, open_reader
from metering.outcome import Outcome
from metering.usage import Provenance, TokenUsage
from router.output_length import REMEMBERED_ANSWERS, Metered, OutputLengths
from tests.fakes.events import NEW_YEAR_2026_US, make_event

HOUR_US = 3_600_000_000


def learned(*answers: tuple[str, str, int, int]) -> OutputLengths:
    lengths = OutputLengths()
    for answer in answers:
        lengths.learn(*answer)
    return lengths


def test_nothing_is_expected_before_anything_is_known() -> None:
    assert OutputLengths().expected("auto", "acme", 100) is None


def test_one_answer_moves_a_little_and_many_move_all_the_way() -> None:
    once = learned(("auto", "acme", 100, 16)).expected("auto", "acme", 100)
    often = learned(*[("auto", "acme", 100, 16)] * 500).expected("auto", "acme", 100)
    assert once is not None
    assert 16 < once < 256
    assert often == 16


def test_what_is_new_leans_on_the_level_above() -> None:
    lengths = learned(*[("auto", "acme", 100, 16)] * 500, *[("auto", "loud", 100, 900)] * 500)
    unknown_tenant = lengths.expected("auto", "new", 100)
    unknown_size = lengths.expected("auto", "acme", 10_000)
    assert unknown_tenant is not None
    assert unknown_tenant > 400
    assert unknown_size == round((5 * unknown_tenant + 200 * 16) / 205)
    unknown_route = lengths.expected("other", "new", 100)
    assert unknown_route is not None
    assert unknown_route > 256


def test_prompts_of_another_size_are_told_apart() -> None:
    pairs = [("auto", "acme", 100, 10), ("auto", "acme", 5_000, 800)]
    lengths = learned(*pairs * 300)
    short, long = lengths.expected("auto", "acme", 127), lengths.expected("auto", "acme", 4_096)
    assert short is not None
    assert long is not None
    assert short < 25
    assert long > 780


def test_a_change_is_learned_within_a_few_hundred_answers() -> None:
    lengths = learned(*[("auto", "acme", 100, 500)] * 5_000)
    for _ in range(2 * REMEMBERED_ANSWERS):
        lengths.learn("auto", "acme", 100, 50)
    expected = lengths.expected("auto", "acme", 100)
    assert expected is not None
    assert expected < 500 * 0.14 + 50


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 4_000), min_size=1, max_size=400))
def test_the_expected_length_lies_among_what_was_seen_and_the_start(outputs: list[int]) -> None:
    lengths = learned(*[("auto", "acme", 10, output) for output in outputs])
    expected = lengths.expected("auto", "acme", 10)
    assert expected is not None
    assert max(1, min(*outputs, 256)) <= expected <= max(*outputs, 256)


def test_memory_is_bounded_and_what_is_used_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_KEYS", 50)
    lengths = OutputLengths()
    for number in range(1_000):
        lengths.learn("auto", "busy", 100, 7)
        lengths.learn("auto", f"once-{number}", 100, 700)
    assert len(lengths) <= 100
    expected = lengths.expected("auto", "busy", 100)
    assert expected is not None
    assert expected < 30


def test_a_seed_fills_only_the_room_that_is_left() -> None:
    seeded = OutputLengths()
    seeded.seed([Metered("auto", "acme", 10_000, 1_000_000), Metered("auto", "b", 0, 0)])
    assert seeded.expected("auto", "acme", 100) == 100
    fresh = learned(*[("auto", "acme", 100, 16)] * REMEMBERED_ANSWERS)
    fresh.seed([Metered("auto", "acme", 10_000, 1_000_000)])
    assert fresh.expected("auto", "acme", 100) == 16


@pytest.mark.parametrize(
    "changes",
    [
        {"outcome": Outcome.CLIENT_GONE},
        {"outcome": Outcome.CACHED},
        {"usage": None},
        {"usage": TokenUsage(10, 0, 0, 5, 0, Provenance.COUNTED)},
        {"api": "embeddings"},
    ],
)
def test_only_whole_answers_as_their_maker_counted_them_are_learned(changes: dict[str, object]) -> None:
    lengths = OutputLengths()
    learn_from(lengths, make_event(1, **changes))
    assert lengths.expected("auto", "acme", 100) is None


def test_a_routed_prompt_has_the_size_that_the_router_saw() -> None:
    lengths = OutputLengths()
    for number in range(300):
        routing = Routing(None, None, None, None, 100, "")
        learn_from(lengths, make_event(number, routing=routing, usage=TokenUsage(9_000, 0, 0, 20)))
        usage = TokenUsage(9_000, 0, 0, 20, 0, Provenance.ENGINE)
        learn_from(lengths, make_event(number, routing=routing, usage=usage))
    assert lengths.expected("auto", "acme", 100) == 20


def test_the_ledger_s_last_days_seed_them(ledger_url: str) -> None:
    now_us = NEW_YEAR_2026_US + 10 * 24 * HOUR_US
    recent, old = now_us - 30 * HOUR_US, NEW_YEAR_2026_US
    rows = [
        make_event(1, started_us=recent),
        make_event(2, started_us=recent, usage=TokenUsage(1, 0, 0, 500)),
        make_event(3, started_us=recent, outcome=Outcome.CLIENT_GONE),
        make_event(4, started_us=recent, api="embeddings"),
        make_event(5, started_us=old),
    ]
    with closing(open_ledger(ledger_url)) as ledger:
        ledger.append(rows)
    assert metered_lengths(open_reader(ledger_url), now_us) == [Metered("auto", "acme", 2, 800)]
