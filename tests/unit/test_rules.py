from __future__ import annotations

import time
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from routing import request, rule

from metering.budgets.model import BudgetUse
from router.hours import Hours
from router.language import LANGUAGES, language_of
from router.patterns import Pattern
from router.rules import SEARCHED_CHARS, first_match
from router.tiers import is_tier_name, tier_called, tier_name, tier_names

TOOLS = request({"messages": [{"role": "user", "content": "Hi"}], "tools": [{}]})


def one_of(*names: str) -> frozenset[str]:
    return frozenset(names)


@pytest.mark.parametrize(
    ("conditions", "matches"),
    [
        ({}, True),
        ({"tenants": one_of("acme")}, True),
        ({"tenants": one_of("legal", "acme")}, True),
        ({"tenants": one_of("legal")}, False),
        ({"projects": one_of("site")}, True),
        ({"projects": one_of("")}, False),
        ({"models": one_of("auto")}, True),
        ({"models": one_of("other")}, False),
        ({"apis": one_of("chat.completions")}, True),
        ({"apis": one_of("embeddings")}, False),
        ({"tags": {"task": one_of("classify", "label")}}, True),
        ({"tags": {"task": one_of("classify"), "team": one_of("a")}}, False),
        ({"tags": {"task": one_of("write")}}, False),
        ({"tags": {"x": one_of("y"), "task": one_of("classify")}}, True),
        ({"tools": True}, False),
        ({"tools": False}, True),
        ({"prompt_tokens_over": 8}, True),
        ({"prompt_tokens_over": 9}, False),
        ({"prompt_tokens_under": 10}, True),
        ({"prompt_tokens_under": 9}, False),
        ({"budget_used_over": 0.89}, True),
        ({"budget_used_over": 0.9}, False),
        ({"languages": one_of("de")}, False),
        ({"patterns": (Pattern("^Hel+o$"),)}, True),
        ({"patterns": (Pattern("nothing"), Pattern("(?i)HELLO"))}, True),
        ({"patterns": (Pattern("hello"),)}, False),
        ({"tenants": one_of("acme"), "projects": one_of("other")}, False),
        ({"tenants": one_of("acme"), "tools": False, "tags": {"task": one_of("classify")}}, True),
    ],
)
def test_all_conditions_must_hold(conditions: dict[str, Any], matches: bool) -> None:
    spent = (BudgetUse(0.2, None), BudgetUse(0.9, 0.5))
    asked = request("Hello", tags={"task": "classify", "x": "y"}, budgets=spent)
    assert asked.prompt_tokens == 9
    assert (first_match([rule(**conditions)], asked, "auto") is not None) is matches


def test_without_budgets_none_is_spent() -> None:
    assert first_match([rule(budget_used_over=0.1)], request(), "auto") is None


def test_tools_are_offered_or_not() -> None:
    assert first_match([rule(tools=True)], TOOLS, "auto") is not None
    assert first_match([rule(tools=False)], TOOLS, "auto") is None


def test_the_first_that_matches_wins() -> None:
    rules = [rule(1, tenants=one_of("legal")), rule(2, tenants=one_of("acme")), rule(3)]
    found = first_match(rules, request(), "auto")
    assert found is rules[1]
    assert first_match([], request(), "auto") is None


# ---------------------------------------------------------------------- the time of day


def at(text: str, zone: str = "Europe/Berlin") -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1_000_000)


NIGHT = Hours(22 * 60, 6 * 60, frozenset({4}), "Europe/Berlin")
"""From Friday at ten in the evening to Saturday at six."""
OFFICE = Hours(8 * 60, 18 * 60, frozenset(range(5)), "Europe/Berlin")


@pytest.mark.parametrize(
    ("hours", "local", "holds"),
    [
        (NIGHT, "2026-11-27T21:59", False),
        (NIGHT, "2026-11-27T22:00", True),
        (NIGHT, "2026-11-28T05:59", True),
        (NIGHT, "2026-11-28T06:00", False),
        (NIGHT, "2026-11-28T23:00", False),
        (NIGHT, "2026-11-27T03:00", False),
        (OFFICE, "2026-11-27T08:00", True),
        (OFFICE, "2026-11-27T18:00", False),
        (OFFICE, "2026-11-28T09:00", False),
        (OFFICE, "2026-07-27T08:30", True),
        (Hours(days=frozenset({6})), "2026-11-29T12:00", True),
        (Hours(days=frozenset({6})), "2026-11-30T12:00", False),
    ],
)
def test_hours_of_a_week_by_the_clocks_of_a_zone(hours: Hours, local: str, holds: bool) -> None:
    assert hours.hold(at(local)) is holds
    asked = request(at_us=at(local))
    assert (first_match([rule(hours=hours)], asked, "auto") is not None) is holds


