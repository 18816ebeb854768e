"""Fits a head, its calibration, its prior and its novelty floor to rows of (inputs, gain).

The only module here that needs scikit-learn, imported when a model is fitted.
"""

from __future__ import annotations

from collections.abc import Sequence
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

WAVES = 1024
SEED = 7
"""Of the random directions."""
WIDTH = 8.0
"""How far apart prompts must be, in inputs, to be judged apart."""
WAVE_SCALE = 10 * (2 / WAVES) ** 0.5
SLOPE_SCALE = 0.3
RIDGES = (30.0, 100.0, 300.0, 1_000.0, 3_000.0, 10_000.0, 100_000.0)
"""From little held back to nothing learned; the one that tells unseen groups best is taken."""
CENTRES = 64
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
    folds: int = 5,
    ridges: Sequence[float] = RIDGES,
    seed: int = SEED,
) -> Fitted:
    """`start` is the head whose word on these rows is taken as far as it goes; what it misses is learned."""
    shape = start or new_head(rows.inputs.shape[1], seed)
    begun = _begin(start, rows)
    left = rows.gains - begun
    features = _features(shape, rows.inputs)
    fold = folds_of(rows.groups, folds)
    squares = [_Squares.of(features[fold == k], left[fold == k]) for k in range(folds)]
    told = {ridge: np.zeros(len(left)) for ridge in ridges}
    for k in range(folds):
        others = _Squares.added(squares[:k] + squares[k + 1 :])
        for ridge in ridges:
            told[ridge][fold == k] = others.solve(ridge).tell(features[fold == k])
    ridge = min(ridges, key=lambda r: float(((left - told[r]) ** 2).mean()))
    unseen = begun + told[ridge]
    scale = _slope(unseen, rows.gains)
    whole = _Squares.added(squares).solve(ridge)
    head = _calibrated(shape, start, rows, whole, scale)
    unseen = rows.gains.mean() + scale * (unseen - unseen.mean())
    model = LearnedGain(lexicon, head, fit_prior(rows), familiar(rows), _shares(unseen), version)
    return Fitted(model, unseen, ridge)


def new_head(width: int, seed: int = SEED) -> Head:
    """Random directions, learned nothing. Those of a block are orthogonal; they draw the same curves with
    less chance in them than independent ones (Yu et al., "Orthogonal Random Features", 2016)."""
    random = np.random.default_rng(seed)
    blocks = []
    for _ in range(-(-WAVES // width)):
        turned, _ = np.linalg.qr(random.normal(size=(width, width)))
        blocks.append(turned * np.linalg.norm(random.normal(size=(width, width)), axis=0))
    directions = (np.hstack(blocks)[:, :WAVES] / WIDTH).astype(np.float16).astype(np.float32)
    phases = random.uniform(0, 2 * np.pi, WAVES).astype(np.float32)
    return Head(directions, phases, np.zeros(WAVES, np.float32), np.zeros(width, np.float32), 0.0)


def folds_of(groups: Places, count: int, seed: int = 0) -> Places:
    known, member = np.unique(groups, return_inverse=True)
    order = np.random.default_rng(seed).permutation(len(known))
    fold: Places = (order % count)[member]
    return fold


# ---------------------------------------------------------------------- the head


class _Solution(NamedTuple):
    weights: Numbers
    offset: float

    def tell(self, features: Floats) -> Numbers:
        told: Numbers = features @ self.weights + self.offset
        return told


class _Squares(NamedTuple):
    """Sums from which a ridge regression follows, so that folds are added up rather than fitted again."""

    rows: int
    features: Numbers
    target: float
    square: Numbers
    cross: Numbers

    @classmethod
    def of(cls, features: Floats, target: Numbers) -> _Squares:
        square = (features.T @ features).astype(np.float64)
        wide = features.sum(0, dtype=np.float64)
        return cls(len(target), wide, float(target.sum()), square, target @ features)

    @classmethod
    def added(cls, parts: Sequence[_Squares]) -> _Squares:
        return cls(
            sum(part.rows for part in parts),
            np.sum([part.features for part in parts], axis=0),
            sum(part.target for part in parts),
            np.sum([part.square for part in parts], axis=0),
            np.sum([part.cross for part in parts], axis=0),
        )

    def solve(self, ridge: float) -> _Solution:
        from scipy.linalg import solve

        mean = self.features / self.rows
        square = self.square - np.outer(mean, self.features)
        square[np.diag_indices(len(square))] += ridge
        weights = np.asarray(solve(square, self.cross - mean * self.target, assume_a="pos"), np.float64)
        return _Solution(weights, self.target / self.rows - float(mean @ weights))


def _features(head: Head, inputs: Floats) -> Floats:
    curved = np.cos(inputs @ head.directions + head.phases) * np.float32(WAVE_SCALE)
    return np.hstack([curved, inputs * np.float32(SLOPE_SCALE)])


def _begin(start: Head | None, rows: Rows) -> Numbers:
    """What `start` says of the rows, scaled to them; their mean where there is none."""
    mean = float(rows.gains.mean())
    if start is None:
        return np.full(len(rows.gains), mean)
    said = start.gains(rows.inputs).astype(np.float64)
    begun: Numbers = mean + _slope(said, rows.gains) * (said - said.mean())
    return begun


def _slope(told: Numbers, gains: Numbers) -> float:
    """How much of a difference that was told is there, 0 to 4."""
    away = told - told.mean()
    spread = float(away @ away)
    return 0.0 if spread <= 1e-12 else min(4.0, max(0.0, float(away @ gains) / spread))


def _calibrated(shape: Head, start: Head | None, rows: Rows, learned: _Solution, scale: float) -> Head:
    """One head for all of it: the beginning, what was learned, and how much of both holds for unseen rows."""
    waves = learned.weights[:WAVES] * WAVE_SCALE
    slopes = learned.weights[WAVES:] * SLOPE_SCALE
    if start is not None:
        taken = _slope(start.gains(rows.inputs).astype(np.float64), rows.gains)
        waves = waves + taken * start.waves
        slopes = slopes + taken * start.slopes
    head = shape._replace(
        waves=(scale * waves).astype(np.float32), slopes=(scale * slopes).astype(np.float32), offset=0.0
    )
    return head._replace(offset=float(rows.gains.mean() - head.gains(rows.inputs).mean()))


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
