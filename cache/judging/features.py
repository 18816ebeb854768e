"""A pair of texts as numbers: how much each lacks of the other, and how strange that is to it.

A lacking word's *strangeness* is its weight, less what the nearest word of the other text says of it:
weight times (1 - cosine). A synonym is hardly strange, nor is what repeats the topic; a new topic is.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cache.judging.compared import Compared
from cache.judging.reading import Reading
from cache.judging.tables import LIGHT
from cache.judging.vectors import Words
from cache.question import Floats

NAMES = (
    "strange_most", "strange_sum", "unlike_most", "content_lacking", "light_lacking", "swap", "both_sides",
    "same_mass", "cosine", "lacking_share", "other_kind", "synonyms", "soft_changes",
)  # fmt: skip
SIGNS = (-1, -1, -1, -1, -1, 1, -1, 1, 1, -1, -1, -1, -1)
"""Whether more of it speaks for one question, or against."""


class Prepared:
    """A text, ready to be compared many times."""

    __slots__ = ("direction", "mass", "parts", "reading", "solid_words", "unknown")

    def __init__(self, reading: Reading, words: Words, parts: tuple[Prepared, ...] = ()) -> None:
        self.reading = reading
        self.parts = parts
        self.solid_words = tuple(reading.words[place] for place in sorted(reading.solid))
        self.unknown = frozenset(
            word
            for word in self.solid_words
            if len(word) > 4 and word.isalpha() and word not in reading.names and not words[word].known
        )
        """Misspelt, perhaps: not names."""
        self.mass = sum(words[word].weight for word in self.solid_words)
        self.direction = words.sum(reading.words)


def features(asked: Prepared, kept: Prepared, c: Compared, words: Words) -> Floats:
    strange = _strange(c.left, kept.solid_words, words) + _strange(c.right, asked.solid_words, words)
    lacking_left = sum(words[word].weight for word in c.left)
    lacking_right = sum(words[word].weight for word in c.right)
    swap, unlike = _swap(c, words)
    light = sum(word in LIGHT for word in c.only)
    cosine = 0.0
    if asked.direction is not None and kept.direction is not None:
        cosine = float(asked.direction @ kept.direction)
    return np.array(
        (
            max(strange, default=0.0),
            sum(strange),
            unlike,
            len(c.only) - light,
            light,
            swap,
            min(len(c.left), len(c.right)),
            min(asked.mass - lacking_left, 60.0),
            cosine,
            max(lacking_left / (asked.mass or 1.0), lacking_right / (kept.mass or 1.0)),
            c.asked.kind != c.kept.kind,
            sum(c.asked.words[one] != c.kept.words[other] for one, other in c.difference.pairs),
            min(_soft_changes(c), 4),
        ),
        np.float32,
    )


def _strange(lacking: Sequence[str], others: Sequence[str], words: Words) -> list[float]:
    if not lacking:
        return []
    weights = [words[word].weight for word in lacking]
    if not others:
        return weights
    nearest = words.likeness(lacking, others).max(1).tolist()
    return [weight * (1.0 - max(0.0, near)) for weight, near in zip(weights, nearest, strict=True)]


def _swap(c: Compared, words: Words) -> tuple[float, float]:
    """The worst cosine among words that stand in each other's place (1 where none do), and the greatest
    weight that a word has beyond its counterpart."""
    left = [word for word in c.left if word not in LIGHT]
    right = [word for word in c.right if word not in LIGHT]
    if not left or not right:
        alone = (words[word].weight for word in left or right)
        return 1.0, max(alone, default=0.0)
    near = words.likeness(left, right)
    few = near.max(1) if len(left) <= len(right) else near.max(0)
    sides = ((left, near.max(1).tolist()), (right, near.max(0).tolist()))
    unlike = [
        words[word].weight * (1.0 - max(0.0, best))
        for side, nearest in sides
        for word, best in zip(side, nearest, strict=True)
    ]
    return float(few.min()), max(unlike)


def _soft_changes(c: Compared) -> int:
    mine, yours = c.asked, c.kept
    return len(
        {word for place, word in enumerate(mine.words) if place not in mine.solid}
        ^ {word for place, word in enumerate(yours.words) if place not in yours.solid}
    )
