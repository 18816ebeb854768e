"""Two readings side by side: what the rules look at."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from cache.judging.comparing import Difference, differ
from cache.judging.reading import Reading


class Compared(NamedTuple):
    """Two texts, what differs, and the words of each that the other lacks."""

    asked: Reading
    kept: Reading
    difference: Difference
    left: tuple[str, ...]
    right: tuple[str, ...]

    @property
    def only(self) -> tuple[str, ...]:
        return self.left + self.right

    def turned(self) -> Compared:
        """The same with the second text first."""
        pairs, asked, kept = self.difference
        return Compared(
            self.kept,
            self.asked,
            Difference(tuple(sorted((other, one) for one, other in pairs)), kept, asked),
            self.right,
            self.left,
        )


def compare(asked: Reading, kept: Reading, unknown: Collection[str] = ()) -> Compared:
    difference = differ(asked, kept, unknown)
    left = tuple(asked.words[place] for place in difference.asked)
    right = tuple(kept.words[place] for place in difference.kept)
    return Compared(asked, kept, difference, left, right)
