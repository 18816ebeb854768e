"""A gain model that a person can check by hand: from the conversation's length and the kind of task it looks
like. It knows of nothing, so every gain is `known=False`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from math import log2
from typing import Any

from router.decision import RouteRequest
from router.features import last_turns, utf8_bytes
from router.gain import Gain

SLOPE = 0.18
"""What length adds, from nothing to LONGEST_BYTES."""
LONGEST_BYTES = 4_000
FAMILIES: Mapping[str, float] = {
    "code": 0.20,
    "maths": 0.14,
    "chat": 0.10,
    "choice": 0.07,
    "extraction": 0.02,
}
"""Task family -> the gain before length adds to it."""
THRESHOLDS = (
    *(0.380, 0.294, 0.238, 0.224, 0.217, 0.212, 0.208, 0.203, 0.198, 0.192),
    *(0.184, 0.174, 0.166, 0.160, 0.155, 0.148, 0.141, 0.135, 0.130, 0.125, 0.020),
)
"""The gain that each twentieth of the conversations, from none to all of them, reaches."""
READ_CHARS = 2_000
SHORT_REPLY_BYTES = 40
EARLIER_TURNS = 8
_LONGEST = log2(1 + LONGEST_BYTES / 50)
_SPEAKERS = frozenset({"user", "assistant"})


def _words(text: str) -> frozenset[bytes]:
    return frozenset(text.encode().split())


CODE_WORDS = _words("python javascript typescript java sql regex bash function code script compile")
EXTRACTION_WORDS = _words(
    """classify label categorize extract translate summarize summarise summary rewrite paraphrase rephrase
    sentiment headline title spell correct proofread"""
)
MATHS_WORDS = _words(
    """calculate compute solve integral derivative equation probability percent sum average total many much
    theorem prove proof angle triangle polynomial"""
)
_CODE_MARKS = (b"```", b"def ", b"class ", b"import ", b"return ", b"</", b"();", b"SELECT ", b"#include")
_KNOWN = CODE_WORDS | EXTRACTION_WORDS | MATHS_WORDS
_CHOICE_MARKS = (b"B.", b"B)", b"B:")
_CHOICES = re.compile(rb"(?:^|\n)[ \t]*\(?B[.):]")
_BREAKS = b"?!.,:()[]{}\"'`*#<>\n"
_FOLD = bytes.maketrans(_BREAKS, b" " * len(_BREAKS)).lower()
"""ASCII letters to lower case, punctuation to blanks; bytes of other scripts stay as they are."""


class PriorGain:
    """A GainModel. It has seen nobody's prompts, so `known` is always False."""

    version = "prior-1"

    def gain(self, request: RouteRequest) -> Gain:
        """Of the last user turn; behind a short reply ("yes", "go on") of the most demanding of the turns
        before it, because that is what the reply is about."""
        turns = last_turns(request.fields, request.api)
        text = next((said for role, said in turns if role == "user"), "")
        family = family_of(text)
        gain = _of_text(text, family)
        if utf8_bytes(text) < SHORT_REPLY_BYTES:
            earlier = [said for role, said in turns if role in _SPEAKERS and len(said) >= SHORT_REPLY_BYTES]
            for said in earlier[:EARLIER_TURNS]:
                theirs = family_of(said)
                gain, family = max((gain, family), (_of_text(said, theirs), theirs))
        details: dict[str, Any] = {}
        if request.explain:
            details = {"family_gain": FAMILIES[family], "length_gain": round(gain - FAMILIES[family], 3)}
        return Gain(gain, known=False, novelty=1.0, family=family, details=details)

    def gains(self, requests: Sequence[RouteRequest]) -> list[Gain]:
        return [self.gain(request) for request in requests]

    def threshold(self, large_share: float) -> float:
        """Between the twentieths, straight lines."""
        place = min(1.0, max(0.0, large_share)) * (len(THRESHOLDS) - 1)
        before = min(int(place), len(THRESHOLDS) - 2)
        return THRESHOLDS[before] + (place - before) * (THRESHOLDS[before + 1] - THRESHOLDS[before])


def family_of(text: str) -> str:
    """What kind of task a text looks like, by its marks and a few English words."""
    read = text[:READ_CHARS].encode("utf-8", "surrogatepass")
    if any(map(read.__contains__, _CHOICE_MARKS)) and _CHOICES.search(read) is not None:
        return "choice"
    words = _KNOWN.intersection(read.translate(_FOLD).split())
    if words & CODE_WORDS or sum(map(read.count, _CODE_MARKS)) >= 2:
        return "code"
    if words & EXTRACTION_WORDS:
        return "extraction"
    digits = len(read) - len(read.translate(None, b"0123456789"))
    if (b"$" in read and b"\\" in read) or (digits >= 2 and words & MATHS_WORDS):
        return "maths"
    return "chat"


def _of_text(text: str, family: str) -> float:
    return FAMILIES[family] + SLOPE * min(1.0, log2(1 + utf8_bytes(text) / 50) / _LONGEST)
