"""Differences after which two texts do not ask the same, however alike they look.

Each veto is a fixed word, fit for a metric's label. They are about English; in other scripts a word
that only one side has is a veto by itself.
"""

from __future__ import annotations

from collections.abc import Callable

from cache.judging import shifts
from cache.judging.antonyms import opposite
from cache.judging.classes import NAMES, siblings
from cache.judging.compared import Compared
from cache.judging.kinds import alike
from cache.judging.ordering import is_reordered
from cache.judging.reading import Reading
from cache.judging.stems import stem
from cache.judging.tables import (
    GENERIC,
    INTENSIFIERS,
    LIGHT,
    MODALS,
    NARROWING,
    OTHERS,
    POINTING,
    QUANTITIES,
    TENSES,
    TIMES,
)
from cache.wording import split


def early(asked: Reading, kept: Reading) -> str:
    """What needs no comparison of words; '' for nothing."""
    if unreadable(asked, kept) or (asked.quoted != kept.quoted and _misquoted(asked, kept)):
        return "literal"
    if asked.numbers != kept.numbers:
        return "numbers"
    if asked.negated != kept.negated:
        return "negation"
    if not alike(asked.kind, kept.kind) and not shifts.of_the_best(asked, kept):
        return "kind"
    return ""


def _misquoted(asked: Reading, kept: Reading) -> bool:
    """Whether something else is quoted, or what is quoted does not stand in the other as it is."""
    if (asked.quoted and kept.quoted) or asked.kind != kept.kind:
        return True
    text = f" {' '.join(split((kept if asked.quoted else asked).text))} ".lower()
    return not all(f" {' '.join(split(each)).lower()} " in text for each in asked.quoted or kept.quoted)


def unreadable(asked: Reading, kept: Reading) -> str:
    return "literal" if asked.literal or kept.literal else ""


def late(c: Compared) -> str:
    """The first veto, '' for none."""
    for name, vetoed in _VETOES.items():
        if vetoed(c):
            return name
    return ""


def _soft(text: Reading) -> set[str]:
    return {word for place, word in enumerate(text.words) if place not in text.solid}


def nothing(c: Compared) -> bool:
    """Whether one kind of question is asked in the same words but for grammar: there is nothing to weigh."""
    return (
        c.asked.kind == c.kept.kind
        and bool(c.difference.pairs)
        and not c.only
        and len(_soft(c.asked) ^ _soft(c.kept)) <= 1
        and all(stem(c.asked.words[one]) == stem(c.kept.words[other]) for one, other in c.difference.pairs)
    )


def _kind(c: Compared) -> bool:
    """Two ways to ask must leave nothing else to differ; a yes-no question turns round on any word."""
    if "ask" in (c.asked.kind, c.kept.kind) and not {"yes-no", "possible"} & {c.asked.kind, c.kept.kind}:
        return any(word not in LIGHT for word in c.only)
    if c.asked.kind != c.kept.kind or c.asked.kind in ("yes-no", "possible"):
        return any(word not in _EMPTY for word in c.only) and not _still_small(c) and not reworded(c)
    return False


_EMPTY = INTENSIFIERS | {"actual", "genuinely", "technically"}


def reworded(c: Compared) -> bool:
    """A long yes-no question in which one word stands for another; that it must be a near one."""
    return (
        c.asked.kind == c.kept.kind
        and c.asked.kind in ("yes-no", "possible")
        and len(c.difference.pairs) > 3
        and len(c.left) == len(c.right) == 1
    )


_SMALL_WORDS = frozenset(
    {
        "to",
        "if",
        "and",
        "that",
        "as",
        "with",
        "ever",
        "fully",
        "completely",
        "actual",
        "from",
        "when",
        "have",
        "technically",
        "officially",
        "genuinely",
    }
)


