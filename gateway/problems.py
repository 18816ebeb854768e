"""A mistake in a configuration file, at its place, and the error that carries all of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

Path = tuple[str | int, ...]
"""Where a value stands: mapping keys and list positions from the top of the file."""


@dataclass(frozen=True, slots=True)
class Place:
    """1-based, as editors count."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake, or one warning."""

    file: str
    place: Place
    path: Path
    message: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.place.line}:{self.place.column}"
        return f"{where}: {dotted(self.path)}: {self.message}" if self.path else f"{where}: {self.message}"


class ConfigError(Exception):
    """The file cannot be used. `problems` holds every mistake found, in the file's order."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(
            sorted(problems, key=lambda problem: (problem.place.line, problem.place.column))
        )
        super().__init__("\n".join(map(str, self.problems)))


def dotted(path: Sequence[str | int]) -> str:
    """`tenants.acme.keys[0].hash`"""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean "tiers"?`, or nothing when no known word is close."""
    close = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f'; did you mean "{close[0]}"?' if close else ""
