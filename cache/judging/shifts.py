"""Small words that move a question to somebody else, to another time or to another side of its subject."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from cache.judging.reading import Reading, head
from cache.judging.tables import GENERIC
from cache.wording import listed

_ANYONE = listed("someone anyone somebody anybody people everyone")
_ASKED = listed("i you we")
_OWNED = listed("my your our")
_GENERAL = listed("howto where possible opinion feels")
"""Kinds of question in which anybody may stand for everybody."""
_STATED = listed("what who when where ask meaning")


def somebody(asked: Reading, kept: Reading, left: Collection[str], right: Collection[str]) -> bool:
    """`has anyone tried`, `have you tried`; `someone's`, where the other says nothing of a person."""
    if asked.kind in _GENERAL and asked.kind == kept.kind:
        return False
    return bool(
        (_ANYONE.intersection(left) and _ASKED.intersection(kept.words) - set(asked.words))
        or (_ANYONE.intersection(right) and _ASKED.intersection(asked.words) - set(kept.words))
    )


def owned(asked: Reading, kept: Reading) -> bool:
    """`what is your happiness`, `what is happiness`. Of what is best, everybody names their own."""
    if asked.kind not in _STATED or bool(_OWNED.intersection(asked.words)) == bool(
        _OWNED.intersection(kept.words)
    ):
        return False
    if _superlative(asked.words) and _superlative(kept.words):
        return False
    return "i" not in asked.words or "i" not in kept.words


def _superlative(words: Sequence[str]) -> bool:
    return any(head(word) == "best" or word in ("most", "worst") for word in words)


_PAST = listed(
    """
    was had have been did ago became made went gone got took taken gave given wrote written said kept lost won
    found felt left met sold told sent spent built knew grew saw seen came ran began broke fell died fought
    """
)


def begun(asked: Reading, kept: Reading, left: Collection[str], right: Collection[str]) -> bool:
    """`why did you`, `why do you`: the other must be of the past as well."""
    if ("did" in left) == ("did" in right):
        return False
    other = kept.words if "did" in left else asked.words
    return not any(word in _PAST or word.endswith("ed") for word in other)


_CAN = frozenset({"can", "could"})


def able(asked: Reading, left: Collection[str], right: Collection[str]) -> bool:
    """`why can't I`, `why don't I`; the worst that could be, the worst that was ever."""
    mine, yours = _CAN.intersection(left), _CAN.intersection(right)
    if bool(mine) == bool(yours):
        return False
    return bool(asked.negated) or "ever" in left or "ever" in right


_SIDES = (GENERIC | listed("use work look feel start play visit")) - listed("name piece item number best new")


def side(text: Reading, lacking: Sequence[int], others: Collection[str]) -> bool:
    """`the use of X` where the other asks for X itself."""
    if not lacking or others or not text.solid:
        return False
    first = min(text.solid)
    return first in lacking and text.words[first] in _SIDES and text.words[first + 1 : first + 2] == ("of",)
