"""Vectors side by side in one array, searched exactly."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cache.question import Floats

DIMENSIONS = 256
_FIRST = 4


class Rows:
    """Slots and their vectors. Grows by doubling; a removed row's place is taken by the last."""

    def __init__(self) -> None:
        self._array: Floats = np.empty((_FIRST, DIMENSIONS), np.float32)
        self._slots: NDArray[np.int64] = np.empty(_FIRST, np.int64)
        self._place: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._place)

    def __contains__(self, slot: int) -> bool:
        return slot in self._place

    @property
    def bytes_used(self) -> int:
        return int(self._array.nbytes) + int(self._slots.nbytes)

    def add(self, slot: int, vector: Floats) -> None:
        place = len(self._place)
        if place == len(self._slots):
            self._grow()
        self._array[place] = vector
        self._slots[place] = slot
        self._place[slot] = place

    def remove(self, slot: int) -> None:
        """Raises KeyError."""
        place, last = self._place.pop(slot), len(self._place)
        if place != last:
            self._array[place] = self._array[last]
            moved = int(self._slots[last])
            self._slots[place] = moved
            self._place[moved] = place

    def take_first(self) -> tuple[int, Floats]:
        """Removes one row and gives it. Raises StopIteration where there is none."""
        slot = next(iter(self._place))
        vector = self._array[self._place[slot]].copy()
        self.remove(slot)
        return slot, vector

    def nearest(self, vector: Floats, k: int) -> list[tuple[float, int]]:
        """(cosine, slot), the nearest first."""
        number = len(self._place)
        if not number:
            return []
        scores = self._array[:number] @ vector
        if k < number:
            best = np.argpartition(scores, number - k)[number - k :]
            found = list(zip(scores[best].tolist(), self._slots[best].tolist(), strict=True))
        else:
            found = list(zip(scores.tolist(), self._slots[:number].tolist(), strict=True))
        found.sort(key=lambda one: -one[0])
        return found

    def _grow(self) -> None:
        size = 2 * len(self._slots)
        array = np.empty((size, DIMENSIONS), np.float32)
        slots = np.empty(size, np.int64)
        array[: len(self._array)], slots[: len(self._slots)] = self._array, self._slots
        self._array, self._slots = array, slots
