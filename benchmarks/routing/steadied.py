"""Labels with less luck in them: what the outcomes of other models on the same prompt say of a pair's gain.

Whether a model is right once is partly chance. Where many others answered the prompt, their outcomes tell how
hard it is for such models, and from that the pair's expected gain, with a tenth of the variance of its label
(Rao and Blackwell's argument, as far as the others say all that a prompt can say of the pair; with few others
they do not). A head learns from it with less noise. Only for fitting: what is measured is measured on the
outcomes themselves.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.routing.pairs import Pair
from benchmarks.routing.sources import Prompt

Numbers = NDArray[np.float64]

RIDGE = 50.0
FEWEST_OTHERS = 20
"""With fewer other models a source's labels stay as they are."""
MOSTLY = 0.5
"""A model counts that has answered at least this part of the prompts."""


def steadied(
    prompts: Sequence[Prompt], each: Pair, use: NDArray[np.bool_], fold: NDArray[np.int64]
) -> Numbers:
    """Per prompt of the pair, its gain, or for those in `use` (places in `each`) what the others' outcomes
    say of it. Learned from prompts in `use` alone, and never from one of the same fold as the prompt's."""
    told = each.gains.copy()
    source = np.array([prompts[k].source for k in each.at])
    for name in np.unique(source):
        inside = np.flatnonzero((source == name) & use)
        outcomes = _others(prompts, each, inside)
        if outcomes.shape[1] < FEWEST_OTHERS:
            continue
        part = fold[each.at[inside]]
        for k in np.unique(part):
            rest, here = part != k, part == k
            told[inside[here]] = _ridge(outcomes[rest], each.gains[inside[rest]], outcomes[here])
    return told


def _others(prompts: Sequence[Prompt], each: Pair, inside: NDArray[np.int64]) -> Numbers:
    """Centred outcomes of the models that are not of the pair, then their mean and its square."""
    asked = [prompts[each.at[k]].scores for k in inside]
    models = sorted({model for scores in asked for model in scores} - {each.weak, each.strong})
    scores = np.array([[one.get(model, np.nan) for model in models] for one in asked]).reshape(len(asked), -1)
    scores = scores[:, (~np.isnan(scores)).mean(0) > MOSTLY]
    if scores.shape[1] < FEWEST_OTHERS:
        return scores
    centred = np.nan_to_num(scores - np.nanmean(scores, 0))
    mean = centred.mean(1, keepdims=True)
    return np.hstack([centred, mean, mean**2])


def _ridge(given: Numbers, wanted: Numbers, asked: Numbers) -> Numbers:
    centre = given.mean(0)
    away = given - centre
    square = away.T @ away
    square[np.diag_indices(len(square))] += RIDGE
    told: Numbers = (asked - centre) @ np.linalg.solve(
        square, away.T @ (wanted - wanted.mean())
    ) + wanted.mean()
    return told
