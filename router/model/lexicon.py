"""What the shipped artefact knows of words: rows of numbers, summed over a prompt's words.

A prompt's inputs are a few learned numbers (from words and surface), then its standardised surface.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from math import sqrt
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from router.model.archive import Archive
from router.model.reading import Reading
from router.model.surface import NAMES, Floats
from router.model.words import Vocabulary

Rows: TypeAlias = NDArray[np.uint16]
SURFACE_WEIGHT = np.float32(0.7)
SURFACE_LIMIT = np.float32(3.0)
_ONES = np.ones(1 << 16, np.float32)
"""A product with them adds rows up in half the time of a sum."""


class Entered(NamedTuple):
    """A prompt as a gain model takes it in."""

    inputs: Floats
    """What a head is fed, then 1, then the square of its length. Finite for every reading."""
    unknown: float
    """The share of a prompt that is words the vocabulary lacks, 0 to 1; 1 where it has no words."""


class Lexicon:
    """Immutable once loaded; the embedding's vectors are read from the file when first asked for."""

    def __init__(self, archive: Archive) -> None:
        """Raises ArtefactError."""
        self.version = archive.text("lexicon_version")
        known, endings = archive.blob("words").split(b"\n"), archive.blob("endings").split(b"\n")
        squares = archive.array("squares", (len(known) + len(endings) + 1,))
        # Common words have small squares.
        common_first = np.argsort(squares[: len(known)], kind="stable").tolist()
        self.vocabulary = Vocabulary(known, endings, common_first)
        rows, numbers = self.vocabulary.rows, len(NAMES)
        table = archive.array("table", (rows, None))
        self.kept = table.shape[1]
        """How many learned numbers come before the surface."""
        self._table = np.zeros((rows, self.kept + 2), np.float32)
        self._table[:, : self.kept] = table
        self._table[:, -2] = self._table[:, -1] = squares
        self._table[: self.vocabulary.words, -1] = 0.0
        mean = archive.array("surface_mean", (numbers,))
        self._scaled = SURFACE_WEIGHT / archive.array("surface_scale", (numbers,))
        self._shift = -mean * self._scaled
        self._highest = np.full(numbers, SURFACE_LIMIT * SURFACE_WEIGHT, np.float32)
        self._lowest = -self._highest
        weights = archive.array("surface_weights", (numbers, self.kept)) / SURFACE_WEIGHT
        self._weights = np.vstack((weights, archive.array("constant", (self.kept,))))
        self._summing = np.ones(self.kept + numbers, np.float32)
        self._archive = archive

    def enter(self, reading: Reading) -> Entered:
        """One prompt, as a plain row: `enter_all` takes twice as long over one, and half over eight."""
        kept = self.kept
        entered = np.empty(kept + len(NAMES) + 2, np.float32)
        inputs, beside = entered[:-2], entered[kept:-1]
        surface = beside[:-1]
        np.multiply(reading.surface, self._scaled, out=surface)
        np.add(surface, self._shift, out=surface)
        np.maximum(surface, self._lowest, out=surface)
        np.minimum(surface, self._highest, out=surface)
        entered[-2] = 1.0
        said = _ONES[: len(reading.rows)].dot(self._table.take(reading.rows, 0))
        squares, unknown = said.item(kept), said.item(kept + 1)
        learned = said[:kept]
        learned *= 1.0 / sqrt(max(1e-9, squares))
        np.add(learned, beside.dot(self._weights), out=entered[:kept])
        entered[-1] = inputs.dot(inputs)
        return Entered(entered, unknown / squares if squares > 0.0 else 1.0)

    def enter_all(self, rows: Sequence[Sequence[int]], surfaces: Floats) -> tuple[Floats, list[float]]:
        """Prompts, by the rows of their words and by their surfaces: what `Entered` holds, a row for each."""
        kept = self.kept
        entered = np.empty((len(rows), kept + len(NAMES) + 2), np.float32)
        inputs, beside = entered[:, :-2], entered[:, kept:-1]
        surface = beside[:, :-1]
        np.multiply(surfaces, self._scaled, surface)
        np.add(surface, self._shift, surface)
        np.maximum(surface, self._lowest, surface)
        np.minimum(surface, self._highest, surface)
        entered[:, -2] = 1.0
        learned = beside.dot(self._weights)
        unknown = self._add_said(rows, learned)
        entered[:, :kept] = learned
        entered[:, -1] = (inputs * inputs).dot(self._summing)
        return entered, unknown

    def _add_said(self, rows: Sequence[Sequence[int]], learned: Floats) -> list[float]:
        """Adds to each prompt's learned numbers what its words say, and gives their unknown shares."""
        kept, unknown, begun = self.kept, [], 0
        found = self._table.take([row for each in rows for row in each], 0)
        for into, each in zip(learned, rows, strict=True):
            ended = begun + len(each)
            said = _ONES[begun:ended].dot(found[begun:ended])
            squares = said.item(kept)
            unknown.append(said.item(kept + 1) / squares if squares > 0.0 else 1.0)
            into += said[:kept] * (1.0 / sqrt(max(1e-9, squares)))
            begun = ended
        return unknown

    def inputs(self, reading: Reading) -> Floats:
        """What a head is fed, alone."""
        return self.enter(reading).inputs[:-2]

    def unknown(self, reading: Reading) -> float:
        return self.enter(reading).unknown

    @cached_property
    def vectors(self) -> NDArray[np.int8]:
        """One row per row of the vocabulary; each of its own scale, which does not matter after adding them
        up by `vector_scales`."""
        return self._archive.array("vectors", (self.vocabulary.rows, None), np.int8)

    @cached_property
    def vector_scales(self) -> Floats:
        return self._archive.array("vector_scales", (self.vocabulary.rows,))
