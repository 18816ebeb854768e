"""Builds the vocabulary of the shipped artefact: words, endings, and a vector for each.

Words are those that three prompts of the training data have, and the whole words among the tokens of
wordllama and of OpenAI's o200k. A word's vector is the sum of wordllama's vectors of its tokens.
"""

from __future__ import annotations

import json
import struct
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from router.model.words import ENDING_BYTES, cut, words

PROMPTS_PER_WORD = 3
PROMPTS_PER_ENDING = 5
MOST_ROWS = 60_000


class Built(NamedTuple):
    words: list[bytes]
    endings: list[bytes]
    vectors: NDArray[np.float32]
    """One row per word, then per ending, then one for every other word."""


def build(texts: Iterable[str], wordllama: Path, further: Iterable[bytes]) -> Built:
    """`wordllama` is the unpacked package's folder; `further` are words beyond the texts', best first."""
    prompts: Counter[bytes] = Counter()
    for text in texts:
        prompts.update(set(words(cut(text).encode("utf-8", "surrogatepass"))))
    tokens = Tokens(wordllama)
    known = {word for word, count in prompts.items() if count >= PROMPTS_PER_WORD and len(word) <= 40}
    known.update(tokens.whole_words())
    rare = {word: count for word, count in prompts.items() if word not in known}
    endings: Counter[bytes] = Counter()
    for word, count in rare.items():
        endings[word[-ENDING_BYTES:]] += count
    kept = sorted(end for end, count in endings.items() if count >= PROMPTS_PER_ENDING)
    for word in further:
        if len(known) + len(kept) + 1 >= MOST_ROWS:
            break
        known.add(word)
    ordered = sorted(known)
    return Built(ordered, kept, _vectors(tokens, ordered, kept, rare))


def _vectors(
    tokens: Tokens, known: Sequence[bytes], endings: Sequence[bytes], rare: Iterable[bytes]
) -> NDArray[np.float32]:
    of_rare: dict[bytes, list[NDArray[np.float32]]] = {end: [] for end in endings}
    others = []
    for word in rare:
        of_rare.get(word[-ENDING_BYTES:], others).append(tokens.vector(word))
    rows = [tokens.vector(word) for word in known]
    rows += [np.mean(of_rare[end], axis=0) for end in endings]
    rows.append(np.mean(others, axis=0))
    return np.array(rows, np.float32)


class Tokens:
    """wordllama's vocabulary, read from the files of its package: byte pairs, and 256 numbers for each."""

    def __init__(self, package: Path) -> None:
        with open(package / "tokenizers" / "l2_supercat_tokenizer_config.json", encoding="utf-8") as file:
            model = json.load(file)["model"]
        self._ids: dict[str, int] = model["vocab"]
        pairs = (m.split(" ") if isinstance(m, str) else m for m in model["merges"])
        self._ranks = {(left, right): rank for rank, (left, right) in enumerate(pairs)}
        self._vectors = _safetensors(package / "weights" / "l2_supercat_256.safetensors")

    def whole_words(self) -> set[bytes]:
        bare = (token[1:] for token in self._ids if token.startswith("▁"))
        return {word.lower().encode() for word in bare if word.isascii() and word.isalpha() and len(word) > 2}

    def vector(self, word: bytes) -> NDArray[np.float32]:
        pieces = ["▁", *word.decode("utf-8", "replace")]
        while len(pieces) > 1:
            ranks = [self._ranks.get(pair, len(self._ranks)) for pair in pairwise(pieces)]
            best = min(range(len(ranks)), key=ranks.__getitem__)
            if ranks[best] == len(self._ranks):
                break
            pieces[best : best + 2] = [pieces[best] + pieces[best + 1]]
        ids = [self._ids[piece] for piece in pieces if piece in self._ids]
        return self._vectors[ids].sum(0) if ids else np.zeros(self._vectors.shape[1], np.float32)


def _safetensors(path: Path) -> NDArray[np.float32]:
    """The one matrix of a file in that format."""
    data = path.read_bytes()
    (size,) = struct.unpack_from("<Q", data)
    about = next(v for k, v in json.loads(data[8 : 8 + size]).items() if k != "__metadata__")
    kinds = {"F32": "<f4", "F16": "<f2"}
    start, end = about["data_offsets"]
    flat = np.frombuffer(data[8 + size + start : 8 + size + end], kinds[about["dtype"]])
    return flat.reshape(about["shape"]).astype(np.float32)


def openai_words() -> list[bytes]:
    """The whole words of Latin letters among o200k's tokens, most frequent first."""
    import base64
    import gzip
    from importlib.resources import files

    found: dict[bytes, None] = {}
    ranks = files("bpe_openai").joinpath("data/o200k_base.tiktoken.gz").read_bytes()
    for line in gzip.decompress(ranks).splitlines():
        token = base64.b64decode(line.split(b" ")[0])
        if token[:1] == b" " and token[1:].isalpha() and len(token) > 3:
            found.setdefault(token[1:].lower())
    return list(found)
