"""Small words that move a question to somebody else, to another time or to another side of its subject."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from cache.judging.reading import Reading, head
from cache.judging.stems import stem
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
    if asked.kind in _STATED and bool(_ANYONE.intersection(left)) != bool(_ANYONE.intersection(right)):
        return True
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


_FIRST, _SECOND = listed("i am me mine my myself"), listed("you your yourself u ur")
_ABOUT_SOMEBODY = listed("who what ask yes-no when opinion request like called up-to")


def turned(asked: Reading, kept: Reading) -> bool:
    """`who am I`, `who are you`. Where one asks how or why, both are anybody."""
    if asked.kind not in _ABOUT_SOMEBODY:
        return False
    sides = [
        (not _FIRST.isdisjoint(text.words), not _SECOND.isdisjoint(text.words)) for text in (asked, kept)
    ]
    return sorted(sides) == [(False, True), (True, False)]


def _superlative(words: Sequence[str]) -> bool:
    return any(head(word) == "best" or word in ("most", "worst") for word in words)


def defined(asked: Reading, kept: Reading, pairs: Sequence[tuple[int, int]]) -> bool:
    """`what is a nation`, `what is a country`: where the word is what is asked for, none stands for it."""
    if asked.kind not in _DEFINING or not (len(pairs) == 1 or asked.kind == "difference"):
        return False
    return any(
        stem(asked.words[one]) != stem(kept.words[other]) and asked.heads[one] == kept.heads[other]
        for one, other in pairs
    )


_DEFINING = listed("what who meaning difference ask use stands-for called like")


def of_the_best(asked: Reading, kept: Reading) -> bool:
    """`who is your favourite singer`, `which is your favourite singer`."""
    return (
        {asked.kind, kept.kind} == {"who", "what"} and _superlative(asked.words) and _superlative(kept.words)
    )


_SELVES = listed("myself yourself oneself ourselves yourselves")


def itself(text: Reading, lacking: Sequence[int]) -> bool:
    """`forgive myself` where the other forgives anybody; but `keep yourself fit` keeps fit."""
    last = max(text.solid, default=-1)
    return any(place == last and text.words[place] in _SELVES for place in lacking)


_PAST = listed(
    """
    was had have been did ago became made went gone got took taken gave given wrote written said kept lost won
    found felt left met sold told sent spent built knew grew saw seen came ran began broke fell died fought
    """
)


def past(words: Collection[str]) -> bool:
    """Whether the text tells of the past, or of what will be."""
    return any(word in _PAST or word in ("will", "would", "used") or word.endswith("ed") for word in words)


def begun(asked: Reading, kept: Reading, left: Collection[str], right: Collection[str]) -> bool:
    """`why did you`, `why do you`: the other must be of the past as well."""
    if ("did" in left) == ("did" in right):
        return False
    other = kept.words if "did" in left else asked.words
    return not any(word in _PAST or word.endswith("ed") for word in other)


def inverted(asked: Reading, kept: Reading) -> bool:
    """`who did she play for`, `who played for her`: what is asked for is done to, or does it."""
    if asked.kind not in ("who", "what") or asked.kind != kept.kind:
        return False
    mine, yours = (text.words[:1] in (("did",), ("do",)) for text in (asked, kept))
    return mine != yours


def passive(words: Sequence[str]) -> bool:
    """`blamed by`, `seen by`: who does it stands behind. `Sent by mail` says only how."""
    return any(
        said == "by"
        and place
        and (words[place - 1].endswith("ed") or words[place - 1] in _DONE)
        and not _means(words[place + 1 : place + 2])
        for place, said in enumerate(words)
    )


def _means(behind: Sequence[str]) -> bool:
    return bool(behind) and (behind[0] in _BY or behind[0].endswith("ing") or behind[0][0].isdigit())


_BY = listed(
    """
    phone mobile cellphone smartphone hand mail email post car bus train plane mistake default law accident
    chance name number credit cash cheque computer
    """
)


_DONE = listed(
    """
    made done seen written given taken built sold bought taught caught beaten bitten hit hurt cut sent
    told paid eaten stolen driven chosen known shown drawn thrown worn hidden fed led kept held left
    lost won found
    put broken spoken hung shot struck sung sworn forgiven forgotten bred brought fought sought
    """
)

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
