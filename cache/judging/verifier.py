"""The learned part: a pair's numbers weighed into one score."""

from __future__ import annotations

import zipfile
from math import exp
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cache.judging.features import NAMES
from cache.question import Floats

SHIPPED = Path(__file__).with_name("shipped.npz")
FORMAT = 1


class VerifierError(Exception):
    """The file is no verifier of this version; the message names it."""


class Verifier(NamedTuple):
    """A logistic regression over `features.NAMES`."""

    weights: Floats
    bias: float
    threshold: float
    """The score from which a pair counts as one question, unless a partition asks for more."""
    version: str
    regime: str
    """strict: after all vetoes; intent: without, since entities do not matter to who shares an answer."""

    def score(self, numbers: Floats) -> float:
        """From 0 to 1."""
        told = self.bias + float(self.weights @ numbers)
        return 1.0 / (1.0 + exp(-max(-30.0, min(30.0, told))))


def load(path: Path = SHIPPED, regime: str = "strict") -> Verifier:
    """`strict`: every word counts; `intent`: questions of one intent share an answer. Raises
    VerifierError."""
    try:
        with np.load(path, allow_pickle=False) as members:
            found = {name: members[name] for name in members.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise VerifierError(f"{path}: not a verifier ({error})") from error
    if found.get("format", np.array([0])).tolist() != [FORMAT]:
        raise VerifierError(f"{path}: not a verifier of format {FORMAT}")
    if found["names"].tobytes().decode() != "\n".join(NAMES):
        raise VerifierError(f"{path}: weighs other features than this version reads")
    weights = found.get(f"{regime}_weights")
    if weights is None or weights.shape != (len(NAMES),) or not np.isfinite(weights).all():
        raise VerifierError(f"{path}: has no weights for {regime}")
    bias, threshold = found[f"{regime}_bias"].tolist()
    version = found["version"].tobytes().decode()
    return Verifier(weights.astype(np.float32), bias, threshold, version, regime)
