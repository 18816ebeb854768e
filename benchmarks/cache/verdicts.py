"""Hits whose label says wrong, read again: same, ambiguous or different."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

FILE = Path(__file__).with_name("verdicts.tsv")
WORDS = ("same", "ambiguous", "different")


class Judged(NamedTuple):
    word: str
    reason: str


Verdicts = dict[tuple[str, str], Judged]
"""(id of what was asked, id of what was served) -> verdict."""


def load_verdicts(path: Path = FILE) -> Verdicts:
    """Raises ValueError for a line that is not asked, kept, verdict, reason."""
    found: Verdicts = {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if line and not line.startswith("#"):
            parts = line.split("\t")
            if len(parts) != 4 or parts[2] not in WORDS:
                raise ValueError(f"{path.name}, line {number}: not asked, kept, verdict, reason")
            found[parts[0], parts[1]] = Judged(parts[2], parts[3])
    return found
