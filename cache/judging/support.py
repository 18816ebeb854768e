"""Words that one text has and the other lacks must be near something that the other says."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from cache.judging.compared import Compared
from cache.judging.features import Prepared
from cache.judging.reading import Reading
from cache.judging.tables import GENERIC, LIGHT, MODALS, VERBS
from cache.judging.vectors import Words
from cache.judging.vetoes import reworded

NEAR = 0.43
"""The cosine from which two words say nearly the same. Words of one kind (`physics`, `chemistry`) and
opposites lie below, most synonyms above."""


SURELY = 0.6
"""In a yes-no question, where less turns the answer round."""

MODIFYING = 0.5
"""For a word in front of one that both have: `chess clubs` are near clubs, and still other ones."""

NEAR_ADDED = 0.33
"""For a word that only one side has: it says what is there already in other words."""
_LEAST_NEAR = {4: 0.2, 5: 0.15, 6: 0.05}
"""By how many words agree, the last for more: in a longer question one word more matters less."""

ENOUGH = 2
"""So many words must agree before a generic one more or less does not matter."""


def unsupported(c: Compared, asked: Prepared, kept: Prepared, words: Words) -> str:
    """`unknown` for a word without a vector, which may be anything, a name as a rule; `substitution` where a
    word stands in the place of one that is not near; `added` where it repeats nothing."""
    if not all(words[word].known for word in c.only if word not in _STROKES):
        return "unknown"
    verbs, others = VERBS.intersection(c.left), VERBS.intersection(c.right)
    if verbs and others and not (_near(tuple(verbs), others, words) and _near(tuple(others), verbs, words)):
        return "substitution"
    free = LIGHT | GENERIC if len(c.difference.pairs) >= ENOUGH else LIGHT
    left = [word for word in c.left if word not in free]
    right = [word for word in c.right if word not in free]
    if left and right:
        least = SURELY if reworded(c) else NEAR
        near = _near(left, c.right, words, least) and _near(right, c.left, words, least)
        return "" if near else "substitution"
    lacking = (
        (c.asked, set(c.difference.asked), kept, c.right, {one for one, _ in c.difference.pairs}),
        (c.kept, set(c.difference.kept), asked, c.left, {other for _, other in c.difference.pairs}),
    )
    for text, places, other, said, agreed in lacking:
        places = {place for place in places if text.words[place] not in free}
        if places and _adds(text, places, _SELVES.intersection(said) or other.solid_words, agreed, words):
            return "added"
    return ""


def _adds(
    text: Reading, places: Collection[int], others: Collection[str], agreed: Collection[int], words: Words
) -> bool:
    """Whether a word at one of the places says what none of the others says. One in front of a word that both
    have narrows it, and the first is what is asked for: they must be nearer than the rest."""
    first = next((place for place in sorted(text.solid) if text.words[place] not in _UNASKED), -1)
    usual = _least_near(len(agreed))
    return not all(
        _near(
            (text.words[place],),
            others,
            words,
            MODIFYING if place == first or place + 1 in agreed else usual,
        )
        for place in places
    )


def _least_near(agreeing: int) -> float:
    return _LEAST_NEAR.get(min(agreeing, max(_LEAST_NEAR)), NEAR_ADDED)


_UNASKED = LIGHT | MODALS
_STROKES = frozenset("/()")
_SELVES = frozenset({"myself", "yourself", "oneself", "ourselves", "someone"})
"""In the place of another word they are no grammar."""


def _near(lacking: Sequence[str], others: Collection[str], words: Words, least: float = NEAR) -> bool:
    return bool(others) and float(words.likeness(lacking, tuple(others)).max(1).min()) >= least
