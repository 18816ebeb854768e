"""What the study counts."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np

from benchmarks.cache.sources import Asked, Pair
from benchmarks.cache.streams import nearest, vectors
from benchmarks.cache.train import Reader
from benchmarks.cache.trap_pairs import TrapPair
from cache.canonical import canonical
from cache.judging.judge import Judge
from cache.judging.verifier import Verifier
from gateway.cache_replay import Asked as Request
from gateway.cache_replay import CacheReplay
from gateway.word_vectors import LexiconVectors
from router.embedding import embed


class Served(NamedTuple):
    asked: str
    kept: str
    """Ids."""
    tier: str
    right: bool


class Outcome(NamedTuple):
    hits: int
    wrong: int


class Trap(NamedTuple):
    different: int
    wrongly: int
    same: int
    rightly: int


def replayed(stream: Sequence[Asked], reader: Reader, model: Verifier, threshold: float) -> list[Served]:
    """The hits, through the code of `weir cache replay`."""
    replay = CacheReplay(
        Judge(LexiconVectors(reader.lexicon), model), lambda text: embed(text, reader.lexicon), threshold
    )
    first: dict[str, str] = {}
    hits = []
    for each in stream:
        served = replay.ask(Request(b"", each.text, each.answer))
        if served.tier is None or served.matched is None:
            first.setdefault(each.text, each.id)
        else:
            hits.append(Served(each.id, first[served.matched], served.tier, served.right is True))
    return hits


def outcome(served: Sequence[Served]) -> Outcome:
    return Outcome(len(served), sum(not each.right for each in served))


def traps(trapped: Sequence[Pair], reader: Reader, model: Verifier) -> dict[str, Trap]:
    """By capability: pairs of each kind, and how many would be served."""
    judge = Judge(LexiconVectors(reader.lexicon), model)
    rows: dict[str, list[int]] = {}
    for pair in trapped:
        row = rows.setdefault(pair.capability, [0, 0, 0, 0])
        at = 2 if pair.same else 0
        row[at] += 1
        row[at + 1] += would_serve(judge, pair.one, pair.other)
    return {capability: Trap(*row) for capability, row in sorted(rows.items())}


def would_serve(judge: Judge, asked: str, kept: str) -> bool:
    """By the canonical form or by the judge, were nothing else kept."""
    if canonical(asked) == canonical(kept):
        return True
    return judge.judge(judge.prepare(asked), judge.prepare(kept)).score >= judge.model.threshold


def own_traps(trapped: Iterable[TrapPair], reader: Reader, model: Verifier) -> dict[str, tuple[int, int]]:
    """By capability: pairs, and those of which either would be served for the other."""
    judge = Judge(LexiconVectors(reader.lexicon), model)
    found: dict[str, tuple[int, int]] = {}
    for pair in trapped:
        all_, wrong = found.get(pair.capability, (0, 0))
        either = would_serve(judge, pair.one, pair.other) or would_serve(judge, pair.other, pair.one)
        found[pair.capability] = (all_ + 1, wrong + either)
    return found


def is_held_out(answer: str) -> bool:
    """One half of the classes, by their hash."""
    return bool(hashlib.sha256(answer.encode()).digest()[0] & 1)


def _by_cosine(stream: Sequence[Asked], reader: Reader) -> list[bool]:
    """Whether the nearest of the earlier prompts is right, the highest cosine first."""
    near = nearest(vectors([each.text for each in stream], reader.lexicon), 1)
    found = [
        (float(each.cosines[0]), stream[each.places[0]].answer == asked.answer)
        for asked, each in zip(stream, near, strict=True)
        if len(each.places)
    ]
    return [right for _, right in sorted(found, key=lambda pair: -pair[0])]


def cosine_hits(stream: Sequence[Asked], reader: Reader, hits: int) -> Outcome:
    rights = _by_cosine(stream, reader)[:hits]
    return Outcome(len(rights), rights.count(False))


def at_most_wrong(stream: Sequence[Asked], reader: Reader, share: float) -> int:
    """The most hits by cosine of which no more than that share is wrong, the threshold known beforehand."""
    wrong = np.cumsum([not right for right in _by_cosine(stream, reader)])
    hits = np.arange(1, len(wrong) + 1)
    fine = hits[wrong <= share * hits]
    return int(fine[-1]) if len(fine) else 0


def speed_us(stream: Sequence[Asked], reader: Reader, model: Verifier) -> dict[str, tuple[float, float]]:
    """Median and 99th percentile, in microseconds; candidates are the eight nearest earlier prompts."""
    judge = Judge(LexiconVectors(reader.lexicon), model)
    texts = [each.text for each in stream]
    near = list(nearest(vectors(texts, reader.lexicon)))
    prepared = [judge.prepare(text) for text in texts]

    def judged(place: int) -> None:
        for other in near[place].places:
            judge.judge(prepared[place], prepared[other])

    return {
        "canonical form": _took(lambda place: canonical(texts[place]), len(texts)),
        "preparing a question": _took(lambda place: judge.prepare(texts[place]), len(texts)),
        "judging its 8 candidates": _took(judged, len(texts)),
    }


def _took(step: Callable[[int], object], count: int) -> tuple[float, float]:
    took = []
    for place in range(count):
        begun = time.perf_counter_ns()
        step(place)
        took.append((time.perf_counter_ns() - begun) / 1_000)
    return float(np.percentile(took, 50)), float(np.percentile(took, 99))
