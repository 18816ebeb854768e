"""Whether two texts ask the same: vetoes first, then the learned score."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from cache.judging import vetoes
from cache.judging.compared import compare
from cache.judging.features import Prepared, features
from cache.judging.reading import read
from cache.judging.support import unsupported
from cache.judging.vectors import Words
from cache.judging.verifier import Verifier
from cache.question import WordVectors

SURE = 0.999
"""The score of texts in which nothing but grammar differs. A threshold of 1 serves none of them either."""


class Verdict(NamedTuple):
    score: float
    """0 to 1; 0 under a veto."""
    veto: str
    """'' or a fixed word."""


class Judge:
    """For one event loop; it is not made for threads."""

    def __init__(self, words: WordVectors, model: Verifier) -> None:
        self._words = Words(words)
        self.model = model

    def prepare(self, text: str) -> Prepared:
        """What is needed of one text, made once: of a stored question when it is stored."""
        return Prepared(read(text), self._words)

    def judge(self, asked: Prepared, kept: Prepared) -> Verdict:
        """Of what is kept, one of its questions is enough; of what is asked, all must be answered."""
        whole = self._judge(asked, kept)
        if self.model.regime != "strict" or whole.score >= self.model.threshold or not kept.parts:
            return whole
        return max((whole, *(self._judge(asked, part) for part in kept.parts)), key=lambda told: told.score)

    def scores(self, asked: Prepared, kept: Iterable[Prepared], enough: float) -> list[float]:
        """Of each in turn, the nearest first. Where one may stand for another by itself, up to the first that
        scores `enough`: to read those behind it would take longer than all the rest."""
        scores: list[float] = []
        for each in kept:
            scores.append(self.judge(asked, each).score)
            if scores[-1] >= enough and self.model.regime == "strict":
                break
        return scores

    def _judge(self, asked: Prepared, kept: Prepared) -> Verdict:
        mine, yours = asked.reading, kept.reading
        strict = self.model.regime == "strict"
        veto = vetoes.early(mine, yours) if strict else vetoes.unreadable(mine, yours)
        if veto:
            return Verdict(0.0, veto)
        if strict and mine.solid and mine.words == yours.words and mine.kind == yours.kind:
            return Verdict(SURE, "")
        compared = compare(mine, yours, asked.unknown | kept.unknown)
        if strict:
            veto = vetoes.late(compared) or unsupported(compared, asked, kept, self._words)
            if veto:
                return Verdict(0.0, veto)
            if vetoes.nothing(compared):
                return Verdict(SURE, "")
        return Verdict(self.model.score(features(asked, kept, compared, self._words)), "")
