"""How well an order of prompts by predicted gain spends large calls: RouteLLM's measures.

Prompts with a score at or above a threshold go to the strong model. Lowering the threshold draws a curve of
quality over the share of strong calls; APGR is the area under the part of the quality gap that is recovered
(random order: 0.5), CPT(x) the smallest share that recovers x of it.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Numbers: TypeAlias = NDArray[np.float64]

ROUTELLM_BINS = 10
BOOTSTRAPS = 400


class Recovered(NamedTuple):
    apgr: float
    cpt50: float
    """In percent, as published."""
    cpt80: float


def recovered(scores: Numbers, weak: Numbers, strong: Numbers, *, binned: bool = False) -> Recovered:
    """Exact: one point of the curve per distinct score. Binned: RouteLLM's eleven points, for comparison.
    NaN where both models are equally good."""
    gap = float(strong.mean() - weak.mean())
    if gap == 0.0:
        return Recovered(float("nan"), float("nan"), float("nan"))
    shares, quality = (_binned if binned else _exact)(scores, weak, strong)
    part = (quality - weak.mean()) / gap
    width = float(shares[-1] - shares[0])
    area = float(np.trapezoid(part, shares)) / width if width > 0 else 0.5
    if binned:
        return Recovered(area, *(100 * float(np.interp(x, part, shares)) for x in (0.5, 0.8)))
    return Recovered(area, 100 * _first(shares, part, 0.5), 100 * _first(shares, part, 0.8))


def interval(
    scores: Numbers, weak: Numbers, strong: Numbers, *, times: int = BOOTSTRAPS, seed: int = 0
) -> tuple[float, float]:
    """Of the exact APGR, 95 %, by drawing prompts again."""
    random = np.random.default_rng(seed)
    found = []
    for _ in range(times):
        drawn = random.integers(0, len(scores), len(scores))
        value = recovered(scores[drawn], weak[drawn], strong[drawn]).apgr
        if np.isfinite(value):
            found.append(value)
    if not found:
        return float("nan"), float("nan")
    low, high = np.percentile(found, [2.5, 97.5])
    return float(low), float(high)


def decile_error(told: Numbers, gains: Numbers, bins: int = 10) -> float:
    """Mean over tenths, in order of the prediction, of |mean predicted - mean real gain|."""
    order = np.argsort(told, kind="stable")
    parts = np.array_split(order, bins)
    return float(np.mean([abs(told[part].mean() - gains[part].mean()) for part in parts if len(part)]))


def decile_luck(gains: Numbers, bins: int = 10) -> float:
    """The `decile_error` to be expected of a perfect prediction: the mean of |normal| with the deviation of a
    tenth's mean."""
    return float(np.sqrt(2 / np.pi) * gains.std() / np.sqrt(max(1.0, len(gains) / bins)))


def _exact(scores: Numbers, weak: Numbers, strong: Numbers) -> tuple[Numbers, Numbers]:
    order = np.argsort(-scores, kind="stable")
    gained = np.concatenate([[0.0], np.cumsum((strong - weak)[order])])
    ordered = scores[order]
    border = np.concatenate([[True], ordered[1:] != ordered[:-1], [True]])
    shares = np.arange(len(scores) + 1) / len(scores)
    return shares[border], (weak.mean() + gained / len(scores))[border]


def _binned(scores: Numbers, weak: Numbers, strong: Numbers) -> tuple[Numbers, Numbers]:
    thresholds = np.unique(np.quantile(scores, np.linspace(0, 1, ROUTELLM_BINS + 1)))
    chosen = [scores >= threshold for threshold in thresholds[:-1]] + [scores > thresholds[-1]]
    points = sorted((float(c.mean()), float(np.where(c, strong, weak).mean())) for c in chosen)
    shares, quality = np.array(points).T
    return shares, quality


def _first(shares: Numbers, part: Numbers, wanted: float) -> float:
    """Where the curve first reaches that part."""
    reached = np.flatnonzero(part >= wanted)
    if not len(reached):
        return 1.0
    at = int(reached[0])
    if at == 0 or part[at] == part[at - 1]:
        return float(shares[at])
    step = (wanted - part[at - 1]) / (part[at] - part[at - 1])
    return float(shares[at - 1] + step * (shares[at] - shares[at - 1]))
