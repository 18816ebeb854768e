"""What the cache's study counts, on a stream small enough to count by hand."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.cache.measure import Served, at_most_wrong, cosine_hits, outcome, replayed, traps
from benchmarks.cache.sources import Asked, DataMissing, Pair, intents, pairs, prompts
from benchmarks.cache.train import Reader, Rows, fit
from benchmarks.cache.verdicts import WORDS, load_verdicts
from cache.judging.features import NAMES, SIGNS
from cache.judging.verifier import load
from router.model import lexicon

STREAM = [
    Asked("1", "How do I learn chess?", "chess"),
    Asked("2", "How can I learn chess", "chess"),
    Asked("3", "What should I do to learn chess?", "other"),
    Asked("4", "How do I learn piano?", "piano"),
    Asked("5", "How do I learn piano?", "piano"),
]


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader(lexicon())


def test_hits_name_what_was_served(reader: Reader) -> None:
    model = load()
    served = replayed(STREAM, reader, model, model.threshold)
    assert served == [
        Served("2", "1", "canonical", True),
        Served("3", "1", "semantic", False),
        Served("5", "4", "exact", True),
    ]
    assert outcome(served) == (3, 1)
    assert outcome(replayed(STREAM, reader, model, 1.0)) == (2, 0)


def test_cosines_serve_the_nearest(reader: Reader) -> None:
    assert cosine_hits(STREAM, reader, 1) == (1, 0)
    assert at_most_wrong(STREAM, reader, 0.0) >= 1
    assert at_most_wrong(STREAM, reader, 1.0) == 4


def test_traps_are_counted_by_capability(reader: Reader) -> None:
    model = load()
    told = traps(
        [
            Pair("a", "Is it safe to swim?", "Is it not safe to swim?", False, "negation"),
            Pair("b", "Is it safe to swim?", "is it safe to swim", True, "negation"),
            Pair("c", "How do I learn chess?", "How can I learn chess?", False, "mislabelled"),
        ],
        reader,
        model,
    )
    assert told["negation"] == (1, 0, 1, 1)
    assert told["mislabelled"] == (1, 1, 0, 0)


def test_a_weight_against_its_sign_is_left_out() -> None:
    rng = np.random.default_rng(0)
    numbers = rng.random((400, len(NAMES))).astype(np.float32)
    against = NAMES.index("cosine")
    same = numbers[:, 0] + numbers[:, against] < 1.0
    weights, _ = fit(Rows(numbers, same))
    assert weights[against] == 0.0
    assert weights[0] < 0.0
    assert (weights * np.array(SIGNS) >= 0.0).all()


def test_every_verdict_can_be_read() -> None:
    verdicts = load_verdicts()
    assert {each.word for each in verdicts.values()} <= set(WORDS)
    assert all(each.reason for each in verdicts.values())


def test_a_verdict_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "v.tsv").write_text("# asked\n1\t2\tsame\twording\n1\t3\tmaybe\twording\n")
    with pytest.raises(ValueError, match=r"v\.tsv, line 3"):
        load_verdicts(tmp_path / "v.tsv")


def test_data_is_read_and_its_absence_named(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "set.jsonl.gz", "wt") as file:
        for number in range(3):
            row = {"id": str(number), "text": "t", "class": "c", "a": "x", "b": "y", "same": number % 2}
            file.write(json.dumps(row) + "\n")
    assert [each.id for each in prompts(tmp_path, "set")] == ["0", "1", "2"]
    assert sorted(each.id for each in intents(tmp_path, "set")) == ["0", "1", "2"]
    assert [each.same for each in pairs(tmp_path, "set")] == [False, True, False]
    with pytest.raises(DataMissing, match="WEIR_CACHE_DATA"):
        prompts(tmp_path, "missing")
