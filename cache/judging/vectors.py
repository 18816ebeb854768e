"""Vectors of single words, remembered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from cache.question import Floats, WordVectors

MOST_WORDS = 1 << 15
"""Remembered at a time: some 40 MiB."""


class Word(NamedTuple):
    unit: Floats
    """Of unit length; zeros for a word without a vector."""
    weight: float
    """How much the embedding makes of it: rare words weigh more."""
    known: bool


class Words:
    """Not made for threads."""

    def __init__(self, vectors: WordVectors, most: int = MOST_WORDS) -> None:
        self._vectors = vectors
        self._most = most
        self._seen: dict[str, Word] = {}

    def __getitem__(self, word: str) -> Word:
        return self._seen.get(word) or self._enter(word)

    def sum(self, said: Sequence[str]) -> Floats | None:
        """The text's direction, of unit length; None where nothing has a vector."""
        if not said:
            return None
        found = [self[word] for word in said]
        added: Floats = np.array([w.weight for w in found], np.float32) @ np.array([w.unit for w in found])
        length = float(np.sqrt(added @ added))
        return added / np.float32(length) if length > 0.0 else None

    def likeness(self, some: Sequence[str], others: Sequence[str]) -> Floats:
        """Cosines, a row for each of some."""
        mine: Floats = np.array([self[word].unit for word in some])
        result: Floats = mine @ np.array([self[word].unit for word in others]).T
        return result

    def _enter(self, word: str) -> Word:
        if len(self._seen) >= self._most:
            self._seen.clear()
        vector = self._vectors.vectors([word])[0]
        weight = float(np.sqrt(vector @ vector))
        unit = vector / np.float32(weight) if weight > 0.0 else vector
        self._seen[word] = found = Word(unit, weight, self._vectors.known([word])[0])
        return found
