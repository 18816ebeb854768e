"""What is measured of the router: five folds of groups, sources left out, few labels, calibration."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.routing.kinds import gated, kind_gains, kinds_of
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
from benchmarks.routing.steadied import steadied
from benchmarks.routing.training import GAIN, inputs, learn
from router.evaluation import decile_error, decile_luck, interval, recovered
from router.model.fitting import Rows, fit, model_of
from router.model.groups import groups
from router.model.head import Head
from router.model.learned import KNOWN_NOVELTY, LearnedGain, family
from router.model.lexicon import Lexicon
from router.model.reading import Reading, read_text
from router.model.surface import NAMES

Numbers = NDArray[np.float64]
FOLDS = 5
FEW = 1_500
SHARE, HALVES = 0.3, 20
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
    """The gain that the head for all learns; NaN where it is not known."""
    kinds: NDArray[np.int64]

    def rows(self, given: Matrix, at: NDArray[np.int64], gains: Numbers) -> Rows:
        return Rows(given[at], self.surfaces[at], self.unknown[at], gains, self.group[at])

    def given(self, use: NDArray[np.bool_]) -> Matrix:
        """Inputs of all prompts, from a projection that learned from those in `use` alone."""
        return inputs(self.corpus, self.readings, learn(self.corpus, self.prompts, use, self.inner))

    def together(self, given: Matrix, use: NDArray[np.bool_]) -> tuple[Rows, Head]:
        """The way the shipped head is made, of the prompts in `use` alone."""
        at = np.flatnonzero(use & ~np.isnan(self.general))
        own = kind_gains(self.prompts, self.general, use, self.inner)
        rows = self.rows(given, at, self.general[at])
        return rows, gated(rows, self.kinds[at], own[at])


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
        kinds_of(prompts),
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
        together = b.together(given, use)[1]
        for name, each in pairs.items():
            seen = use[each.at]
            steady = steadied(b.prompts, each, seen, b.inner)
            alone = fit_rows(b.rows(given, each.at[seen], steady[seen]))
            shipped[name][~seen] = together.gains(given[each.at[~seen]])
            own[name][~seen] = alone.head.gains(given[each.at[~seen]])
    return Unseen(shipped, own)


def fit_rows(rows: Rows) -> LearnedGain:
    return fit(None, rows, "measured", folds=FOLDS).model


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


class FewLabels(NamedTuple):
    apart: float
    """APGR on what shares no group with a label."""
    rest: float
    """APGR on everything that has no label."""


def few_labels(b: Bench, each: Pair, draws: int = 5) -> list[FewLabels]:
    """When no more than FEW labels of `each`, drawn at random, are known to head or projection: as a
    calibration does it, beginning from the head that all other sources gave."""
    inside = np.isin(b.group, b.group[each.at])
    found = []
    for draw in range(draws):
        order = np.random.default_rng(draw).permutation(len(each.at))
        few, rest = order[:FEW], order[FEW:]
        use = ~inside
        use[each.at[few]] = True
        given = b.given(use)
        begun = b.together(given, ~inside)[1]
        model = fit(None, b.rows(given, each.at[few], each.gains[few]), "measured", begun).model
        told = model.head.gains(given[each.at]).astype(np.float64)
        apart = rest[~np.isin(b.group[each.at[rest]], b.group[each.at[few]])]
        found.append(FewLabels(*(_apgr(told, each, part) for part in (apart, rest))))
    return found


def few_labels_by_fold(b: Bench, each: Pair) -> float:
    """APGR on every prompt of `each`, by five models: each knows FEW labels, drawn at random from the groups
    of the other four folds, and is asked for its own fold."""
    inside = np.isin(b.group, b.group[each.at])
    told = np.zeros(len(each.at))
    for fold in range(FOLDS):
        asked = b.fold[each.at] == fold
        few = np.random.default_rng(fold).permutation(np.flatnonzero(~asked))[:FEW]
        use = ~inside
        use[each.at[few]] = True
        given = b.given(use)
        begun = b.together(given, ~inside)[1]
        model = fit(None, b.rows(given, each.at[few], each.gains[few]), "measured", begun).model
        told[asked] = model.head.gains(given[each.at[asked]])
    return _apgr(told, each, np.arange(len(told)))


def _apgr(told: Numbers, each: Pair, part: NDArray[np.int64]) -> float:
    return recovered(told[part], each.weak_scores[part], each.strong_scores[part]).apgr


def left_out(b: Bench, say: Callable[[str], None]) -> list[tuple[Pair, float, float, float]]:
    """(pair, APGR, APGR of longer prompts, share known) for every pair of a source that no model has seen."""
    found = []
    source = np.array([prompt.source for prompt in b.prompts])
    for name, (weak, strong) in SIDES.items():
        say(f"without {name}")
        use = ~np.isin(b.group, b.group[source == name])
        given = b.given(use)
        rows, head = b.together(given, use)
        model = model_of(None, rows, head, rows.gains, "measured")
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


class Calibration(NamedTuple):
    error: float
    """Mean over tenths of |predicted - real gain|."""
    luck: float
    """What that would be for a perfect prediction of so many prompts."""
    shares: Numbers
    """Of random halves: how much the threshold for SHARE of the other half sends."""


def calibration(told: Numbers, gains: Numbers) -> Calibration:
    random, shares = np.random.default_rng(1), []
    for _ in range(HALVES):
        first = random.permutation(len(told)) < len(told) // 2
        shares.append((told[~first] >= np.quantile(told[first], 1 - SHARE)).mean())
    return Calibration(decile_error(told, gains), decile_luck(gains), np.array(shares))
