"""OpenAI's own tokenizers, from rank files that the package `bpe-openai` carries: nothing is fetched.

That package is read as a folder, not imported: importing it builds every vocabulary it has. Loading one takes
about half a second and counting a long text some milliseconds, so callers on the event loop go through
`asyncio.to_thread`.
"""

from __future__ import annotations

import base64
import functools
import gzip
import threading
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import tiktoken

CARRIER = "bpe_openai"


@dataclass(frozen=True, slots=True)
class Definition:
    """What makes an encoding beside its ranks (the same as tiktoken 0.14 has)."""

    split: str
    """How a text is cut before pairs are merged."""
    special_tokens: dict[str, int]


_CASED = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"
_UNCASED = r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_CONTRACTION = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
ENCODINGS = {
    "cl100k_base": Definition(
        r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$"
        r"|\s*[\r\n]|\s+(?!\S)|\s",
        {"<|endoftext|>": 100257, "<|endofprompt|>": 100276},
    ),
    "o200k_base": Definition(
        rf"[^\r\n\p{{L}}\p{{N}}]?{_CASED}*{_UNCASED}+{_CONTRACTION}"
        rf"|[^\r\n\p{{L}}\p{{N}}]?{_CASED}+{_UNCASED}*{_CONTRACTION}"
        r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        {"<|endoftext|>": 199999, "<|endofprompt|>": 200018},
    ),
}


_LOADING = threading.Lock()


def encoding(name: str) -> tiktoken.Encoding:
    """Raises KeyError for a name that is not in ENCODINGS. From any thread; loads a vocabulary once."""
    with _LOADING:
        return _encoding(name)


@functools.cache
def _encoding(name: str) -> tiktoken.Encoding:
    definition = ENCODINGS[name]
    return tiktoken.Encoding(
        name,
        pat_str=definition.split,
        mergeable_ranks=_ranks(_rank_file(name)),
        special_tokens=definition.special_tokens,
    )


def decode(name: str, tokens: list[int]) -> str:
    """Raises ValueError when a token is not in that vocabulary."""
    try:
        return encoding(name).decode(tokens)
    except (KeyError, OverflowError):
        raise ValueError(f"the array holds a token id that {name} does not have") from None


def count(text: str, name: str = "o200k_base") -> int:
    return len(encoding(name).encode_ordinary(text))


def _rank_file(name: str) -> Path:
    spec = find_spec(CARRIER)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("the package bpe-openai, which carries the tokenizers' ranks, is missing")
    return Path(spec.submodule_search_locations[0]) / "data" / f"{name}.tiktoken.gz"


def _ranks(file: Path) -> dict[bytes, int]:
    """One token in base64 and its rank per line."""
    with gzip.open(file, "rb") as lines:
        return {base64.b64decode(token): int(rank) for token, rank in (line.split() for line in lines)}
