"""What ships is what was measured: the folded table of words gives the numbers that training had."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.routing.projection import prepare
from benchmarks.routing.ship import lexicon_fields
from benchmarks.routing.training import Learned, inputs
from benchmarks.routing.vocabulary import Built
from router.model.archive import Archive, write
from router.model.lexicon import Lexicon
from router.model.reading import read_text
from router.model.words import Vocabulary

TEXTS = (
    "What is the capital of France?",
    "Find the sum of 12 and 30.\nA. 42\nB. 41\nC. 40\nD. 18",
    "def total(values): return sum(values)",
    "Who wrote the sonnets, and when were they printed?",
    "A zebra and twelve quokkas walk into a bar",
    "Explain the causes of the war in four sentences!",
)
KNOWN = [b"and", b"capital", b"find", b"sum", b"the", b"war", b"what", b"when", b"who", b"wrote"]


def test_the_folded_lexicon_gives_what_training_saw(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    built = Built(KNOWN, [b"ing", b"nts"], random.normal(size=(13, 8)).astype(np.float32))
    vocabulary = Vocabulary(built.words, built.endings)
    readings = [read_text(text, vocabulary) for text in TEXTS]
    corpus = prepare(readings, built.words, built.vectors)
    weights = random.normal(size=(corpus.features.shape[1], 5)).astype(np.float32)
    trained = inputs(corpus, readings, Learned(weights, corpus.features @ weights))
    write(tmp_path / "l.npz", lexicon_fields(built, corpus, weights))
    lexicon = Lexicon(Archive(tmp_path / "l.npz"))
    for reading, expected in zip(readings, trained, strict=True):
        assert lexicon.inputs(reading) == pytest.approx(expected, abs=0.02)
        assert 0.0 <= lexicon.unknown(reading) <= 1.0
    assert lexicon.vectors.shape == built.vectors.shape


def test_one_prompt_at_a_time_is_as_many_at_once() -> None:
    from router.model import load

    model = load()
    given = np.array([model.lexicon.inputs(read_text(text, model.lexicon.vocabulary)) for text in TEXTS])
    assert model.head.gains(given) == pytest.approx([float(model.head.gains(row)) for row in given], abs=1e-5)