def _still_small(c: Compared) -> bool:
    """Of a long yes-no question, what only carries its grammar."""
    if c.asked.kind != c.kept.kind or len(c.difference.pairs) < 3:
        return False
    return _SMALL_WORDS.issuperset(c.only) or sorted(c.only) == ["can", "could"]


def _names(c: Compared) -> bool:
    return any(
        (word in c.asked.names or word in c.kept.names or word != word.lower() or word in NAMES)
        and word not in LIGHT
        for word in c.only
    )


_BRACKETS = frozenset("/()")
"""What stands in brackets has its own veto."""


def _symbols(c: Compared) -> bool:
    return any(
        word not in _BRACKETS and (not word[0].isalnum() or len(word) == 1 or not word.isascii())
        for word in c.only
    )


def _defined(c: Compared) -> bool:
    if c.asked.kind == "difference" and any(word not in LIGHT and word not in GENERIC for word in c.only):
        return True
    return shifts.defined(c.asked, c.kept, c.difference.pairs)


def _siblings(c: Compared) -> bool:
    return bool(c.left and c.right) and siblings(c.left, c.right)


def _somebody(c: Compared) -> bool:
    return (
        shifts.somebody(c.asked, c.kept, c.left, c.right)
        or shifts.owned(c.asked, c.kept)
        or shifts.turned(c.asked, c.kept)
        or shifts.itself(c.asked, c.difference.asked)
        or shifts.itself(c.kept, c.difference.kept)
    )


def _able(c: Compared) -> bool:
    return shifts.able(c.asked, c.left, c.right)


def _begun(c: Compared) -> bool:
    return shifts.begun(c.asked, c.kept, c.left, c.right)


def _side(c: Compared) -> bool:
    return shifts.side(c.asked, c.difference.asked, c.right) or shifts.side(c.kept, c.difference.kept, c.left)


def _antonyms(c: Compared) -> bool:
    return any(opposite(one, other) for one in c.left for other in c.right)


_NOW = frozenset({"now", "currently", "nowaday", "current", "present"})


def _time(c: Compared) -> bool:
    """What is asked in the present is asked of now."""
    past = shifts.past(c.asked.words) or shifts.past(c.kept.words)
    return any(word in _TIMES or (past and word in _NOW) for word in c.only)


_TIMES = TIMES - TENSES - LIGHT - GENERIC - _NOW


def _tense(c: Compared) -> bool:
    """`what would` is `what will`; `why did he` is `why has he`. Who was something may be so no more."""
    if c.asked.kind == c.kept.kind == "who" and ("was" in c.left) != ("was" in c.right):
        return True
    left, right = TENSES.intersection(c.left), TENSES.intersection(c.right)
    if not left and not right:
        return False
    return "will" in left ^ right and "would" not in left ^ right


def _quantity(c: Compared) -> bool:
    return any(word in QUANTITIES and word not in LIGHT for word in c.only)


def _modal(c: Compared) -> bool:
    left, right = (MODALS.intersection(words) - {"to", "have"} for words in (c.left, c.right))
    if not left or not right or left == right:
        return False
    return not (left | right <= {"can", "could", "will", "would"} or left | right == {"should", "must"})


def _pronoun(c: Compared) -> bool:
    return any(word in OTHERS and word not in ("it", "its", "us", "who") for word in c.only)


def _pointing(c: Compared) -> bool:
    """`this circuit` is another than `a circuit`."""
    return POINTING.intersection(c.asked.words) != POINTING.intersection(c.kept.words)


_SOMEONE = frozenset({"someone", "someone's", "people", "somebody", "other"})
_SELF = frozenset({"my", "me", "myself", "your", "yourself", "oneself", "ourselves", "yourselves"})


def _owner(c: Compared) -> bool:
    """`my` and `your` are the same to those who ask how; not to those who ask what. `Someone` is neither."""
    for said, other in ((c.left, c.kept.words), (c.right, c.asked.words)):
        if _SOMEONE.intersection(said) and _SELF.intersection(other):
            return True
    if c.asked.kind in ("howto", "why", "feels"):
        return False
    mine, yours = ({"my", "your", "our"}.intersection(each.words) for each in (c.asked, c.kept))
    return bool(mine and yours and mine != yours)


