"""The questions that one text puts one after another: its answer has theirs in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from cache.canonical import is_literal
from cache.wording import listed, split

MOST = 3
"""A text with more questions is a form to fill in; none of them is told apart."""
_LEAST_SIGNS = 3
_STARTS = listed(
    """
    what which who whom whose when where why how is are am do does did was were can could should would will
    has have
    """
)
_LEANING = listed(
    """
    it its they them their theirs he him his she her hers this that these those there one ones so such then
    else other others another same both either neither each former latter again too also instead not no or
    """
)
"""A later question with one of them leans on the one before."""
_ASKS = listed("is are do does did was were can could should would will to")
_SIDES = {
    frozenset(pair.split("/"))
    for pair in listed(
        """
        advantages/disadvantages pros/cons merits/demerits benefits/drawbacks benefits/disadvantages
        benefits/risks strengths/weaknesses similarities/differences causes/effects causes/symptoms
        symptoms/treatments upsides/downsides
        """
    )
}


def parts(text: str) -> tuple[str, ...]:
    """Each of several questions that stands on its own; () for a text with one."""
    if ("?" not in text[:-1] and " and " not in text.lower()) or is_literal(text.strip()):
        return ()
    signs = split(text)
    asked = _sentences(signs)
    if not 1 < len(asked) <= MOST:
        return _sides(signs)
    if len(asked) == 2 and (more := _if_so(asked[1])) and asked[0].signs[0].lower() in _ASKS:
        return " ".join(asked[0].signs), " ".join((more, *asked[0].signs))
    if any(each.signs[0].lower() not in _STARTS or each.signs[1:2] == ["about"] for each in asked):
        return ()
    alone = len(asked[0].signs) == 1
    own = [asked[0], *(each for each in asked[1:] if _stands(each) and (alone or not each.joined))]
    return tuple(" ".join(each.signs) for each in own if len(each.signs) >= _LEAST_SIGNS)


_IF_SO = listed("if so yes then and but please tell explain me")


def _if_so(sentence: _Sentence) -> str:
    """`why` of `if so, why`, which asks it of the question before."""
    said = [sign.lower() for sign in sentence.signs if sign.lower() not in _IF_SO and sign != ","]
    return said[0] if said in (["why"], ["how"]) else ""


class _Sentence(NamedTuple):
    signs: list[str]
    joined: bool
    """Behind an `and`: it may be a part of the clause before."""


def _stands(sentence: _Sentence) -> bool:
    said = [sign.lower() for sign in sentence.signs]
    return _LEANING.isdisjoint(said) and ("the" not in said or not _SAYS_WHICH.isdisjoint(said))


_SAYS_WHICH = listed("of in for on to at with between from by that who which i you we my your")
"""`What are the symptoms?` leans on what was asked before; `the symptoms of X` say which."""


def _sentences(signs: Sequence[str]) -> list[_Sentence]:
    """Parted at question marks, and at `and how does`, `and what is`; none where one is no question."""
    found: list[_Sentence] = [_Sentence([], False)]
    for place, sign in enumerate(signs):
        here = found[-1].signs
        if sign in "?!":
            found.append(_Sentence([], False))
        elif sign == "." and place + 1 < len(signs):
            return []
        elif sign.lower() == "and" and here and _asks(signs[place + 1 : place + 3]):
            found.append(_Sentence([], True))
        elif here or sign.lower() not in ("and", "but"):
            here.append(sign)
    return [_Sentence(_trimmed(each.signs), each.joined) for each in found if each.signs]


def _trimmed(signs: list[str]) -> list[str]:
    return signs[:-1] if signs[-1] in (",", ".") and len(signs) > 1 else signs


def _asks(signs: Sequence[str]) -> bool:
    return len(signs) == 2 and signs[0] in _STARTS and signs[0] not in _ASKS and signs[1] in _ASKS


def _sides(signs: Sequence[str]) -> tuple[str, ...]:
    """`advantages and disadvantages of X`: the advantages, the disadvantages."""
    for place in range(1, len(signs) - 2):
        if signs[place] == "and" and frozenset((signs[place - 1], signs[place + 1])) in _SIDES:
            before, behind = signs[: place - 1], signs[place + 2 :]
            return tuple(" ".join((*before, side, *behind)) for side in (signs[place - 1], signs[place + 1]))
    return ()
