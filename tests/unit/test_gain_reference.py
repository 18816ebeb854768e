"""The steps that a request is decided in, against the same written out one by one in double precision."""

from __future__ import annotations

import re
from itertools import pairwise
from math import cos, exp, log1p, sqrt
from typing import TypeAlias

import numpy as np
import pytest
from numpy.typing import NDArray

from router.model import SHIPPED, LearnedGain, load
from router.model.archive import Archive
from router.model.head import Head
from router.model.learned import KNOWN_NOVELTY
from router.model.reading import Reading, read_text
from router.model.surface import MARKS, NAMES, SIGNS
from router.model.words import READ_CHARS, Vocabulary
from tests.unit.routing import request

Numbers: TypeAlias = NDArray[np.float64]

MARKED = {
    "not": " not ",
    "except": "xcept",
    "blank_line": "___",
    "code": "def ",
    "fence": "```",
    "all_of": "ll of the",
    "statement": "tatement ",
    "following": "following",
    "how": "ow m",
    "each": " each ",
    "than": " than ",
    "times": " times ",
    "half": " half",
    "if": " if ",
}
ASKED = "A train leaves at 9:15 and goes 3 times as far as the other, each half an hour longer than before."
TEXTS = (
    "What is the capital of France?",
    f"{ASKED} If it does not stop, how many miles is it? ",
    "Which of the following is NOT true, except now?\nA. 10%\nB. twice 20\nC. All of the above\nD. none",
    "Statement 1 | Every field is ___.\nStatement 2 | a \\in B. \n(A) True, True\n(B) False, False or not",
    "def total(values):\n    return sum(v ** 2 for v in values if v > 0)  # {'a': [1, 2]}\n",
    'Fix this:\n```python\nundef x = $5 & "y"; print(`z`)\n```\nIt\'s not what I want! Mail a_b@c.de',
    "(if it is not) then of course times\nnot of each\tthan",
    "Schreib mir bitte ein Gedicht über die Größe des Meeres, mit fünf Strophen.",
    "你好，请证明哥德巴赫猜想?",
    "qzx wvk jjq pfh zzt vvq xxk",
    "",
    " \n?\n ",
    "\ud800 lone",
    "___```\n\nA. \nB. ",
    "{" * 3_000,
    "x" * 100_000,
    f"{ASKED}\n" * 60,
    "Option\nA) left\nB) right\n" * 200,
)


@pytest.fixture(scope="module")
def model() -> LearnedGain:
    return load()


class Shipped:
    """What the file holds, without what is built of it."""

    def __init__(self) -> None:
        archive = Archive(SHIPPED)
        known, endings = archive.blob("words").split(b"\n"), archive.blob("endings").split(b"\n")
        self.known = {word: row for row, word in enumerate(known)}
        self.endings = {end: row for row, end in enumerate(endings, len(known))}
        self.table = archive.array("table", (None, None))
        self.squares = archive.array("squares", (None,)).astype(np.float64)
        self.mean = archive.array("surface_mean", (None,))
        self.scale = archive.array("surface_scale", (None,)).astype(np.float64)
        self.weights = archive.array("surface_weights", (None, None)).astype(np.float64)
        self.constant = archive.array("constant", (None,))

    def rows(self, text: str) -> list[int]:
        last = len(self.known) + len(self.endings)
        said = plain_words(plain_cut(text))
        return sorted({self.known.get(word, self.endings.get(word[-3:], last)) for word in said})

    def inputs(self, reading: Reading) -> Numbers:
        rows = reading.rows.astype(int)
        said = self.table[rows].astype(np.float64).sum(0) / sqrt(max(1e-9, self.squares[rows].sum()))
        even = np.clip((reading.surface - self.mean) / self.scale, -3.0, 3.0)
        return np.concatenate((said + even @ self.weights + self.constant, 0.7 * even))

    def unknown(self, reading: Reading) -> float:
        squares = self.squares[reading.rows]
        return float(squares[reading.rows >= len(self.known)].sum() / squares.sum()) if len(squares) else 1.0


@pytest.fixture(scope="module")
def shipped() -> Shipped:
    return Shipped()


