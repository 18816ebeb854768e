"""What can be counted in a text without knowing a word: lengths, signs, options, lines.

One pass over the bytes counts all signs; one over the line starts finds a question's options.
"""

from __future__ import annotations

import re
from collections.abc import Sequence, Set
from math import log1p
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float32]

SIGNS: dict[str, bytes] = {
    "upper": bytes(range(65, 91)),
    "lower": bytes(range(97, 123)),
    "digit": b"0123456789",
    "blank": b" ",
    "line": b"\n",
    "comma": b",",
    "full_stop": b".",
    "question": b"?",
    "colon": b":",
    "semicolon": b";",
    "quote": b'"`',
    "apostrophe": b"'",
    "round": b"()",
    "square": b"[]",
    "curly": b"{}",
    "equals": b"=",
    "plus": b"+",
    "minus": b"-",
    "star": b"*",
    "slash": b"/",
    "backslash": b"\\",
    "dollar": b"$",
    "percent": b"%",
    "angle": b"<>",
    "underscore": b"_",
    "caret": b"^|",
    "exclamation": b"!",
    "at": b"&#@~",
    "zero": b"0",
    "one": b"1",
    "five": b"5",
    "beyond_ascii": bytes(range(128, 256)),
}
MARKS = (
    "not",
    "except",
    "blank_line",
    "code",
    "fence",
    "all_of",
    "statement",
    "following",
    "how",
    "each",
    "than",
    "times",
    "half",
    "if",
)
"""Words and signs that `surfaces` looks for: 1 where they are."""
SHAPES = (
    "log_chars",
    "root_chars",
    "words",
    "word_length",
    "options",
    "log_stem",
    "option_length",
    "option_spread",
    "stem_asks",
    "ends_asking",
    "numbers",
    "distinct",
)
NAMES = (*(f"log_{name}" for name in SIGNS), *(f"share_{name}" for name in SIGNS), *MARKS, *SHAPES)
"""Of the numbers that `surfaces` gives, in order."""

_OPTION = re.compile(rb"\n(?=\(?[A-J][.)] )")
_DIGITS = bytes(byte if 48 <= byte <= 57 else 32 for byte in range(256))
_KINDS = len(SIGNS)
_DIGIT, _LINE, _ASKING, _UNDERSCORE, _QUOTE = (
    tuple(SIGNS).index(name) for name in ("digit", "line", "question", "underscore", "quote")
)


def _class_table() -> Floats:
    table = np.zeros((256, _KINDS), np.float32)
    for column, signs in enumerate(SIGNS.values()):
        table[list(signs), column] = 1.0
    return table


_CLASSES = _class_table()
MOST_AT_ONCE = 64
"""Texts; more are read in several goes."""
_PLACES = np.arange(0, 256 * MOST_AT_ONCE, 256)


class Said(NamedTuple):
    """A text as it is heard: the part that is read, and what stands in it."""

    part: bytes
    """In UTF-8."""
    chars: int
    """Of the whole text."""
    words: int
    """In the part that is read."""
    different: Set[bytes]
    """Those words, each once."""
    rows: list[int]
    """Of the vocabulary, for those words: each once, ascending."""


def surfaces(texts: Sequence[Said]) -> Floats:
    """(texts, names). Texts that are there at the same time cost little more than one: what is dear is the
    number of steps, not of numbers."""
    numbers = np.empty((len(texts), len(NAMES)), np.float32)
    signs = _signs(texts)
    np.log1p(signs, numbers[:, :_KINDS])
    for said, count, share in zip(texts, signs, numbers[:, _KINDS : 2 * _KINDS], strict=True):
        np.divide(count, len(said.part) or 1, share)
    numbers[:, 2 * _KINDS :] = list(map(_marks, texts, signs.tolist()))
    return numbers


def _signs(texts: Sequence[Said]) -> Floats:
    """How often each kind of sign stands in each text, in one count of all their bytes."""
    if len(texts) == 1:
        counts = np.bincount(np.frombuffer(texts[0].part, np.uint8), None, 256)[None]
    else:
        ends = np.repeat(_PLACES[: len(texts)], [len(said.part) for said in texts])
        ends += np.frombuffer(b"".join([said.part for said in texts]), np.uint8)
        counts = np.bincount(ends, None, 256 * len(texts)).reshape(-1, 256)
    signs: Floats = counts.astype(np.float32).dot(_CLASSES)
    return signs


def _marks(said: Said, count: Sequence[float]) -> tuple[float, ...]:
    """Of MARKS and SHAPES. `count` is of kinds of signs: most marks need a word or a sign that most texts
    lack, which is known already."""
    read, different, words = said.part, said.different, said.words
    stem, *options = _OPTION.split(read) if count[_LINE] else (read,)
    option_length = option_spread = 0.0
    if options:
        lengths = list(map(len, options))
        option_length = log1p(sum(lengths) / len(lengths) + 1)
        option_spread = log1p(max(lengths) - min(lengths))
    asks = count[_ASKING]
    return (
        b"not" in different and b" not " in read,
        b"xcept" in read,
        count[_UNDERSCORE] >= 3 and b"___" in read,
        b"def " in read,
        count[_QUOTE] >= 3 and b"```" in read,
        b"of" in different and b"ll of the" in read,
        b"tatement " in read,
        b"following" in read,
        b"ow m" in read,
        b"each" in different and b" each " in read,
        b"than" in different and b" than " in read,
        b"times" in different and b" times " in read,
        b" half" in read,
        b"if" in different and b" if " in read,
        log1p(said.chars),
        min(said.chars, 10_000) ** 0.5 / 10,
        log1p(words),
        len(read) / (words or 1),
        len(options),
        log1p(len(stem)),
        option_length,
        option_spread,
        asks != 0.0 and stem.rstrip().endswith(b"?"),
        asks != 0.0 and read.rstrip().endswith(b"?"),
        log1p(len(stem.translate(_DIGITS).split())) if count[_DIGIT] else 0.0,
        len(different) / (words or 1),
    )
