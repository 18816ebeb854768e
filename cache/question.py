"""What was asked last, and what is known of words: the shared types of the fuzzy tiers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cache.base import PartitionKey

Floats: TypeAlias = NDArray[np.float32]


class Question(NamedTuple):
    """What was asked last, inside its partition. The only way a vector enters this package: no function
    takes a vector without the partition it belongs to."""

    partition: PartitionKey
    text: str
    """The last user turn, verbatim."""
    vector: Floats
    """Of unit length."""


class WordVectors(Protocol):
    """What an embedding knows of single words."""

    def vectors(self, words: Sequence[str]) -> Floats:
        """One row per word, weighted as the embedding weighs it, not of unit length. A word that is not known
        has the row of its ending."""
        ...

    def known(self, words: Sequence[str]) -> list[bool]: ...
