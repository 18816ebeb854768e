"""Where questions of one intent share an answer: how far the near kept questions agree on which it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

_SUREST = 1.0 - 1e-6


class Agreed(NamedTuple):
    score: float
    """0 to 1: the share of the odds that speak for one answer, against the others and against none."""
    place: int
    """The likeliest of the candidates with that answer; -1 where there is no candidate."""


def agreed(scores: Sequence[float], answers: Sequence[str]) -> Agreed:
    """`answers` names each candidate's answer; equal names are one answer. A candidate alone among
    others with other answers is not served for being nearest."""
    odds = [min(score, _SUREST) / (1.0 - min(score, _SUREST)) for score in scores]
    sums: dict[str, float] = {}
    for each, answer in zip(odds, answers, strict=True):
        sums[answer] = sums.get(answer, 0.0) + each
    if not sums:
        return Agreed(0.0, -1)
    likeliest = max(sums, key=sums.__getitem__)
    place = max((at for at, answer in enumerate(answers) if answer == likeliest), key=odds.__getitem__)
    return Agreed(sums[likeliest] / (sum(odds) + 1.0), place)
