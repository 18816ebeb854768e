"""Fits a head, its calibration, its prior and its novelty floor to rows of (inputs, gain).

The only module here that needs scikit-learn, imported when a model is fitted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import sqrt
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from router.model.head import Head
from router.model.learned import FAMILIES, SHARES, Familiar, LearnedGain, Prior, family
from router.model.lexicon import Lexicon
from router.model.reading import Reading
from router.model.surface import NAMES, Floats

Numbers: TypeAlias = NDArray[np.float64]
Places: TypeAlias = NDArray[np.int64]

WAVES = 1_024
"""Own heads of 1,024, 768 and 448 waves reach an APGR of 0.684, 0.681 and 0.681 on MMLU, 0.556, 0.553 and
0.548 on MMLU-Pro and ZeroEval together; a decision takes some 10 us more with 1,024 than with 448."""
SEEDS = (7, 8, 9)
"""Of random directions. Which prompts come first is partly the luck of one; a mean has less of it."""
DISTILLED_RIDGE = 3.0
"""What a head holds back that learns what several say on average: there is no noise in it."""
WIDTH = 8.0
"""How far apart prompts must be, in inputs, to be judged apart."""
WAVES_WEIGHT = 10.0
SLOPE_SCALE = 0.3
RIDGES = (15.0, 150.0, 1_500.0, 15_000.0, 150_000.0)
"""From little held back to nothing learned. Few rows cannot tell closer ones apart: of seven, 1,500 rows
choose worse than of these."""
EXPECTED_RIDGE = 1_500.0
"""What pairs with many rows choose, about."""
FOLDS = 10
LEAST_SCALE, SCALE_SPREAD = 0.1, 0.5
"""The scale of another pair is expected to lie around 1, this far from it."""
CENTRES = 32
PROMPTS_PER_CENTRE = 20
NEARLY_ALL = 0.99
MEMBERS_TRUSTED = 300
"""A family's own offset counts half from so many rows."""
_LOG_CHARS = NAMES.index("log_chars")


class Rows(NamedTuple):
    """What a model is fitted on, one entry per conversation."""

    inputs: Floats
    surfaces: Floats
    unknown: Numbers
    """Share of words that the vocabulary lacks."""
    gains: Numbers
    groups: Places
    """Rows of one group (same passage, near duplicates) are never divided between fitting and testing."""


class Fitted(NamedTuple):
    model: LearnedGain
    unseen: Numbers
    """Per row, the gain predicted by a head that saw nothing of its group; calibrated."""
    ridge: float


def rows_of(
    lexicon: Lexicon, readings: Sequence[Reading], gains: Sequence[float] | Numbers, groups: Places
) -> Rows:
    return Rows(
        np.array([lexicon.inputs(reading) for reading in readings], np.float32),
        np.array([reading.surface for reading in readings], np.float32),
        np.array([lexicon.unknown(reading) for reading in readings]),
        np.asarray(gains, np.float64),
        groups,
    )


def fit(
    lexicon: Lexicon,
    rows: Rows,
    version: str,
    start: Head | None = None,
    *,
    folds: int = FOLDS,
    ridges: Sequence[float] = RIDGES,
) -> Fitted:
    """`start` is the head whose word on these rows is taken as far as it goes; what it misses is learned."""
    shape = start or new_head(rows.inputs.shape[1])
    begun = _begin(start, rows)
    left = rows.gains - begun
    features = features_of(shape, rows.inputs)
    fold = folds_of(rows.groups, folds)
    squares = [Squares.of(features[fold == k], left[fold == k]) for k in range(folds)]
    told = {ridge: np.zeros(len(left)) for ridge in ridges}
    for k in range(folds):
        others = Squares.added(squares[:k] + squares[k + 1 :])
        # All have the level of all rows: of few, that of a part would say more than what a head tells apart.
        level = float(left.mean()) - others.target / max(1, others.rows)
        for ridge in ridges:
            told[ridge][fold == k] = level + others.solve(ridge).tell(features[fold == k])
    ridge = chosen({ridge: (left - each) ** 2 for ridge, each in told.items()})
    unseen = begun + told[ridge]
    scale = scale_of(unseen, rows.gains)
    whole = _mean(Squares.added(squares), features, rows.inputs, left, ridge)
    head = _calibrated(shape, start, rows, whole, scale)
    unseen = rows.gains.mean() + scale * (unseen - unseen.mean())
    return Fitted(model_of(lexicon, rows, head, unseen, version), unseen, ridge)


