"""A pair of texts as numbers: how much each lacks of the other, and how strange that is to it.

A lacking word's *strangeness* is its weight, less what the nearest word of the other text says of it:
weight times (1 - cosine). A synonym is hardly strange, nor is what repeats the topic; a new topic is.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from cache.judging.compared import Compared
from cache.judging.parts import parts
from cache.judging.reading import Reading, read
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
    """A text, ready to be compared many times. Its reading is there at once, and rules most pairs out; the
    rest is made when it is first needed."""

    def __init__(self, reading: Reading, words: Words, is_part: bool = False) -> None:
        self.reading = reading
        self._words = words
        self._is_part = is_part

    @cached_property
    def parts(self) -> tuple[Prepared, ...]:
        """The questions that it puts one after another, where there are several."""
        own = () if self._is_part else parts(self.reading.text)
        return tuple(Prepared(read(part), self._words, is_part=True) for part in own)

    @cached_property
    def solid_words(self) -> tuple[str, ...]:
        words = self.reading.words
        return tuple(words[place] for place in sorted(self.reading.solid))

    @cached_property
    def unknown(self) -> frozenset[str]:
        """Misspelt, perhaps: not names."""
        names, words = self.reading.names, self._words
        return frozenset(
            word
            for word in self.solid_words
            if len(word) > 4 and word.isalpha() and word not in names and not words[word].known
        )

    @cached_property
    def mass(self) -> float:
        return sum(self._words[word].weight for word in self.solid_words)

    @cached_property
    def direction(self) -> Floats | None:
        return self._words.sum(self.reading.words)


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