# ---------------------------------------------------------------------- languages


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("What is the capital of France, and how many people live there?", "en"),
        ("Was ist die Hauptstadt von Frankreich, und wie viele Menschen leben dort?", "de"),
        ("Quelle est la capitale de la France et combien de personnes vivent dans la ville ?", "fr"),
        ("¿Cuál es la capital de Francia y cuántas personas viven en la ciudad?", "es"),
        ("Qual é a capital da França e quantas pessoas não vivem na cidade?", "pt"),
        ("Qual è la capitale della Francia e come sono le persone che ci vivono?", "it"),
        ("Wat is de hoofdstad van Frankrijk en hoeveel mensen wonen er niet?", "nl"),
        ("Jaka jest stolica Francji i co to jest za miasto?", "pl"),
        ("Vad är huvudstaden i Frankrike och hur många bor det där?", "sv"),
        ("Fransa'nın başkenti ne ve bu şehir ne kadar büyük?", "tr"),
        ("Какая столица Франции и сколько там людей?", "ru"),
        ("Яка столиця Франції і скільки там людей?", "uk"),
        ("法国的首都是哪里？有多少人住在那里？", "zh"),
        ("フランスの首都はどこですか？", "ja"),
        ("프랑스의 수도는 어디입니까?", "ko"),
        ("ما هي عاصمة فرنسا وكم عدد سكانها؟", "ar"),
        ("پایتخت فرانسه کجاست و چند نفر در آن زندگی می‌کنند؟", "fa"),
        ("מהי בירת צרפת וכמה אנשים גרים שם?", "he"),
        ("Ποια είναι η πρωτεύουσα της Γαλλίας;", "el"),
        ("फ़्रांस की राजधानी क्या है?", "hi"),
        ("เมืองหลวงของฝรั่งเศสคืออะไร", "th"),
        ("Hauptstadt?", ""),
        ("x = f(y) + 3", ""),
        ("12345", ""),
        ("", ""),
    ],
)
def test_a_language_is_named_where_the_text_shows_it(text: str, language: str) -> None:
    assert language_of(text) == language
    if language:
        assert language in LANGUAGES
        assert first_match([rule(languages=one_of(language))], request(text), "auto") is not None


def test_a_short_reply_is_in_the_language_of_what_was_said_before() -> None:
    turns = [
        {"role": "user", "content": "Was ist die Hauptstadt von Frankreich?"},
        {"role": "assistant", "content": "The capital of France is Paris, and that is all there is."},
        {"role": "user", "content": "Danke"},
    ]
    assert first_match([rule(languages=one_of("de"))], request({"messages": turns}), "auto") is not None


# ---------------------------------------------------------------------- patterns


def test_a_pattern_looks_at_each_turn_alone_and_not_beyond_its_bound() -> None:
    turns = [{"role": "system", "content": "secret"}, {"role": "user", "content": "x" * SEARCHED_CHARS}]
    pattern = (Pattern("^secret$"),)
    assert first_match([rule(patterns=pattern)], request({"messages": turns}), "auto") is None
    turns[1]["content"] = "x"
    assert first_match([rule(patterns=pattern)], request({"messages": turns}), "auto") is not None


def test_no_pattern_can_keep_the_gateway_busy() -> None:
    """A backtracking engine would be at it for longer than the universe is old."""
    cruel = Pattern("(a+)+(a+)+b$")
    started_s = time.process_time()
    assert not cruel.found_in(b"a" * SEARCHED_CHARS)
    assert time.process_time() - started_s < 1.0


@pytest.mark.parametrize(
    ("text", "why"), [("(a", "missing )"), ("(?=a)", "(?="), (r"(a)\1", "\\1"), ("x{9999}", "")]
)
def test_a_pattern_that_re2_does_not_take_says_why(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        Pattern(text)
    assert why in str(refused.value)


def test_patterns_are_of_letters_not_of_bytes() -> None:
    assert Pattern("^.ß$").found_in("äß".encode())
    assert Pattern("a") == Pattern("a") != Pattern("b")


# ---------------------------------------------------------------------- tiers


def test_tiers_have_names() -> None:
    assert [tier_name(n, 2) for n in range(2)] == ["small", "large"]
    assert [tier_name(n, 3) for n in range(3)] == ["tier-1", "tier-2", "tier-3"]
    assert [tier_called(name, 3) for name in tier_names(3)] == [0, 0, 1, 2, 2]
    assert is_tier_name("tier-2")
    assert not is_tier_name("tier-0")
    with pytest.raises(ValueError, match="no tier-4 among 3"):
        tier_called("tier-4", 3)
