"""What keeps a text out of matching by meaning: personal data, time-bound words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache import personal, timely
from cache.admission import Exclusions, is_sampled, passing_request


class Has:
    def __init__(self, what: bytes) -> None:
        self.what = what

    def found_in(self, text: bytes) -> bool:
        return self.what in text


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Write to jane.doe+x@mail.example.org please", personal.EMAIL),
        ("Call +49 (30) 123 456-78 now", personal.PHONE),
        ("Call 0049 30 12345678", personal.PHONE),
        ("my number is 030/1234567.", personal.PHONE),
        ("my number is (555) 234-5678", personal.PHONE),
        ("ring 5552345678 for me", personal.PHONE),
        ("IBAN DE89 3704 0044 0532 0130 00", personal.IBAN),
        ("pay GB82WEST12345698765432 THE REST", personal.IBAN),
        ("NO9386011117947 is mine", personal.IBAN),
        ("card 4111 1111 1111 1111", personal.CARD),
        ("card 5500-0000-0000-0004.", personal.CARD),
        ("my address is 8.8.8.8, why?", personal.IP),
        ("and 2001:4860:4860::8888 too", personal.IP),
        ("SSN 536-22-1234", personal.NATIONAL_ID),
        ("NI number QQ 12 34 56 C or AB123456C", personal.NATIONAL_ID),
        ("codice RSSMRA85T10A562S", personal.NATIONAL_ID),
        ("DNI 12345678Z", personal.NATIONAL_ID),
        ("NIE X1234567L", personal.NATIONAL_ID),
    ],
)
def test_personal_data_is_found_and_can_be_left_out(text: str, kind: str) -> None:
    assert personal.reason(text) == kind
    assert personal.reason(text, personal.KINDS - {kind}) != kind


@pytest.mark.parametrize(
    "text",
    [
        "",
        "What is the capital of France?",
        "How do I use @property in Python 3.11?",
        "Explain 192.168.0.1, 127.0.0.1 and ::1",
        "It is 12:30:45 and std::vector::size",
        "Between 2014-2015 and 2019-2020",
        "pi is 3.14159265358979",
        "It cost 1,234,567.89 dollars",
        "DE89370400440532013001 fails its check",
        "4111 1111 1111 1112 fails its check",
        "12345678A fails its check",
        "Why is 2^10 = 1024 and 10! = 3628800?",
        "chapter 1.2.3.4.5",
        "000-12-3456",
    ],
)
def test_figures_that_are_nobodys(text: str) -> None:
    assert personal.reason(text) is None


def test_own_patterns_count_in_every_text() -> None:
    own = (Has(b"Project X"), Has("Größe".encode()))
    assert personal.reason("what is Project X", own=own) == personal.OWN
    assert personal.reason("welche Größe", own=own) == personal.OWN
    assert personal.reason("what is project y", own=own) is None


@given(st.text(max_size=200))
def test_any_text_has_an_answer(text: str) -> None:
    assert personal.reason(text, own=(Has(b"x"),)) in {None, personal.OWN, *personal.KINDS}
    assert timely.reason(text) in {None, timely.REASON}


def test_lone_surrogates_are_no_error() -> None:
    assert personal.reason("\ud800", own=(Has(b"x"),)) is None
    assert timely.reason("\ud800 today") == timely.REASON


@pytest.mark.parametrize(
    "text",
    [
        "What's the weather in Rome?",
        "Who won TODAY'S game?",
        "today’s news",
        "What should I do now",
        "the latest iPhone",
        "Who is the current president?",
        "What happened this week?",
        "events next  month.",
        "What is the price of gold",
        "Is bitcoin's value rising?",
        "stock price of a company",
        "exchange rate USD to EUR",
        "What time is it?",
        "How old is she?",
        "two days ago",
        "Was ist heute los?",
        "Que se passe-t-il aujourd'hui ?",
    ],
)
def test_words_that_tie_an_answer_to_its_time(text: str) -> None:
    assert timely.reason(text) == timely.REASON


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Who won the world cup in 2014?",
        "How does alternating current flow?",
        "Which current goes through a resistor?",
        "I know how snow is made",
        "How do I sort a list in Python?",
        "What is the value of x in 2x = 4?",
        "Is this the right way?",
        "The weekly digest",
    ],
)
def test_words_that_do_not(text: str) -> None:
    assert timely.reason(text) is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("How do magnets work?", None),
        ("I am a@b.example", "personal data"),
        ("What is new today?", "time-bound"),
        ("today " * 1_366, None),
        ("today " * 1_365, "time-bound"),
    ],
)
def test_what_passes_and_is_not_kept(text: str, reason: str | None) -> None:
    """Texts of more than 8,192 characters are not looked through."""
    assert passing_request(text) == reason


@pytest.mark.parametrize(
    ("temperature", "sampled"),
    [(None, False), (0, False), (0.0, False), (False, False), (0.2, True), (1, True), ("0", True)],
)
def test_a_temperature_above_0_asks_for_variety(temperature: object, sampled: bool) -> None:
    assert is_sampled({"temperature": temperature}) is sampled
    assert not is_sampled({})


def test_a_route_can_say_otherwise() -> None:
    lax = Exclusions(personal=frozenset(), time_bound=False)
    assert passing_request("mail a@b.example today", lax) is None
    own = Exclusions(own=(Has(b"secret"),))
    assert passing_request("the secret", own) == "personal data"
