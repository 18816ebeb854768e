"""Words that one text has and the other lacks must be near something that the other says."""

from __future__ import annotations

from collections.abc import Sequence

from cache.judging.features import Prepared
from cache.judging.tables import LIGHT
from cache.judging.vectors import Words
from cache.judging.vetoes import Compared

NEAR = 0.45
"""The cosine from which two words say nearly the same. Words of one kind (`physics`, `chemistry`) and opposites
lie below, most synonyms above."""


def unsupported(c: Compared, asked: Prepared, kept: Prepared, words: Words) -> str:
    """`unknown` for a word without a vector, which may be anything, a name as a rule; `substitution` where a
    word stands in the place of one that is not near; `added` where it repeats nothing."""
    if not all(words[word].known for word in c.only):
        return "unknown"
    left = [word for word in c.left if word not in LIGHT]
    right = [word for word in c.right if word not in LIGHT]
    if left and right:
        return "" if _near(left, c.right, words) and _near(right, c.left, words) else "substitution"
    if left and not _near(left, kept.solid_words, words):
        return "added"
    return "added" if right and not _near(right, asked.solid_words, words) else ""


def _near(lacking: Sequence[str], others: Sequence[str], words: Words) -> bool:
    return bool(others) and float(words.likeness(lacking, others).max(1).min()) >= NEAR