def _possessed(c: Compared) -> bool:
    """Whether a word is whose something is in one text alone."""
    return any(
        c.asked.words[one].endswith("'s") != c.kept.words[other].endswith("'s")
        for one, other in c.difference.pairs
    )


def _form(c: Compared) -> bool:
    """`boring` is not `bored`, `bear` is not `bearing`, `color` not `colorful`, and `glasses` no `glass`."""
    if any(_derived(one, other) for one in c.left for other in c.right):
        return True
    for one, other in c.difference.pairs:
        mine, yours = c.asked.words[one], c.kept.words[other]
        if mine != yours and {mine[-3:], yours[-3:]} & {"ing"} and {mine[-2:], yours[-2:]} & {"ed"}:
            return True
        if mine != yours and len(c.difference.pairs) == 1 and mine[:3] == yours[:3]:
            return True
    return False


def _derived(one: str, other: str) -> bool:
    short, long = sorted((one, other), key=len)
    return long.startswith(short) and long[len(short) :] in (
        "ful",
        "less",
        "ish",
        "like",
        "able",
        "er",
        "ist",
        "es",
    )


def _direction(c: Compared) -> bool:
    """To and from; a gift for a teacher and one from a teacher; to work at a firm and with it."""
    if ("to" in c.left and "from" in c.right) or ("from" in c.left and "to" in c.right):
        return True
    only = (set(c.asked.words) - set(c.kept.words), set(c.kept.words) - set(c.asked.words))
    return any(
        ("from" in mine and "for" in yours) or ("with" in mine and not yours.isdisjoint(_NOT_WITH))
        for mine, yours in (only, only[::-1])
    )


_NOT_WITH = frozenset({"at", "for", "against", "to"})


def _roles(c: Compared) -> bool:
    """`why did A blame B`, `why was A blamed by B`; what I do about my neighbor's dog and
    what my neighbor does about mine."""
    if shifts.inverted(c.asked, c.kept) or _possessed(c):
        return True
    return shifts.passive(c.asked.words) != shifts.passive(c.kept.words)


_SCOPELESS = (LIGHT | GENERIC) - {"work"}


def _scope(c: Compared) -> bool:
    """A phrase that only one side has narrows its question: `in one year`, `for beginners`."""
    if c.asked.aside - set(c.kept.heads) or c.kept.aside - set(c.asked.heads):
        return True
    for text, places, others in (
        (c.asked, c.difference.asked, c.right),
        (c.kept, c.difference.kept, c.left),
    ):
        for place in places:
            if text.words[place] in _SCOPELESS:
                continue
            if _listed(text.words, place) and not others:
                return True
            if not others and NARROWING.intersection(text.words[max(0, place - 2) : place]):
                return True
    return False


def _listed(words: tuple[str, ...], place: int) -> bool:
    """One of several: `mind` in `heart, mind and soul`."""
    around = (*words[max(0, place - 1) : place], *words[place + 1 : place + 2])
    return not {"and", "or", ",", "/", "&"}.isdisjoint(around)


_VETOES: dict[str, Callable[[Compared], bool]] = {
    "kind": _kind,
    "names": _names,
    "symbols": _symbols,
    "time": _time,
    "tense": _tense,
    "quantity": _quantity,
    "modal": _modal,
    "pronoun": _pronoun,
    "pointing": _pointing,
    "owner": _owner,
    "form": _form,
    "direction": _direction,
    "antonyms": _antonyms,
    "order": is_reordered,
    "roles": _roles,
    "defined": _defined,
    "scope": _scope,
    "substitution": _siblings,
    "person": _somebody,
    "able": _able,
    "past": _begun,
    "side": _side,
}
