"""Which kept question means the same as the one asked: vectors from the router, judgement from the cache.

The lexicon and the verifiers take a third of a second to load, and are loaded where a file first asks for
them.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from cache.answers import Near
from cache.base import PartitionKey
from cache.question import Question
from gateway.caching.entry_ids import answer_of

if TYPE_CHECKING:
    from cache.judging.features import Prepared
    from cache.judging.judge import Judge

INTENT = "intent"
"""The regime in which questions of one intent share an answer."""
CANDIDATES = 8
"""Nearest kept questions that are looked at."""
MAX_PREPARED = 20_000
"""Kept questions whose reading is kept as well: some 2 kB each."""


class Best(NamedTuple):
    near: Near
    score: float


class Meaning:
    """For one event loop."""

    def __init__(self) -> None:
        self._judges: dict[str, Judge] = {}
        self._prepared: OrderedDict[str, Prepared] = OrderedDict()

    def load(self, regimes: Iterable[str]) -> None:
        """Raises ArtefactError, VerifierError."""
        wanted = [regime for regime in regimes if regime not in self._judges]
        if not wanted:
            return
        from cache.judging.agreement import agreed
        from cache.judging.judge import Judge
        from cache.judging.verifier import load
        from gateway.word_vectors import LexiconVectors
        from router.embedding import embed
        from router.model import lexicon

        self._lexicon, self._embed, self._agreed = lexicon(), embed, agreed
        for regime in wanted:
            self._judges[regime] = Judge(LexiconVectors(self._lexicon), load(regime=regime))

    def question(self, partition: PartitionKey, text: str) -> Question:
        return Question(partition, text, self._embed(text, self._lexicon))

    def threshold(self, regime: str) -> float:
        """The score from which that verifier takes two questions for one."""
        return self._judges[regime].model.threshold

    def version(self, regime: str) -> str:
        """Of everything that judges: audits under another one say nothing of these hits."""
        return f"{self._judges[regime].model.version} {self._lexicon.version}"

    def best(self, question: Question, near: Sequence[Near], regime: str, enough: float) -> Best | None:
        """The nearest candidate that scores `enough`, else the one that scores most; None where every one is
        vetoed. Of intents, those that lead to one answer count together."""
        judge = self._judges[regime]
        asked = judge.prepare(question.text)
        scores = judge.scores(asked, (self._prepare(judge, candidate.text) for candidate in near), enough)
        if not scores or max(scores) <= 0.0:
            return None
        if regime == INTENT:
            score, place = self._agreed(scores, [answer_of(candidate.entry_id) for candidate in near])
            return Best(near[place], score)
        place = max(range(len(scores)), key=scores.__getitem__)
        return Best(near[place], scores[place])

    def _prepare(self, judge: Judge, text: str) -> Prepared:
        prepared = self._prepared.get(text)
        if prepared is None:
            prepared = self._prepared[text] = judge.prepare(text)
            if len(self._prepared) > MAX_PREPARED:
                self._prepared.popitem(last=False)
        else:
            self._prepared.move_to_end(text)
        return prepared
