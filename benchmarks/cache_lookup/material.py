"""Real questions with their embeddings, for measuring alone."""

from __future__ import annotations

import gzip
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import orjson

from benchmarks.machine import CannotMeasure
from cache.question import Floats
from router.embedding import embed
from router.model import lexicon

DATA = Path(__file__).parents[3] / "shared/data/cache"
_FIELDS = ("text", "a", "b", "prompt")


def questions(folder: Path, number: int) -> tuple[list[str], Floats]:
    """So many different texts, shuffled the same way every time, and their vectors. Raises CannotMeasure."""
    texts = list(dict.fromkeys(text for text in _texts(folder) if text))
    if len(texts) < number:
        raise CannotMeasure(f"{len(texts):,} questions in {folder}, {number:,} are needed; see --data")
    random.Random(1).shuffle(texts)
    words, found, vectors = lexicon(), list[str](), list[Floats]()
    for text in texts:
        vector = embed(text, words)
        if len(found) < number and vector.any():
            found.append(text)
            vectors.append(vector)
    return found, np.stack(vectors)


def _texts(folder: Path) -> Iterator[str]:
    for path in sorted(folder.glob("*.jsonl.gz")):
        with gzip.open(path) as lines:
            for line in lines:
                row = orjson.loads(line)
                yield from (row[field] for field in _FIELDS if isinstance(row.get(field), str))
