"""Words that tie an answer to when it was asked: it may be wrong an hour later, however alike the questions.

A word too many costs a hit, one too few a stale answer; so "now" counts wherever it stands. Years do not:
what was in 2016 stays so, and questions with different numbers never match. What changes hands without a word
of time ("who is the president") is not found. English, and the commonest words of German, French, Spanish and
Italian.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Final

REASON: Final = "time-bound"


def reason(text: str) -> str | None:
    """REASON, or None where no word ties the text to its time."""
    words = _WORD.findall(text.lower())
    if not _ALWAYS.isdisjoint(words) or not _PAIRS.isdisjoint(pairwise(words)):
        return REASON
    if "current" in words and _ELECTRIC.isdisjoint(words):
        return REASON
    return None if _PRICES.isdisjoint(words) or _QUOTED.isdisjoint(words) else REASON


_WORD = re.compile(r"[^\W_]+")

_ALWAYS = frozenset(
    {"today", "tonight", "tomorrow", "yesterday", "nowadays", "now", "currently", "presently", "lately"}
    | {"latest", "newest", "recent", "recently", "upcoming", "ongoing", "ago", "weather", "forecast"}
    | {"heute", "gestern", "jetzt", "derzeit", "momentan", "aktuell", "aktuelle", "aktuellen", "aktueller"}
    | {"aujourd", "maintenant", "actuellement", "hoy", "ahora", "ayer", "actualmente", "oggi", "adesso"}
    | {"ieri", "attualmente"}
)
_WHICH = frozenset({"this", "next", "last", "past", "coming", "these"})
_SPANS = frozenset(
    {"minute", "hour", "day", "days", "morning", "afternoon", "evening", "night", "week", "weeks", "weekend"}
    | {"month", "months", "quarter", "season", "semester", "summer", "winter", "spring", "autumn", "fall"}
    | {"year", "years", "decade", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"}
    | {"sunday", "january", "february", "march", "april", "may", "june", "july", "august", "september"}
    | {"october", "november", "december"}
)
_PAIRS = frozenset(
    {
        ("so", "far"),
        ("as", "of"),
        ("breaking", "news"),
        ("live", "score"),
        ("live", "scores"),
        ("in", "stock"),
    }
    | {("what", "time"), ("what", "day"), ("what", "date"), ("how", "old"), ("still", "alive")}
    | {("the", "moment"), ("the", "news"), ("price", "of"), ("prices", "of"), ("exchange", "rate")}
    | {("exchange", "rates"), ("interest", "rate"), ("interest", "rates")}
)
_PRICES = frozenset({"price", "prices", "value", "quote", "worth", "trading"})
_QUOTED = frozenset(
    {
        "stock",
        "stocks",
        "share",
        "shares",
        "gold",
        "silver",
        "oil",
        "gas",
        "petrol",
        "diesel",
        "bitcoin",
        "btc",
    }
    | {"ethereum", "crypto", "dollar", "euro", "rupee", "yen"}
)
_ELECTRIC = frozenset(
    {"electric", "electrical", "electricity", "alternating", "eddy", "ocean", "leakage", "voltage", "circuit"}
    | {"transformer", "resistor", "diode", "amps", "ampere", "amperes"}
)
