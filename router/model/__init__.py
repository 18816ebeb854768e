"""Predicts how much better the large model answers: `load().gain(request)`.

words, surface -> reading -> lexicon (learned numbers of words) -> head (gain); calibration fits a head.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from router.model.archive import Archive, ArtefactError, write
from router.model.learned import LearnedGain, fields_of, from_archive
from router.model.lexicon import Lexicon
from router.model.reading import read

__all__ = ["SHIPPED", "ArtefactError", "LearnedGain", "lexicon", "load", "read", "save"]

SHIPPED = Path(__file__).with_name("shipped.npz")


@lru_cache(maxsize=1)
def lexicon() -> Lexicon:
    """The shipped one, which every artefact builds on. Raises ArtefactError."""
    return Lexicon(Archive(SHIPPED))


def load(path: Path | None = None) -> LearnedGain:
    """The artefact in that file; None: the shipped one. Raises ArtefactError."""
    return from_archive(Archive(path or SHIPPED), lexicon())


def save(model: LearnedGain, path: Path) -> None:
    """Whole or not at all. Raises OSError."""
    part = path.with_name(path.name + ".part")
    write(part, fields_of(model))
    part.replace(path)
