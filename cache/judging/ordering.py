"""Whether the same words in another order still ask the same."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from cache.judging.classes import NAMES, siblings
from cache.judging.compared import Compared
from cache.judging.reading import Reading, head
from cache.judging.tables import DIRECTIONS, LIGHT, NARROWING, TENSES


def is_reordered(c: Compared) -> bool:
    """Whether who does what to whom, or what belongs to what, may have changed, whichever text is read
    first."""
    if all(one[1] < two[1] for one, two in pairwise(c.difference.pairs)):
        return False
    if c.asked.kind == c.kept.kind == "difference" and not c.only:
        return False
    return _has_moved(c) or _has_moved(c.turned())


def _has_moved(c: Compared) -> bool:
    pairs = [pair for pair in c.difference.pairs if c.asked.words[pair[0]] not in _LINKS]
    breaks = [at for at, (one, two) in enumerate(pairwise(pairs)) if one[1] > two[1]]
    return len(breaks) > 1 or any(not _regrouped(c, pairs[at], pairs[at + 1]) for at in breaks)


_LINKS = frozenset({"and", "or", "vs", "versus"})
_SMALL = frozenset({"of", "in", "for", "on"})
_COPULAS = frozenset({"is", "are", "was", "were"})
"""What stands before one of them is what is spoken of, and what stands behind is said of it."""
_TOLD_BY_ORDER = frozenset({"yes-no", "possible", "ask"})
"""Kinds of questions in which who does what stands in the order of words."""


def _regrouped(c: Compared, first: tuple[int, int], second: tuple[int, int]) -> bool:
    """`A and B` is `B and A`; `movie of 2016` is `2016 movie`; `which are best` goes before or behind, and so
    does an adverb. Who does what to whom is told by order: a yes-no question may move nothing else."""
    if c.asked.words[first[0]][0].isdigit() and c.asked.words[second[0]][0].isdigit():
        return False
    mine = c.asked.words[first[0] + 1 : second[0]]
    yours = c.kept.words[second[1] + 1 : first[1]]
    if _COPULAS.intersection(mine + yours) or _ends_small(c.asked) != _ends_small(c.kept):
        return False
    if _LINKS.intersection(mine) and _LINKS.intersection(yours):
        return True
    if _modifiers(c, first, second):
        return True
    if not (LIGHT | TENSES).issuperset(c.only) or len(c.only) > 3:
        return False
    if _carried(c, first, second):
        return True
    if _TOLD_BY_ORDER & {c.asked.kind, c.kept.kind}:
        return (
            not c.only
            and sorted((len(mine), len(yours))) == [0, 1]
            and bool(_SMALL.intersection(mine + yours))
        )
    moved = [c.asked.words[one] for one, _ in (first, second)]
    moved += [c.kept.words[other] for _, other in (first, second)]
    if any(head(word) == "best" or word.endswith("ly") or word in _ADVERBS for word in moved):
        return True
    return len(c.only) < 2 and bool(_SMALL.intersection(mine)) != bool(_SMALL.intersection(yours))


def _ends_small(text: Reading) -> bool:
    """`who is X the father of`."""
    return text.words[-1] in _SMALL


_ADVERBS = frozenset({"online", "together", "abroad", "ever", "too", "also", "$", "€", "£", "₹"})
"""A sum's sign stands before it, its word behind."""
_PREPOSITIONS = DIRECTIONS | NARROWING


def _carried(c: Compared, first: tuple[int, int], second: tuple[int, int]) -> bool:
    """`the effect of A on B`, `the effect on B of A`: a phrase goes elsewhere, its preposition with it."""
    moved = next(pair for pair in c.difference.pairs if pair[1] > second[1])
    return any(
        _led(c.asked.words, one) == _led(c.kept.words, other) != ""
        for one, other in (second, moved if moved[0] <= first[0] else first)
    )


def _led(words: Sequence[str], place: int) -> str:
    """The preposition in front of a word, or of the one before it; '' for none."""
    return next((word for word in reversed(words[max(0, place - 2) : place]) if word in _PREPOSITIONS), "")


def _modifiers(c: Compared, first: tuple[int, int], second: tuple[int, int]) -> bool:
    """`hacked yahoo account`, `yahoo hacked account`: side by side before one noun on both sides. Whose is
    whose is told by order."""
    if (
        second[0] != first[0] + 1
        or first[1] != second[1] + 1
        or (second[0] + 1, first[1] + 1) not in (c.difference.pairs)
    ):
        return False
    if _TOLD_BY_ORDER & {c.asked.kind, c.kept.kind}:
        return False
    one, other = c.asked.words[first[0]], c.asked.words[second[0]]
    if siblings((one,), (other,)) or {one, other} & (c.asked.names | c.kept.names | NAMES):
        return False
    return not one.endswith("'s") and not other.endswith("'s")
