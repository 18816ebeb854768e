"""The cache's tiers over a recorded stream, in memory: what would have been served, and from what.

Nothing expires and nothing is evicted. What is not served is kept, under its own partition: the tenant, and
all of the conversation but the words asked last.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import orjson

from cache.canonical import canonical
from cache.judging.agreement import agreed
from cache.judging.features import Prepared
from cache.judging.judge import Judge
from cache.question import Floats
from gateway.json_lines import BadLine

CANDIDATES = 8
"""So many of the nearest kept questions are judged."""

Embed = Callable[[str], Floats]
"""A text's vector, of unit length or zero."""


class Asked(NamedTuple):
    partition: bytes
    text: str
    answer: str | None
    """The class of its answer, where the line names one."""


class Served(NamedTuple):
    tier: str | None
    """exact, canonical, semantic; None for a miss."""
    matched: str | None
    """The kept question whose answer is served."""
    score: float
    """1 of exact and canonical hits; of a miss, the best of its candidates."""
    right: bool | None
    """Whether both name one class; None where one names none, or on a miss."""


class Kept(NamedTuple):
    text: str
    prepared: Prepared
    answer: str | None


@dataclass
class Partition:
    """One partition's questions, and no other's."""

    width: int
    kept: list[Kept] = field(default_factory=list)
    verbatim: dict[str, int] = field(default_factory=dict)
    canonical: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._vectors = np.zeros((16, self.width), np.float32)

    def add(self, form: str, kept: Kept, vector: Floats) -> None:
        place = len(self.kept)
        if place == len(self._vectors):
            self._vectors = np.concatenate([self._vectors, np.zeros_like(self._vectors)])
        self._vectors[place] = vector
        self.kept.append(kept)
        self.verbatim.setdefault(kept.text, place)
        self.canonical.setdefault(form, place)

    def nearest(self, vector: Floats) -> list[Kept]:
        cosines = self._vectors[: len(self.kept)] @ vector
        few = min(CANDIDATES, len(cosines))
        best = np.argpartition(-cosines, few - 1)[:few] if few else np.zeros(0, np.int64)
        return [self.kept[place] for place in best[np.argsort(-cosines[best], kind="stable")]]


class CacheReplay:
    """Requests in the order in which they came."""

    def __init__(self, judge: Judge, embed: Embed, threshold: float) -> None:
        self._judge = judge
        self._embed = embed
        self._threshold = threshold
        self._partitions: dict[bytes, Partition] = {}

    def ask(self, asked: Asked) -> Served:
        """What is served; a miss is kept for those who come later."""
        vector = self._embed(asked.text)
        partition = self._partitions.setdefault(asked.partition, Partition(len(vector)))
        form = canonical(asked.text)
        place = partition.verbatim.get(asked.text)
        if place is not None:
            return _served("exact", partition.kept[place], 1.0, asked)
        place = partition.canonical.get(form)
        if place is not None:
            return _served("canonical", partition.kept[place], 1.0, asked)
        prepared = self._judge.prepare(asked.text)
        score, best = self._best(prepared, partition.nearest(vector))
        if best is not None and score >= self._threshold:
            return _served("semantic", best, score, asked)
        partition.add(form, Kept(asked.text, prepared, asked.answer), vector)
        return Served(None, None, score, None)

    def _best(self, asked: Prepared, near: list[Kept]) -> tuple[float, Kept | None]:
        """The candidate to serve and its score, as `caching.meaning.Meaning.best` has it. Of intents, those
        count together that name one class."""
        scores = self._judge.scores(asked, (kept.prepared for kept in near), self._threshold)
        if self._judge.model.regime == "intent" and all(kept.answer is not None for kept in near):
            score, place = agreed(scores, [kept.answer or "" for kept in near])
            return score, near[place] if place >= 0 else None
        place = int(np.argmax(scores)) if scores else -1
        return (scores[place], near[place]) if scores and scores[place] > 0.0 else (0.0, None)


def _served(tier: str, kept: Kept, score: float, asked: Asked) -> Served:
    known = asked.answer is not None and kept.answer is not None
    return Served(tier, kept.text, score, asked.answer == kept.answer if known else None)


def asked_of(fields: Mapping[str, Any]) -> Asked:
    """Of a line's object. Raises BadLine."""
    tenant = fields.get("tenant", "")
    if not isinstance(tenant, str):
        raise BadLine("`tenant` is not text")
    answer = fields.get("class")
    if answer is not None and not isinstance(answer, str | int):
        raise BadLine("`class` is neither text nor a whole number")
    text, before = _last_words(fields)
    partition = orjson.dumps([tenant, before], option=orjson.OPT_SORT_KEYS)
    return Asked(partition, text, None if answer is None else str(answer))


def _last_words(fields: Mapping[str, Any]) -> tuple[str, object]:
    """What the user said last, and all that stands around it."""
    messages = fields.get("messages")
    if messages is None:
        prompt = fields.get("prompt")
        if not isinstance(prompt, str):
            raise BadLine("neither `messages` nor a `prompt` that is text")
        return prompt, None
    if not isinstance(messages, list) or not all(isinstance(each, dict) for each in messages):
        raise BadLine("`messages` is not a list of objects")
    for place in range(len(messages) - 1, -1, -1):
        if messages[place].get("role") == "user":
            message = dict(messages[place])
            text = message.pop("content", None)
            if not isinstance(text, str):
                raise BadLine("the last user message has no text")
            return text, [*messages[:place], message, *messages[place + 1 :]]
    raise BadLine("no message is a user's")
