"""Words that tie an answer to when it was asked: it may be wrong an hour later, however alike the questions.

A word too many costs a hit, one too few a stale answer; so "now" counts wherever it stands. Years do not:
what was in 2016 stays so, and questions with different numbers never match. What changes hands without a word
of time ("who is the president") is not found. English, and the commonest words of German, French, Spanish and
Italian.
"""

from __future__ import annotations

from itertools import pairwise, product
from typing import Final

REASON: Final = "time-bound"


def reason(text: str) -> str | None:
    """REASON, or None where no word ties the text to its time."""
    words = text.lower().encode("utf-8", "replace").replace(_APOSTROPHE, b" ").translate(_SPACED).split()
    if not _ALWAYS.isdisjoint(words) or not _PAIRS.isdisjoint(pairwise(words)):
        return REASON
    if b"current" in words and _ELECTRIC.isdisjoint(words):
        return REASON
    return None if _PRICES.isdisjoint(words) or _QUOTED.isdisjoint(words) else REASON


def _words(text: str) -> frozenset[bytes]:
    return frozenset(text.encode().split())


_APOSTROPHE = "’".encode()
_SPACED = bytes(byte if byte > 127 or chr(byte).isalnum() else 32 for byte in range(256))
"""Bytes of words as they are, white space for the others."""

_ALWAYS = _words(
    "today tonight tomorrow yesterday nowadays now currently presently lately latest newest recent recently "
    "upcoming ongoing ago weather forecast "
    "heute gestern jetzt derzeit momentan aktuell aktuelle aktuellen aktueller "
    "aujourd maintenant actuellement hoy ahora ayer actualmente oggi adesso ieri attualmente"
)
_WHICH = _words("this next last past coming these")
_SPANS = _words(
    "minute hour day days morning afternoon evening night week weeks weekend month months quarter season "
    "semester summer winter spring autumn fall year years decade monday tuesday wednesday thursday friday "
    "saturday sunday january february march april may june july august september october november december"
)
_PAIRS = frozenset(
    {
        *product(_WHICH, _SPANS),
        *((b"so", b"far"), (b"as", b"of"), (b"breaking", b"news"), (b"the", b"news"), (b"in", b"stock")),
        *((b"live", b"score"), (b"live", b"scores"), (b"still", b"alive"), (b"the", b"moment")),
        *((b"what", b"time"), (b"what", b"day"), (b"what", b"date"), (b"how", b"old")),
        *((b"price", b"of"), (b"prices", b"of"), (b"exchange", b"rate"), (b"exchange", b"rates")),
        *((b"interest", b"rate"), (b"interest", b"rates")),
    }
)
_PRICES = _words("price prices value quote worth trading")
_QUOTED = _words(
    "stock stocks share shares gold silver oil gas petrol diesel bitcoin btc ethereum crypto dollar euro "
    "rupee yen"
)
_ELECTRIC = _words(
    "electric electrical electricity alternating eddy ocean leakage voltage circuit transformer resistor "
    "diode amps ampere amperes"
)