def model_of(lexicon: Lexicon, rows: Rows, head: Head, unseen: Numbers, version: str) -> LearnedGain:
    """`unseen`: what heads like this one say of rows whose group they have not seen."""
    return LearnedGain(lexicon, head, fit_prior(rows), familiar(rows), _shares(unseen), version)


def new_head(width: int, seed: int = SEEDS[0], waves: int = WAVES) -> Head:
    """Random directions, learned nothing. Those of a block are orthogonal; they draw the same curves with
    less chance in them than independent ones (Yu et al., "Orthogonal Random Features", 2016)."""
    random = np.random.default_rng(seed)
    blocks = []
    for _ in range(-(-waves // width)):
        turned, _ = np.linalg.qr(random.normal(size=(width, width)))
        blocks.append(turned * np.linalg.norm(random.normal(size=(width, width)), axis=0))
    directions = (np.hstack(blocks)[:, :waves] / WIDTH).astype(np.float16).astype(np.float32)
    phases = random.uniform(0, 2 * np.pi, waves).astype(np.float32)
    return plain(Head(directions, phases, *np.zeros((4, 0, 0), np.float32)))


def plain(head: Head) -> Head:
    """Its directions, with nothing learned and no kinds."""
    width, waves = head.directions.shape
    return head._replace(
        waves=np.zeros((waves, 1), np.float32),
        slopes=np.zeros((width, 1), np.float32),
        offsets=np.zeros(1, np.float32),
        squares=np.zeros((width, 0), np.float32),
    )


def folds_of(groups: Places, count: int, seed: int = 0) -> Places:
    known, member = np.unique(groups, return_inverse=True)
    order = np.random.default_rng(seed).permutation(len(known))
    fold: Places = (order % count)[member]
    return fold


# ---------------------------------------------------------------------- the head


class Solution(NamedTuple):
    weights: Numbers
    offset: float

    def tell(self, features: Floats) -> Numbers:
        told: Numbers = features @ self.weights + self.offset
        return told


class Squares(NamedTuple):
    """Sums from which a ridge regression follows, so that folds are added up rather than fitted again."""

    rows: int
    features: Numbers
    target: float
    square: Numbers
    cross: Numbers

    @classmethod
    def of(cls, features: Floats, target: Numbers) -> Squares:
        square = (features.T @ features).astype(np.float64)
        wide = features.sum(0, dtype=np.float64)
        return cls(len(target), wide, float(target.sum()), square, target @ features)

    @classmethod
    def added(cls, parts: Sequence[Squares]) -> Squares:
        return cls(
            sum(part.rows for part in parts),
            np.sum([part.features for part in parts], axis=0),
            sum(part.target for part in parts),
            np.sum([part.square for part in parts], axis=0),
            np.sum([part.cross for part in parts], axis=0),
        )

    def solve(self, ridge: float) -> Solution:
        from scipy.linalg import solve

        mean = self.features / self.rows
        square = self.square - np.outer(mean, self.features)
        square[np.diag_indices(len(square))] += ridge
        weights = np.asarray(solve(square, self.cross - mean * self.target, assume_a="pos"), np.float64)
        return Solution(weights, self.target / self.rows - float(mean @ weights))


def _mean(squares: Squares, features: Floats, inputs: Floats, left: Numbers, ridge: float) -> Solution:
    """What heads of several directions learn of `left` on average, in weights of `features`."""
    told = squares.solve(ridge).tell(features)
    for seed in SEEDS[1:]:
        turned = features_of(new_head(inputs.shape[1], seed), inputs)
        told += Squares.of(turned, left).solve(ridge).tell(turned)
    told /= len(SEEDS)
    return squares._replace(target=float(told.sum()), cross=told @ features).solve(DISTILLED_RIDGE)


def features_of(head: Head, inputs: Floats) -> Floats:
    """Curves, then slopes; what is learned of them is a head's after `unscaled`."""
    curved = np.cos(inputs @ head.directions + head.phases) * np.float32(_wave_scale(head))
    return np.hstack([curved, inputs * np.float32(SLOPE_SCALE)])


def unscaled(head: Head, weights: Numbers) -> tuple[Numbers, Numbers]:
    """The waves and slopes that weights of features are."""
    waves = len(head.phases)
    return weights[:waves] * _wave_scale(head), weights[waves:] * SLOPE_SCALE


def _wave_scale(head: Head) -> float:
    return WAVES_WEIGHT * sqrt(2 / len(head.phases))


def _begin(start: Head | None, rows: Rows) -> Numbers:
    """What `start` says of the rows, scaled to them; their mean where there is none."""
    mean = float(rows.gains.mean())
    if start is None:
        return np.full(len(rows.gains), mean)
    said = start.gains(rows.inputs).astype(np.float64)
    begun: Numbers = mean + scale_of(said, rows.gains) * (said - said.mean())
    return begun


def chosen(losses: Mapping[float, Numbers]) -> float:
    """The ridge with the least mean loss on unseen groups; one that holds back less than is expected only
    where the rows show by more than a standard error that it is better."""
    held = [ridge for ridge in losses if ridge >= EXPECTED_RIDGE] or [max(losses)]
    best = min(held, key=lambda ridge: float(losses[ridge].mean()))
    bold = min(losses, key=lambda ridge: float(losses[ridge].mean()))
    saved = losses[best] - losses[bold]
    return bold if saved.mean() > saved.std() / sqrt(len(saved)) else best


def scale_of(told: Numbers, gains: Numbers) -> float:
    """How much of a difference that was told is there, LEAST_SCALE to 4: as much as was told, until rows show
    otherwise. A hundred rows alone would often say none of it, and then every prompt is at the threshold."""
    away = told - told.mean()
    expected = float(gains.var()) / SCALE_SPREAD**2
    weight = float(away @ away) + expected
    return 1.0 if weight <= 1e-12 else min(4.0, max(LEAST_SCALE, (float(away @ gains) + expected) / weight))


def _slope(told: Numbers, gains: Numbers) -> float:
    """How much of a difference that was told is there, 0 to 4."""
    away = told - told.mean()
    spread = float(away @ away)
    return 0.0 if spread <= 1e-12 else min(4.0, max(0.0, float(away @ gains) / spread))


def _calibrated(shape: Head, start: Head | None, rows: Rows, learned: Solution, scale: float) -> Head:
    """One head for all of it: the beginning, what was learned, and how much of both holds for unseen rows.
    What was learned is added for prompts of any kind; what the beginning adds for its kinds stays, scaled."""
    waves, slopes = unscaled(shape, learned.weights)
    taken = 0.0 if start is None else scale_of(start.gains(rows.inputs).astype(np.float64), rows.gains)
    head = scaled(shape, scale * taken) if start else plain(shape)
    head.waves[:, 0] += scale * waves
    head.slopes[:, 0] += scale * slopes
    head.offsets[0] += rows.gains.mean() - head.gains(rows.inputs).mean()
    return head


def scaled(head: Head, by: float) -> Head:
    """Its gains by so much; which kind a prompt looks like stays as it is."""
    gaining = 1 + head.kinds
    waves, slopes, offsets = head.waves.copy(), head.slopes.copy(), head.offsets.copy()
    for each in (waves, slopes, offsets):
        each[..., :gaining] *= np.float32(by)
    return head._replace(waves=waves, slopes=slopes, offsets=offsets)


def _shares(unseen: Numbers) -> Floats:
    return np.quantile(unseen, np.linspace(0, 1, SHARES)).astype(np.float32)


# ---------------------------------------------------------------------- beyond it


def fit_prior(rows: Rows) -> Prior:
    """Longer prompts never gain less; families differ as far as their rows can be trusted."""
    logs = rows.surfaces[:, _LOG_CHARS].astype(np.float64)
    mean = float(rows.gains.mean())
    per = max(0.005, _slope(logs, rows.gains))
    left = rows.gains - mean - per * (logs - logs.mean())
    kinds = np.array([family(surface) for surface in rows.surfaces])
    offsets = (
        float(left[kinds == k].sum() / ((kinds == k).sum() + MEMBERS_TRUSTED)) for k in range(len(FAMILIES))
    )
    return Prior(mean, per, float(logs.mean()), tuple(offsets))


def familiar(rows: Rows) -> Familiar:
    from sklearn.cluster import KMeans

    count = max(1, min(CENTRES, len(rows.inputs) // PROMPTS_PER_CENTRE))
    kept = np.random.default_rng(0).permutation(len(rows.inputs))[:10_000]
    inputs = rows.inputs[kept]
    found = KMeans(count, n_init=1, max_iter=30, random_state=0).fit(inputs)
    centres = found.cluster_centers_.astype(np.float32)
    away = ((inputs - centres[found.labels_]) ** 2).sum(1)
    overall = float(np.quantile(away, NEARLY_ALL))
    radii = [max(overall / 4, float(np.quantile(away[found.labels_ == k], NEARLY_ALL))) for k in range(count)]
    unknown = max(0.1, float(np.quantile(rows.unknown, NEARLY_ALL)))
    return Familiar(centres, np.array(radii, np.float32), unknown)
