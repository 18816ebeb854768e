"""The router's word vectors as the cache asks for them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cache.question import Floats
from router.embedding import DIMENSIONS
from router.model.lexicon import Lexicon
from router.model.words import words as split


class LexiconVectors:
    """A cache.question.WordVectors over the lexicon that the embedding adds up."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._lexicon = lexicon

    def vectors(self, words: Sequence[str]) -> Floats:
        """A word that the lexicon reads as several (`e-mail`) has the sum of theirs."""
        found = np.zeros((len(words), DIMENSIONS), np.float32)
        lexicon = self._lexicon
        for number, word in enumerate(words):
            rows = lexicon.vocabulary.row_numbers(_parts(word))
            if rows:
                found[number] = lexicon.vector_scales[rows] @ lexicon.vectors[rows].astype(np.float32)
        return found

    def known(self, words: Sequence[str]) -> list[bool]:
        vocabulary = self._lexicon.vocabulary
        return [bool(parts := _parts(word)) and all(part in vocabulary for part in parts) for word in words]


def _parts(word: str) -> list[bytes]:
    return split(word.encode("utf-8", "surrogatepass"))
