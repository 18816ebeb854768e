"""Vectors in a graph, searched approximately: for partitions that are too large to be read whole.

Rows of bytes: its cosines are rounded. A removed row is marked, and its place used again.
"""

from __future__ import annotations

import numpy as np
from usearch.compiled import MetricKind, ScalarKind
from usearch.index import Index

from cache.index.rows import DIMENSIONS
from cache.question import Floats

CONNECTIVITY = 16
EXPANSION_ADD = 96
EXPANSION_SEARCH = 48


class Graph:
    def __init__(self) -> None:
        self._index = Index(
            ndim=DIMENSIONS,
            metric=MetricKind.Cos,
            dtype=ScalarKind.I8,
            connectivity=CONNECTIVITY,
            expansion_add=EXPANSION_ADD,
            expansion_search=EXPANSION_SEARCH,
        )

    def __len__(self) -> int:
        return len(self._index)

    @property
    def bytes_used(self) -> int:
        return int(self._index.memory_usage)

    def add(self, slot: int, vector: Floats) -> None:
        self._index.add(slot, vector, threads=1)

    def add_many(self, slots: list[int], vectors: Floats, threads: int) -> None:
        self._index.add(np.asarray(slots, np.uint64), vectors, threads=threads)

    def remove(self, slot: int) -> None:
        self._index.remove(slot)

    def nearest(self, vector: Floats, k: int) -> list[tuple[float, int]]:
        """(cosine, slot), the nearest first."""
        if not len(self._index):
            return []
        found = self._index.search(vector, k, threads=1)
        slots, distances = found.keys.tolist(), found.distances.tolist()
        return [(1.0 - distance, slot) for slot, distance in zip(slots, distances, strict=True)]
