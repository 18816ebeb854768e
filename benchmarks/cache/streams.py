"""Which earlier prompts of a stream are near each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from router.embedding import embed
from router.model.lexicon import Lexicon

CANDIDATES = 8


class Near(NamedTuple):
    """Places of earlier prompts, nearest first, and their cosines."""

    places: NDArray[np.int64]
    cosines: NDArray[np.float32]


def vectors(texts: Sequence[str], lexicon: Lexicon) -> NDArray[np.float32]:
    return np.array([embed(text, lexicon) for text in texts], np.float32)


def nearest(found: NDArray[np.float32], most: int = CANDIDATES) -> Iterator[Near]:
    """For each prompt its nearest among those before it."""
    for place, vector in enumerate(found):
        cosines = found[:place] @ vector
        few = min(most, place)
        best = np.argpartition(-cosines, few - 1)[:few] if few else np.zeros(0, np.int64)
        best = best[np.argsort(-cosines[best], kind="stable")]
        yield Near(best, cosines[best])
