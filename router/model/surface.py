"""What can be counted in a text without knowing a word: lengths, signs, options, lines.

One pass over the bytes counts all signs; one over the line starts finds a question's options.
"""

from __future__ import annotations

import re
from itertools import pairwise
from math import log1p
from typing import TypeAlias

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
MARKS: dict[str, bytes] = {
    "not": b" not ",
    "except": b"xcept",
    "blank_line": b"___",
    "code": b"def ",
    "fence": b"```",
    "all_of": b"ll of the",
    "statement": b"tatement ",
    "following": b"following",
    "how": b"ow m",
    "each": b" each ",
    "than": b" than ",
    "times": b" times ",
    "half": b" half",
    "if": b" if ",
}
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
"""Of the numbers that `surface` gives, in order."""

_OPTION = re.compile(rb"\n\(?[A-J][.)] ")
_DIGITS = bytes(byte if 48 <= byte <= 57 else 32 for byte in range(256))
_MARKS = tuple(MARKS.values())


def _class_table() -> Floats:
    table = np.zeros((256, len(SIGNS)), np.float32)
    for column, signs in enumerate(SIGNS.values()):
        table[list(signs), column] = 1.0
    return table


_CLASSES = _class_table()


def surface(read: bytes, chars: int, words: int, distinct: int) -> Floats:
    """One number per name. `read` is the part that is read, in UTF-8; `chars` the length of the whole text;
    `words` and `distinct` how many words the read part has, and how many different ones."""
    size = max(1, len(read))
    signs = np.bincount(np.frombuffer(read, np.uint8), minlength=256).astype(np.float32) @ _CLASSES
    rest = [float(mark in read) for mark in _MARKS]
    starts = [found.start() for found in _OPTION.finditer(read)]
    stem = read[: starts[0]] if starts else read
    lengths = [after - before for before, after in pairwise((*starts, len(read)))]
    rest += (
        log1p(chars),
        min(chars, 10_000) ** 0.5 / 10,
        log1p(words),
        len(read) / max(1, words),
        float(len(starts)),
        log1p(len(stem)),
        log1p(sum(lengths) / len(lengths)) if lengths else 0.0,
        log1p(max(lengths) - min(lengths)) if lengths else 0.0,
        float(stem.rstrip().endswith(b"?")),
        float(read.rstrip().endswith(b"?")),
        log1p(len(stem.translate(_DIGITS).split())),
        distinct / max(1, words),
    )
    numbers = np.empty(len(NAMES), np.float32)
    kinds = len(SIGNS)
    np.log1p(signs, out=numbers[:kinds])
    np.divide(signs, np.float32(size), out=numbers[kinds : 2 * kinds])
    numbers[2 * kinds :] = rest
    return numbers