def plain_cut(text: str) -> bytes:
    if len(text) > READ_CHARS:
        text = text[: READ_CHARS * 3 // 4] + "\n" + text[-READ_CHARS // 4 :]
    return text.encode("utf-8", "surrogatepass")


def plain_words(read: bytes) -> list[bytes]:
    zeros = re.sub(rb"[0-9]", b"0", read.lower())
    return re.findall(rb"[a-z0\x80-\xff]+", zeros)


def plain_surface(text: str) -> dict[str, float]:
    read = plain_cut(text)
    said = plain_words(read)
    counts = {name: sum(read.count(bytes([sign])) for sign in signs) for name, signs in SIGNS.items()}
    starts = [found.start() for found in re.finditer(rb"\n\(?[A-J][.)] ", read)]
    lengths = [after - before for before, after in pairwise([*starts, len(read)])]
    stem = read[: starts[0]] if starts else read
    return {
        **{f"log_{name}": log1p(count) for name, count in counts.items()},
        **{f"share_{name}": count / max(1, len(read)) for name, count in counts.items()},
        **{name: float(mark.encode() in read) for name, mark in MARKED.items()},
        "log_chars": log1p(len(text)),
        "root_chars": sqrt(min(len(text), 10_000)) / 10,
        "words": log1p(len(said)),
        "word_length": len(read) / max(1, len(said)),
        "options": len(starts),
        "log_stem": log1p(len(stem)),
        "option_length": log1p(sum(lengths) / len(lengths)) if lengths else 0.0,
        "option_spread": log1p(max(lengths) - min(lengths)) if lengths else 0.0,
        "stem_asks": float(stem.rstrip().endswith(b"?")),
        "ends_asking": float(read.rstrip().endswith(b"?")),
        "numbers": log1p(len(re.findall(rb"[0-9]+", stem))),
        "distinct": len(set(said)) / max(1, len(said)),
    }


def test_every_mark_has_its_plain_form() -> None:
    assert tuple(MARKED) == MARKS


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_a_reading_is_what_counting_one_by_one_gives(model: LearnedGain, shipped: Shipped, text: str) -> None:
    reading = read_text(text, model.lexicon.vocabulary)
    expected = plain_surface(text)
    assert tuple(expected) == NAMES
    found = dict(zip(NAMES, reading.surface.tolist(), strict=True))
    assert found == pytest.approx(expected, rel=1e-6, abs=1e-6)
    assert reading.rows.tolist() == shipped.rows(text)
    assert reading.rows.dtype == np.uint16


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_a_gain_is_what_its_formula_says(model: LearnedGain, shipped: Shipped, text: str) -> None:
    reading = read_text(text, model.lexicon.vocabulary)
    inputs = shipped.inputs(reading)
    assert model.lexicon.inputs(reading) == pytest.approx(inputs, rel=1e-4, abs=1e-4)

    unknown = shipped.unknown(reading)
    assert model.lexicon.unknown(reading) == pytest.approx(unknown, abs=1e-6)

    familiar, found = model.familiar, model.of_reading(reading)
    away = ((familiar.centres.astype(np.float64) - inputs) ** 2).sum(1) / familiar.radii
    novelty = min(1.0, KNOWN_NOVELTY * max(sqrt(away.min()), unknown / familiar.unknown))
    assert found.novelty == pytest.approx(novelty, abs=1e-5)
    assert familiar.novelty(model.lexicon.inputs(reading), unknown) == pytest.approx(novelty, abs=1e-5)
    assert found.known == (novelty <= KNOWN_NOVELTY)

    head = model.head
    if found.known:
        gain = plain_gain(head, inputs)
        assert found.gain == pytest.approx(max(-1.0, min(1.0, gain)), abs=1e-5)
        assert float(head.gains(model.lexicon.inputs(reading))) == pytest.approx(gain, abs=1e-5)


def plain_gain(head: Head, inputs: Numbers) -> float:
    curved = inputs @ head.directions.astype(np.float64) + head.phases
    waves = [cos(at) for at in curved.tolist()]
    told = (inputs @ head.slopes + head.offsets).tolist()
    kinds = head.kinds
    for column, weights in enumerate(head.waves.T.tolist()):
        told[column] += sum(wave * weight for wave, weight in zip(waves, weights, strict=True))
    for kind, weights in enumerate(head.squares.T.tolist()):
        told[1 + 2 * kinds + kind] += sum(w * x * x for w, x in zip(weights, inputs.tolist(), strict=True))
    likeness = [exp(like) for like in told[1 + kinds : 1 + 2 * kinds]]
    gain: float = told[0]
    for kind in range(kinds):
        within = 1 / (1 + exp(-max(-100.0, told[1 + 2 * kinds + kind])))
        gain += told[1 + kind] * likeness[kind] / sum(likeness) * within
    return gain


def test_a_head_without_kinds_says_what_its_first_column_says(model: LearnedGain) -> None:
    shipped = model.head
    assert shipped.kinds >= 2
    bare = shipped._replace(
        waves=shipped.waves[:, :1],
        slopes=shipped.slopes[:, :1],
        offsets=shipped.offsets[:1],
        squares=shipped.squares[:, :0],
    )
    inputs = np.random.default_rng(0).normal(size=(5, len(shipped.slopes))).astype(np.float32)
    assert bare.gains(inputs) == pytest.approx([plain_gain(bare, row) for row in inputs], abs=1e-4)
    assert bare.gains(inputs) == pytest.approx(shipped.told(inputs)[:, 0], abs=1e-4)


def test_far_outside_every_kind_the_head_for_all_speaks(model: LearnedGain) -> None:
    far = np.full((1, len(model.head.slopes)), 40.0, np.float32)
    told = model.head.told(far)
    assert (told[0, 1 + 2 * model.head.kinds :] < -10).all()
    assert model.head.gains(far) == pytest.approx(told[:, 0], abs=1e-4)


def test_the_texts_are_of_both_kinds(model: LearnedGain) -> None:
    known = [model.of_reading(read_text(text, model.lexicon.vocabulary)).known for text in TEXTS]
    assert known.count(True) >= 5
    assert known.count(False) >= 5


def test_a_vocabulary_is_listed_by_row_however_it_is_stored() -> None:
    known, endings = [b"find", b"root", b"the"], [b"ing"]
    stored = Vocabulary(known, endings, [2, 0, 1])
    assert list(stored) == known
    assert stored == Vocabulary(known, endings)
    assert stored.row_numbers([b"the", b"finding", b"zebra"]) == [2, 3, 4]


def test_texts_at_once_gain_what_each_gains_alone(model: LearnedGain) -> None:
    requests = [request(text) for text in TEXTS]
    alone = [model.gain(each) for each in requests]
    for together in (model.gains(requests), model.gains(requests[::-1])[::-1]):
        assert [found.known for found in together] == [found.known for found in alone]
        assert [found.family for found in together] == [found.family for found in alone]
        assert [found.gain for found in together] == pytest.approx([f.gain for f in alone], abs=1e-6)
        assert [found.novelty for found in together] == pytest.approx([f.novelty for f in alone], abs=1e-5)
