"""Words that one text has and the other lacks must be near something that the other says."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from cache.judging.features import Prepared
from cache.judging.tables import GENERIC, LIGHT, VERBS
from cache.judging.vectors import Words
from cache.judging.vetoes import Compared

NEAR = 0.43
"""The cosine from which two words say nearly the same. Words of one kind (`physics`, `chemistry`) and
opposites lie below, most synonyms above."""


ENOUGH = 2
"""So many words must agree before a generic one more or less does not matter."""


def unsupported(c: Compared, asked: Prepared, kept: Prepared, words: Words) -> str:
    """`unknown` for a word without a vector, which may be anything, a name as a rule; `substitution` where a
    word stands in the place of one that is not near; `added` where it repeats nothing."""
    if not all(words[word].known for word in c.only):
        return "unknown"
    verbs, others = VERBS.intersection(c.left), VERBS.intersection(c.right)
    if verbs and others and not (_near(tuple(verbs), others, words) and _near(tuple(others), verbs, words)):
        return "substitution"
    free = LIGHT | GENERIC if len(c.difference.pairs) >= ENOUGH else LIGHT
    left = [word for word in c.left if word not in free]
    right = [word for word in c.right if word not in free]
    if left and right:
        return "" if _near(left, c.right, words) and _near(right, c.left, words) else "substitution"
    if left and not _near(left, _SELVES.intersection(c.right) or kept.solid_words, words):
        return "added"
    return (
        "added"
        if right and not _near(right, _SELVES.intersection(c.left) or asked.solid_words, words)
        else ""
    )


_SELVES = frozenset({"myself", "yourself", "oneself", "ourselves", "someone"})
"""In the place of another word they are no grammar."""


def _near(lacking: Sequence[str], others: Collection[str], words: Words) -> bool:
    return bool(others) and float(words.likeness(lacking, tuple(others)).max(1).min()) >= NEAR
