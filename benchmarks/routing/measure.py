"""What is measured of the router: five folds of groups, sources left out, few labels, calibration."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.routing.pairs import (
    GPT4,
    LLAMA_8B,
    LLAMA_70B,
    MIXTRAL,
    SIDES,
    Pair,
    general_gains,
    joined,
    pair,
)
from benchmarks.routing.projection import Corpus, Matrix, prepare
from benchmarks.routing.sources import Prompt, folds
from benchmarks.routing.training import GAIN, inputs, learn
from router.evaluation import decile_error, interval, recovered
from router.model.fitting import Rows, fit
from router.model.groups import groups
from router.model.learned import KNOWN_NOVELTY, LearnedGain, family
from router.model.lexicon import Lexicon
from router.model.reading import Reading, read_text
from router.model.surface import NAMES

Numbers = NDArray[np.float64]
FOLDS = 5
FEW = 1_500
RIDGES = (300.0, 1_000.0, 3_000.0)
"""Of those that a calibration tries, the ones that so many rows choose."""
LEAST_GAP = 0.05
"""Pairs whose means are closer measure luck."""
_LOG_CHARS = NAMES.index("log_chars")


class Bench(NamedTuple):
    prompts: Sequence[Prompt]
    readings: Sequence[Reading]
    group: NDArray[np.int64]
    fold: NDArray[np.int64]
    inner: NDArray[np.int64]
    corpus: Corpus
    surfaces: Matrix
    unknown: Numbers
    general: Numbers

    def rows(self, given: Matrix, at: NDArray[np.int64], gains: Numbers) -> Rows:
        return Rows(given[at], self.surfaces[at], self.unknown[at], gains, self.group[at])

    def given(self, use: NDArray[np.bool_]) -> Matrix:
        """Inputs of all prompts, from a projection that learned from those in `use` alone."""
        return inputs(self.corpus, self.readings, learn(self.corpus, self.prompts, use, self.inner))


def bench(prompts: Sequence[Prompt], lexicon: Lexicon) -> Bench:
    """Takes only words and their vectors from the lexicon, nothing that was learned from outcomes."""
    texts = [prompt.text for prompt in prompts]
    readings = [read_text(text, lexicon.vocabulary) for text in texts]
    vectors = lexicon.vectors.astype(np.float32) * lexicon.vector_scales[:, None]
    group = groups(texts)
    return Bench(
        prompts,
        readings,
        group,
        folds(group, FOLDS, seed=0),
        folds(group, FOLDS, seed=3),
        prepare(readings, list(lexicon.vocabulary)[: lexicon.vocabulary.words], vectors),
        np.array([reading.surface for reading in readings]),
        np.array([lexicon.unknown(reading) for reading in readings]),
        general_gains(prompts, GAIN),
    )


def pairs_of(prompts: Sequence[Prompt]) -> dict[str, Pair]:
    pro = pair(prompts, "mmlu_pro", LLAMA_8B, LLAMA_70B)
    zero = pair(prompts, "zeroeval", LLAMA_8B, LLAMA_70B)
    return {
        "MMLU": pair(prompts, "routellm_mmlu", MIXTRAL, GPT4),
        "GSM8K": pair(prompts, "routellm_gsm8k", MIXTRAL, GPT4),
        "MMLU-Pro": pro,
        "ZeroEval": zero,
        "MMLU-Pro + ZeroEval": joined("mixture", [pro, zero]),
        "mixed tasks": pair(
            prompts, "ulab_llmrouter", "mistral-7b-instruct-v0.3", "llama-3.1-nemotron-51b-instruct"
        ),
    }


class Unseen(NamedTuple):
    """Per pair, predictions for prompts whose whole group was left out."""

    shipped: Mapping[str, Numbers]
    """By the way the shipped model is made: all pairs at once."""
    own: Mapping[str, Numbers]
    """By a head fitted to that pair."""


def unseen(b: Bench, pairs: Mapping[str, Pair], say: Callable[[str], None]) -> Unseen:
    shipped = {name: np.zeros(len(each.at)) for name, each in pairs.items()}
    own = {name: np.zeros(len(each.at)) for name, each in pairs.items()}
    for k in range(FOLDS):
        say(f"fold {k + 1} of {FOLDS}")
        use = b.fold != k
        given = b.given(use)
        general = np.flatnonzero(use & ~np.isnan(b.general))
        together = fit_rows(b.rows(given, general, b.general[general]))
        for name, each in pairs.items():
            seen = use[each.at]
            alone = fit_rows(b.rows(given, each.at[seen], each.gains[seen]))
            shipped[name][~seen] = together.head.gains(given[each.at[~seen]])
            own[name][~seen] = alone.head.gains(given[each.at[~seen]])
    return Unseen(shipped, own)


def fit_rows(rows: Rows) -> LearnedGain:
    return fit(None, rows, "measured", ridges=RIDGES).model


def task_means(b: Bench, each: Pair) -> Numbers:
    """Per prompt the mean gain of its domain in the other folds: what a label of the task is worth."""
    domain = np.array([b.prompts[k].domain for k in each.at])
    fold, told = b.fold[each.at], np.zeros(len(each.at))
    for k in range(FOLDS):
        for name in np.unique(domain):
            others = (domain == name) & (fold != k)
            told[(domain == name) & (fold == k)] = each.gains[others].mean() if others.any() else 0.0
    return told


def lengths(b: Bench, each: Pair) -> Numbers:
    return b.surfaces[each.at, _LOG_CHARS].astype(np.float64)


def worth(scores: Numbers, each: Pair) -> dict[str, Any]:
    exact = recovered(scores, each.weak_scores, each.strong_scores)
    binned = recovered(scores, each.weak_scores, each.strong_scores, binned=True)
    return {
        "exact": exact,
        "binned": binned,
        "interval": interval(scores, each.weak_scores, each.strong_scores, times=200),
    }


def few_labels(b: Bench, each: Pair, draws: int = 3) -> list[float]:
    """APGR on the rest of `each` with FEW labels of it; the projection has seen nothing of its source."""
    inside = np.isin(b.group, b.group[each.at])
    given = b.given(~inside)
    found = []
    for draw in range(draws):
        order = np.random.default_rng(draw).permutation(np.unique(b.group[each.at]))
        rank = {number: place for place, number in enumerate(order.tolist())}
        by_group = np.argsort([rank[number] for number in b.group[each.at].tolist()], kind="stable")
        few, rest = by_group[:FEW], by_group[FEW:]
        rest = rest[~np.isin(b.group[each.at[rest]], b.group[each.at[few]])]
        model = fit_rows(b.rows(given, each.at[few], each.gains[few]))
        told = model.head.gains(given[each.at[rest]]).astype(np.float64)
        found.append(recovered(told, each.weak_scores[rest], each.strong_scores[rest]).apgr)
    return found


def left_out(b: Bench, say: Callable[[str], None]) -> list[tuple[Pair, float, float, float]]:
    """(pair, APGR, APGR of longer prompts, share known) for every pair of a source that no model has seen."""
    found = []
    source = np.array([prompt.source for prompt in b.prompts])
    for name, (weak, strong) in SIDES.items():
        say(f"without {name}")
        use = ~np.isin(b.group, b.group[source == name])
        given = b.given(use)
        general = np.flatnonzero(use & ~np.isnan(b.general))
        model = fit_rows(b.rows(given, general, b.general[general]))
        told, known = _decided(b, model, given, source == name)
        for small in weak:
            for large in strong:
                each = pair(b.prompts, name, small, large)
                if each.gains.mean() >= LEAST_GAP:
                    exact = recovered(told[each.at], each.weak_scores, each.strong_scores).apgr
                    longer = recovered(lengths(b, each), each.weak_scores, each.strong_scores).apgr
                    found.append((each, exact, longer, float(known[each.at].mean())))
    return found


def _decided(
    b: Bench, model: LearnedGain, given: Matrix, inside: NDArray[np.bool_]
) -> tuple[Numbers, NDArray[np.bool_]]:
    """As `LearnedGain.of_reading` decides, of many prompts."""
    told = model.head.gains(given).astype(np.float64)
    known = np.ones(len(told), bool)
    for k in np.flatnonzero(inside):
        known[k] = model.familiar.novelty(given[k], float(b.unknown[k])) <= KNOWN_NOVELTY
        if not known[k]:
            told[k] = model.prior.gain(float(b.surfaces[k, _LOG_CHARS]), family(b.surfaces[k]))
    return told, known


def calibration(told: Numbers, each: Pair, group: NDArray[np.int64]) -> tuple[float, float]:
    """(decile error, share of one half at the other half's threshold for 30 %)."""
    known, member = np.unique(group[each.at], return_inverse=True)
    first = (np.random.default_rng(1).permutation(len(known)) % 2 == 0)[member]
    threshold = np.quantile(told[first], 0.7)
    return decile_error(told, each.gains), float((told[~first] >= threshold).mean())
