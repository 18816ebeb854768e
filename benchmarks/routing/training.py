"""Puts the shipped artefact together, and the same with some prompts left out, to measure it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.routing.kinds import GENERAL_RIDGE, gated
from benchmarks.routing.projection import Corpus, Matrix, outcomes
from benchmarks.routing.sources import Prompt
from router.model.fitting import Fitted, Places, Rows, folds_of, model_of
from router.model.lexicon import SURFACE_LIMIT, SURFACE_WEIGHT, Lexicon
from router.model.reading import Reading

KEPT = 40
FOLDS = 5
GAIN = 0.15
"""What a prompt gains on average, before a pair is known."""


class Learned(NamedTuple):
    """Projections of a corpus's features, learned from some of its prompts."""

    weights: Matrix
    """For prompts that were not learned from."""
    numbers: Matrix
    """Per prompt, what a projection says of it that saw nothing of its group."""


def learn(
    corpus: Corpus, prompts: Sequence[Prompt], use: NDArray[np.bool_], fold: NDArray[np.int64]
) -> Learned:
    """From the prompts in `use`. `fold` divides all prompts by groups."""
    whole = outcomes(corpus, prompts, use)
    told = corpus.features @ whole
    for k in np.unique(fold[use]):
        part = use & (fold == k)
        told[part] = corpus.features[part] @ outcomes(corpus, prompts, use & (fold != k))
    spread = told[use].std(0) + 1e-9
    even = (told[use] - told[use].mean(0)) / spread
    _, directions = np.linalg.eigh(even.T @ even)
    basis = directions[:, ::-1][:, :KEPT] / spread[:, None]
    basis /= np.sqrt(((told[use] @ basis) ** 2).mean())
    return Learned((whole @ basis).astype(np.float32), (told @ basis).astype(np.float32))


def inputs(corpus: Corpus, readings: Sequence[Reading], learned: Learned) -> Matrix:
    """As `Lexicon.inputs` gives them, for prompts that the projection has not seen."""
    surfaces = np.array([reading.surface for reading in readings])
    even = np.clip((surfaces - corpus.surface_mean) / corpus.spread, -SURFACE_LIMIT, SURFACE_LIMIT)
    return np.hstack([learned.numbers, even * SURFACE_WEIGHT]).astype(np.float32)


def general(lexicon: Lexicon, rows: Rows, kinds: Places, own: NDArray[np.float64], version: str) -> Fitted:
    """The model for all pairs. Its shares are those of heads that had not seen a row's group."""
    fold = folds_of(rows.groups, FOLDS)
    unseen = np.zeros(len(rows.gains))
    for k in range(FOLDS):
        use = fold != k
        head = gated(Rows(*(each[use] for each in rows)), kinds[use], own[use])
        unseen[~use] = head.gains(rows.inputs[~use])
    return Fitted(model_of(lexicon, rows, gated(rows, kinds, own), unseen, version), unseen, GENERAL_RIDGE)
