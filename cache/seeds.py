"""A curated route's own pairs of prompt and answer: one JSON object a line (`weir cache seed FILE`)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import orjson

MAX_PROMPT_CHARACTERS = 8_192
MAX_ANSWER_BYTES = 256_000
MAX_SEEDS = 100_000

_FIELDS = ("prompt", "answer", "model")


class Seed(NamedTuple):
    prompt: str
    answer: str
    model: str
    """'' where the line names none: whichever the route has."""


class SeedError(ValueError):
    """Names file and line."""


def read_seeds(lines: Iterable[str | bytes], file: str) -> list[Seed]:
    """The pairs in the order of the file; empty lines are passed over. `file` is only named in errors.

    Raises SeedError at the first line that is not as it should be: an unknown field may be a misspelt one,
    and of two answers to one prompt nobody could say which is meant.
    """
    seeds: list[Seed] = []
    first: dict[tuple[str, str], int] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        where = f"{file}, line {number}"
        seed = _seed(line, where)
        before = first.setdefault((seed.prompt, seed.model), number)
        if before != number:
            raise SeedError(f"{where}: the prompt of line {before} again")
        seeds.append(seed)
        if len(seeds) > MAX_SEEDS:
            raise SeedError(f"{where}: more than {MAX_SEEDS} pairs")
    if not seeds:
        raise SeedError(f"{file}: no pair in it")
    return seeds


def _seed(line: str | bytes, where: str) -> Seed:
    try:
        pair = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise SeedError(f"{where}: no JSON: {error}") from None
    if not isinstance(pair, dict):
        raise SeedError(f'{where}: not an object such as {{"prompt": "...", "answer": "..."}}')
    unknown = sorted(set(pair) - set(_FIELDS))
    if unknown:
        raise SeedError(f"{where}: unknown field {unknown[0]!r}; there are {', '.join(_FIELDS)}")
    prompt, answer = _text(pair, "prompt", where), _text(pair, "answer", where)
    if len(prompt) > MAX_PROMPT_CHARACTERS:
        raise SeedError(f"{where}: prompt has more than {MAX_PROMPT_CHARACTERS} characters")
    if len(answer.encode()) > MAX_ANSWER_BYTES:
        raise SeedError(f"{where}: answer has more than {MAX_ANSWER_BYTES} bytes")
    model = _text(pair, "model", where) if "model" in pair else ""
    return Seed(prompt, answer, model)


def _text(pair: dict[str, object], name: str, where: str) -> str:
    value = pair.get(name)
    if not isinstance(value, str) or not value.strip():
        raise SeedError(f"{where}: {name} must be a text that is not empty")
    return value
