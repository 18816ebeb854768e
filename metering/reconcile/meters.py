"""Vendors' names of meters and units: which class of token, how many in one unit, which model.

Pure functions of the text: what they cannot tell, a reader can put right with `--map`.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from functools import lru_cache

from metering.reconcile.line import TOTAL

_OTHER = re.compile(
    r"search|code[ _-]?(exec|interp)|session|storage|audio|image|video|speech|training|fine.?tun|hosting|"
    r"hour|\bgb\b|provisioned|\bptu\b|commitment"
)
_IS_OUTPUT = re.compile(r"output|outp\b|outpt|\bopt\b|\bout\b|completion|generated|reasoning|thinking")
_IS_INPUT = re.compile(r"input|\binp\b|inpt|\bin\b|prompt|embedding")
_IS_WRITE = re.compile(r"cach\w*[ _.-]*(\w+[ _.-]*)?(writ|wr\b|creat)|(writ|creat)\w*[ _.-]*cach")
_IS_READ = re.compile(r"cach|\bcchd\b|\bcd\b")
_IS_TOKENS = re.compile(r"token")

_UNIT = re.compile(
    r"(?=.)(?:(\d[\d,.]*)\s*)?([kmb]|thousand|million|billion)?\s*(?:tokens?|counts?)?", re.IGNORECASE
)
_SCALE = {
    "": 1, "k": 1_000, "thousand": 1_000, "m": 1_000_000, "million": 1_000_000,
    "b": 1_000_000_000, "billion": 1_000_000_000,
}  # fmt: skip

_METER_WORD = re.compile(
    r"[\s,|:/._-]+(?:cached?|cchd|cache[ _-]?\w*|uncached|input|inp|inpt|output|outp|outpt|opt|prompt|"
    r"completions?|reasoning|tokens?|in|out|batch|glbl|global|regnl|regional|dzone|data\s?zone)\b.*$",
    re.IGNORECASE,
)
_REGION = re.compile(r"^[A-Z]{2,4}\d?-(?=[a-z])")


@lru_cache(maxsize=4096)
def token_class(text: str) -> str | None:
    """One of CLASSES or TOTAL, or None for a meter that counts no text tokens."""
    words = text.lower()
    if _OTHER.search(words):
        return None
    words = words.replace("_", " ")
    if _IS_OUTPUT.search(words):
        return "output"
    if _IS_WRITE.search(words):
        return "cache_write"
    if _IS_READ.search(words) and "uncached" not in words:
        return "cache_read"
    if _IS_INPUT.search(words) or "uncached" in words:
        return "input"
    return TOTAL if _IS_TOKENS.search(words) else None


@lru_cache(maxsize=4096)
def tokens_per_unit(unit: str) -> Decimal | None:
    """`Tokens` and `count` -> 1, `1000 Tokens` and `1K` -> 1000, `1M Tokens` -> 1000000; None for others.

    For meters that count tokens: some clouds leave the word out of the unit.
    """
    found = _UNIT.fullmatch(unit.strip())
    if found is None:
        return None
    try:
        count = Decimal((found[1] or "1").replace(",", ""))
    except InvalidOperation:
        return None
    return count * _SCALE[(found[2] or "").lower()]


@lru_cache(maxsize=4096)
def model_in(text: str) -> str | None:
    """The model's name in a meter's: what stands before the words that say which tokens."""
    name = _REGION.sub("", _METER_WORD.sub("", text.strip())).strip(" ,|:/._-")
    return name or None
