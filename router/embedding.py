"""A prompt's embedding: computed once per request here, handed on as a plain array."""

from __future__ import annotations

import numpy as np

from router.model.lexicon import Lexicon
from router.model.surface import Floats
from router.model.words import cut, words

DIMENSIONS = 256


def embed(text: str, lexicon: Lexicon) -> Floats:
    """Of unit length; all zeros for a text without words. Texts that mean the same lie close, by their dot
    product; order and negation do not show."""
    said = lexicon.vocabulary.row_numbers(words(cut(text).encode("utf-8", "surrogatepass")))
    if not said:
        return np.zeros(DIMENSIONS, np.float32)
    rows = np.array(said)
    added: Floats = lexicon.vector_scales[rows] @ lexicon.vectors[rows].astype(np.float32)
    length = float(np.sqrt(added @ added))
    return added / np.float32(length) if length > 0.0 else added
