"""What can be counted in a text without knowing a word: lengths, signs, options, lines.

One pass over the bytes counts all signs; one over the line starts finds a question's options.
"""

from __future__ import annotations

import re
from collections.abc import Set
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
"""Words and signs that `surface` looks for: 1 where they are."""
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


def surface(read: bytes, chars: int, said: int, different: Set[bytes]) -> Floats:
    """One number per name. `read` is the part that is read, in UTF-8; `chars` the length of the whole text;
    `said` how many words the read part has, and `different` those, each once."""
    size = len(read) or 1
    numbers = np.empty(len(NAMES), np.float32)
    signs = np.bincount(np.frombuffer(read, np.uint8), None, 256).astype(np.float32).dot(_CLASSES)
    np.log1p(signs, out=numbers[:_KINDS])
    np.divide(signs, size, out=numbers[_KINDS : 2 * _KINDS])
    count = signs.tolist()
    stem, *options = _OPTION.split(read) if count[_LINE] else (read,)
    option_length = option_spread = 0.0
    if options:
        lengths = list(map(len, options))
        option_length = log1p(sum(lengths) / len(lengths) + 1)
        option_spread = log1p(max(lengths) - min(lengths))
    asks = count[_ASKING]
    # Most marks need a word or a sign that most texts lack, which is known already.
    numbers[2 * _KINDS :] = (
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
        log1p(chars),
        min(chars, 10_000) ** 0.5 / 10,
        log1p(said),
        len(read) / (said or 1),
        len(options),
        log1p(len(stem)),
        option_length,
        option_spread,
        asks and stem.rstrip().endswith(b"?"),
        asks and read.rstrip().endswith(b"?"),
        log1p(len(stem.translate(_DIGITS).split())) if count[_DIGIT] else 0.0,
        len(different) / (said or 1),
    )
    return numbers
