"""Learns what the shipped artefact knows of words: a projection of a prompt's words and surface to a few
numbers, from which the outcomes of many models can be told.

Everything here is linear in the words, so that it folds into one row of numbers per word.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.utils.extmath import randomized_svd

from benchmarks.routing.sources import Prompt
from router.model.lexicon import SURFACE_LIMIT
from router.model.reading import Reading

Matrix = NDArray[np.float32]

TEXT_DIMENSIONS = 600
LETTER_BUCKETS = 1 << 15
LETTERS_WEIGHT = 0.7
SURFACE_BLOCK = 0.5
RIDGE = 15.0
FEWEST_OUTCOMES = 500
MODEL_FILES = ("mmlu_pro", "zeroeval", "ulab_llmrouter", "routellm_mmlu", "routellm_gsm8k")


class Corpus(NamedTuple):
    """All prompts as numbers, before anything is learned from their outcomes."""

    features: Matrix
    """Per prompt: text, vector, surface; each block of unit mean length."""
    word_features: Matrix
    """Per row of the vocabulary, what it adds to a prompt's text and vector blocks."""
    idf: Matrix
    surface_mean: Matrix
    spread: Matrix
    """Of each surface number."""
    surface_scale: float
    """The surface block is (surface - mean) / spread / surface_scale, clipped as a lexicon does."""
    centre: Matrix
    """What is subtracted from the text and vector blocks."""


def prepare(readings: Sequence[Reading], words: Sequence[bytes], vectors: Matrix) -> Corpus:
    """`words` are those of the vocabulary; `vectors` has a row for each row of it."""
    counted = _rows(readings, len(vectors))
    in_prompts = np.asarray((counted > 0).sum(0)).ravel()
    idf = (np.log((1 + len(readings)) / (1 + in_prompts)) + 1).astype(np.float32)
    weighted = weigh(counted, idf)
    spelled = _letters(words, len(vectors))
    u, s, vt = randomized_svd(weighted @ spelled, TEXT_DIMENSIONS, random_state=0, n_iter=2)
    text_words = np.asarray(spelled @ vt.T, np.float32)
    text_words /= np.sqrt(((u * s) ** 2).sum(1).mean())
    pooled = weighted @ vectors
    vector_words = vectors / np.sqrt(((pooled - pooled.mean(0)) ** 2).sum(1).mean())
    word_features = np.hstack([text_words, vector_words]).astype(np.float32)
    said = np.asarray(weighted @ word_features, np.float32)
    surfaces = np.array([reading.surface for reading in readings])
    mean, spread = surfaces.mean(0), surfaces.std(0) + np.float32(1e-3)
    even = np.clip((surfaces - mean) / spread, -SURFACE_LIMIT, SURFACE_LIMIT)
    scale = float(np.sqrt(surfaces.shape[1]) / SURFACE_BLOCK)
    centre = said.mean(0)
    features = np.hstack([said - centre, even / scale]).astype(np.float32)
    return Corpus(features, word_features, idf, mean, spread, scale, centre)


def weigh(counted: sp.csr_matrix, idf: Matrix) -> sp.csr_matrix:
    """Rows of unit length."""
    weighted = counted @ sp.diags(idf)
    length = np.sqrt(np.asarray(weighted.multiply(weighted).sum(1)).ravel())
    return (sp.diags(1 / np.maximum(length, 1e-9)) @ weighted).tocsr().astype(np.float32)


def _rows(readings: Sequence[Reading], rows: int) -> sp.csr_matrix:
    ends = np.cumsum([0, *(len(reading.rows) for reading in readings)])
    columns = np.concatenate([reading.rows for reading in readings]).astype(np.int32)
    return sp.csr_matrix((np.ones(len(columns), np.float32), columns, ends), (len(readings), rows))


def _letters(words: Sequence[bytes], rows: int) -> sp.csr_matrix:
    """Per row of the vocabulary: itself, and the runs of three and four letters in it."""
    at, column = [], []
    for row, word in enumerate(words):
        spelled = b" " + word + b" "
        runs = {spelled[k : k + n] for n in (3, 4) for k in range(len(spelled) + 1 - n)}
        at += [row] * len(runs)
        column += [zlib.crc32(run) % LETTER_BUCKETS for run in runs]
    letters = sp.csr_matrix((np.ones(len(at), np.float32), (at, column)), (rows, LETTER_BUCKETS))
    length = np.sqrt(np.asarray(letters.multiply(letters).sum(1)).ravel())
    letters = sp.diags(LETTERS_WEIGHT / np.maximum(length, 1)) @ letters
    return sp.hstack([sp.identity(rows, np.float32), letters]).tocsr().astype(np.float32)


# ---------------------------------------------------------------------- outcomes


def outcomes(corpus: Corpus, prompts: Sequence[Prompt], use: NDArray[np.bool_]) -> Matrix:
    """Columns, one per model of a source and one per domain of it: how features tell each, learned from the
    prompts in `use` alone."""
    columns = []
    source = np.array([prompt.source for prompt in prompts])
    for name in MODEL_FILES:
        inside = np.flatnonzero(source == name)
        if not use[inside].any():
            continue
        wanted = _targets([prompts[k] for k in inside])[use[inside]]
        wanted = np.nan_to_num(wanted - np.nanmean(wanted, 0))
        given = corpus.features[inside[use[inside]]]
        given = given - given.mean(0)
        square = given.T @ given
        square[np.diag_indices(len(square))] += RIDGE
        columns.append(np.linalg.solve(square, given.T @ wanted))
    return np.hstack(columns).astype(np.float32)


def _targets(prompts: Sequence[Prompt]) -> Matrix:
    """NaN where a model has no outcome."""
    models = sorted({model for prompt in prompts for model in prompt.scores})
    scores = np.array([[prompt.scores.get(m, np.nan) for m in models] for prompt in prompts], np.float32)
    scores = scores[:, (~np.isnan(scores)).sum(0) >= FEWEST_OUTCOMES]
    domains = sorted({prompt.domain for prompt in prompts})
    if len(domains) == 1:
        return scores
    return np.hstack([scores, [[float(prompt.domain == d) for d in domains] for prompt in prompts]])
