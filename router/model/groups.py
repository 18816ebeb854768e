"""Which texts belong together: near duplicates, and questions about the same passage."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from router.model.words import words

SHINGLE_WORDS = 10
TEMPLATE_TEXTS = 60
"""Words in a row that more texts share are a template's, and tie nothing together."""
_OPTIONS = re.compile(r"\n\(?A[.)]")


def groups(texts: Sequence[str]) -> NDArray[np.int64]:
    """A group's number for each text. Texts that share ten words in a row are in one group, and so are those
    with the same few words; options of a question are not looked at."""
    parent = list(range(len(texts)))

    def root(member: int) -> int:
        while parent[member] != member:
            parent[member] = parent[parent[member]]
            member = parent[member]
        return member

    for together in _shingles(texts).values():
        if 1 < len(together) <= TEMPLATE_TEXTS:
            first = root(together[0])
            for other in together[1:]:
                parent[root(other)] = first
    return np.array([root(member) for member in range(len(texts))], np.int64)


def _shingles(texts: Sequence[str]) -> dict[bytes, list[int]]:
    holders: dict[bytes, list[int]] = defaultdict(list)
    for number, text in enumerate(texts):
        said = words(_OPTIONS.split(text)[0].encode("utf-8", "surrogatepass"))
        starts = range(max(1, len(said) - SHINGLE_WORDS + 1))
        for shingle in {b" ".join(said[start : start + SHINGLE_WORDS]) for start in starts}:
            holders[shingle].append(number)
    return holders
