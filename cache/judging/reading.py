"""A text as the judge compares it: its words in order and what kind of word each is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from cache.canonical import folded, is_about_words, is_literal, polite_removed
from cache.judging.frames import moved, rewritten
from cache.judging.kinds import kind
from cache.judging.phrases import joined
from cache.judging.stems import stem
from cache.judging.synonyms import SYNONYM
from cache.judging.tables import NEGATIONS, SOFT
from cache.wording import split


class Reading(NamedTuple):
    """One text, read once. Words are folded as `wording` folds them; places count words."""

    text: str
    kind: str
    words: tuple[str, ...]
    """Behind the frame that says the kind."""
    heads: tuple[str, ...]
    """What each word is matched by: its synonym group's word, or its stem."""
    solid: frozenset[int]
    """Places of words that count: not grammar, not politeness."""
    negated: tuple[str, ...]
    """Each negation with the head of the word behind it, in order."""
    numbers: tuple[str, ...]
    """In order of size of their text, each as often as it stands there."""
    names: frozenset[str]
    """Words written with a capital inside a sentence, folded."""
    aside: frozenset[str]
    """Heads inside parentheses."""
    quoted: tuple[str, ...]
    """What stands in quotation marks, sign by sign, in order of its text."""
    literal: bool
    """Every sign may matter: such a text is compared with nothing."""


@lru_cache(maxsize=1 << 14)
def head(word: str) -> str:
    word = word.removesuffix("'s")
    stemmed = stem(word)
    return SYNONYM.get(word) or SYNONYM.get(stemmed) or stemmed.replace("-", "") or stemmed


def read(text: str) -> Reading:
    plain, quoted = unquoted(text.strip())
    literal = is_literal(plain)
    signs = [] if literal else split(plain)
    literal = literal or is_about_words(signs)
    words = rewritten(polite_removed(folded(moved(_settled(signs)))))
    found = kind([word.lower() for word in words])
    words = joined(words[found.length :])
    heads = tuple(head(word.lower()) for word in words)
    solid = frozenset(place for place, word in enumerate(words) if word not in SOFT)
    return Reading(
        text,
        found.name,
        tuple(words),
        heads,
        solid,
        _negated(words, heads, solid),
        tuple(sorted(word for word in words if not word.isalpha() and any(map(str.isdigit, word)))),
        _names(signs),
        _aside(words, heads),
        quoted,
        literal,
    )


_MARKED = re.compile(r"[\"“”«»]+([^\"“”«»]+)[\"“”«»]+|(?<!\w)['‘]([^'‘’]+)['’](?!\w)")

_MARKS = frozenset("\"“”«»'‘’")


def unquoted(text: str) -> tuple[str, tuple[str, ...]]:
    """The text without its pairs of quotation marks, and what stood between them."""
    if _MARKS.isdisjoint(text):
        return text, ()
    quoted: list[str] = []

    def bare(found: re.Match[str]) -> str:
        quoted.append((found[1] or found[2]).strip(" .,?!"))
        return found[1] or found[2]

    return _MARKED.sub(bare, text), tuple(sorted(quoted))


def _settled(signs: list[str]) -> list[str]:
    """`book(s)`, `book/s`: books, as far as it matters here."""
    if "s" not in signs:
        return signs
    kept: list[str] = []
    for sign in signs:
        kept.append(sign)
        if kept[-3:] == ["(", "s", ")"] and len(kept) > 3:
            del kept[-3:]
        elif kept[-2:] == ["/", "s"] and len(kept) > 2:
            del kept[-2:]
    return kept


def _negated(words: Sequence[str], heads: Sequence[str], solid: frozenset[int]) -> tuple[str, ...]:
    said = []
    for place, word in enumerate(words):
        if word in NEGATIONS or (word.endswith("n't")):
            behind = next((heads[at] for at in range(place + 1, len(words)) if at in solid), "")
            said.append(f"{'not' if word in ('not', 'no') else head(word)} {behind}")
    return tuple(said)


_NOT_NAMES = frozenset({"i", "i'm", "i've", "i'll", "i'd"})


def _names(signs: Sequence[str]) -> frozenset[str]:
    """None where most words have capitals, as in a title."""
    capitals = [
        sign
        for place, sign in enumerate(signs)
        if sign[0].isupper() and place and signs[place - 1] not in ".?!:" and sign.lower() not in _NOT_NAMES
    ]
    if not capitals:
        return frozenset()
    letters = sum(sign[0].isalpha() for sign in signs)
    if 2 * len(capitals) > letters + 4:
        return frozenset()
    return frozenset(folded(capitals))


def _aside(words: Sequence[str], heads: Sequence[str]) -> frozenset[str]:
    if "(" not in words and "[" not in words:
        return frozenset()
    inside, depth = set(), 0
    for word, each in zip(words, heads, strict=True):
        depth += (word in "([") - (word in ")]" and depth > 0)
        if depth and word not in "([":
            inside.add(each)
    return frozenset(inside)
