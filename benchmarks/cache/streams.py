"""A stream of prompts through the cache's tiers: who is near, who is served."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cache.canonical import canonical
from cache.judging.features import Prepared
from cache.judging.judge import Judge
from router.embedding import embed
from router.model.lexicon import Lexicon

CANDIDATES = 8


class Near(NamedTuple):
    """Places of earlier prompts, nearest first, and their cosines."""

    places: NDArray[np.int64]
    cosines: NDArray[np.float32]


class Hit(NamedTuple):
    asked: int
    kept: int
    tier: str
    """canonical or semantic"""
    score: float


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


def best_hits(texts: Sequence[str], near: Sequence[Near], judge: Judge) -> list[Hit]:
    """Of each prompt the candidate served first: that of its canonical form, else the one judged highest. Any
    threshold can be laid on afterwards."""
    forms: dict[str, int] = {}
    prepared: list[Prepared] = [judge.prepare(text) for text in texts]
    hits = []
    for place, text in enumerate(texts):
        form = canonical(text)
        if form in forms:
            hits.append(Hit(place, forms[form], "canonical", 1.0))
        else:
            forms[form] = place
            scores = [judge.judge(prepared[place], prepared[other]).score for other in near[place].places]
            if scores and max(scores) > 0.0:
                best = int(np.argmax(scores))
                hits.append(Hit(place, int(near[place].places[best]), "semantic", scores[best]))
    return hits
