"""Puts the shipped artefact together, and the same with some prompts left out, to measure it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.routing.projection import Corpus, Matrix, outcomes
from benchmarks.routing.sources import Prompt
from router.model.fitting import Fitted, Rows, fit
from router.model.head import Head
from router.model.lexicon import SURFACE_LIMIT, SURFACE_WEIGHT, Lexicon
from router.model.reading import Reading

KEPT = 40
GENERAL_RIDGE = 10_000.0
"""What the heads for all pairs hold back. Prompts like their own would choose a tenth of it; those of a
source that they have never seen are told better with this (`measure.left_out`): for them it is shipped."""
GENERAL_SEEDS = (7, 8, 9)
"""Of the random directions of those heads. Which prompts of an unseen source come first is partly the luck of
one seed; their mean has less of it."""
DISTILLED_RIDGE = 100.0
"""One head is shipped: it learns the mean of them, in which there is no noise to hold back from."""
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


def general(lexicon: Lexicon | None, rows: Rows, version: str) -> Fitted:
    """The head for all pairs: what several say on average, in one."""
    told = np.mean([_general_head(rows, seed).gains(rows.inputs) for seed in GENERAL_SEEDS], axis=0)
    return fit(lexicon, rows._replace(gains=told.astype(np.float64)), version, ridges=(DISTILLED_RIDGE,))


def _general_head(rows: Rows, seed: int) -> Head:
    return fit(None, rows, "one of several", ridges=(GENERAL_RIDGE,), seed=seed).model.head
