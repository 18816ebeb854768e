"""What the shipped artefact knows of words: rows of numbers, summed over a prompt's words.

A prompt's inputs are a few learned numbers (from words and surface), then its standardised surface.
"""

from __future__ import annotations

from functools import cached_property
from math import sqrt
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from router.model.archive import Archive
from router.model.reading import Reading
from router.model.surface import NAMES, Floats
from router.model.words import Vocabulary

Rows: TypeAlias = NDArray[np.uint16]
SURFACE_WEIGHT = np.float32(0.7)
SURFACE_LIMIT = np.float32(3.0)


class Lexicon:
    """Immutable once loaded; the embedding's vectors are read from the file when first asked for."""

    def __init__(self, archive: Archive) -> None:
        """Raises ArtefactError."""
        self.version = archive.text("lexicon_version")
        self.vocabulary = Vocabulary(archive.blob("words").split(b"\n"), archive.blob("endings").split(b"\n"))
        rows, numbers = self.vocabulary.rows, len(NAMES)
        self.table: Floats = archive.array("table", (rows, None)).astype(np.float32)
        kept = self.table.shape[1]
        self.squares: Floats = archive.array("squares", (rows,)).astype(np.float32)
        self.surface_mean = archive.array("surface_mean", (numbers,))
        self.surface_scale = archive.array("surface_scale", (numbers,))
        self.surface_weights = archive.array("surface_weights", (numbers, kept))
        self.constant = archive.array("constant", (kept,))
        self._first_unknown = np.uint16(self.vocabulary.words)
        self._archive = archive

    def inputs(self, reading: Reading) -> Floats:
        """What a head is fed. Finite for every reading."""
        said = np.add.reduce(self.table.take(reading.rows, 0), 0)
        said /= sqrt(max(1e-9, float(np.add.reduce(self.squares.take(reading.rows)))))
        surface = reading.surface - self.surface_mean
        surface /= self.surface_scale
        np.minimum(np.maximum(surface, -SURFACE_LIMIT, out=surface), SURFACE_LIMIT, out=surface)
        said += surface @ self.surface_weights
        said += self.constant
        surface *= SURFACE_WEIGHT
        return np.concatenate((said, surface))

    def unknown(self, reading: Reading) -> float:
        """The share of a prompt that is words the vocabulary lacks, 0 to 1; 1 where it has no words."""
        squares = self.squares.take(reading.rows)
        if not len(squares):
            return 1.0
        first = int(reading.rows.searchsorted(self._first_unknown))
        return float(np.add.reduce(squares[first:])) / float(np.add.reduce(squares))

    @cached_property
    def vectors(self) -> NDArray[np.int8]:
        """One row per row of the vocabulary; each of its own scale, which does not matter after adding them
        up by `vector_scales`."""
        return self._archive.array("vectors", (self.vocabulary.rows, None), np.int8)

    @cached_property
    def vector_scales(self) -> Floats:
        return self._archive.array("vector_scales", (self.vocabulary.rows,))
