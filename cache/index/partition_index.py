"""The stored questions of one partition."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from cache.answers import Near
from cache.base import PartitionKey, WrongPartition
from cache.index.rows import Rows
from cache.question import Question

if TYPE_CHECKING:
    from cache.index.graph import Graph

EXACT_ENTRIES = 5_000
"""As many are searched exactly; beyond, a graph takes over."""
ENTRY_BYTES = 350
"""What Python needs around one entry's vector and text: its id, its slot, the places in both maps. Measured
with CPython 3.11 at 300 to 335 bytes."""
_MOVED_PER_ADD = 2
"""Rows that go into the graph with each new entry once there are too many, so that no single call is long and
the exact part has emptied by the time that twice as many are kept."""


class PartitionIndex:
    """Knows its partition, and takes and answers questions of that one alone."""

    def __init__(self, partition: PartitionKey) -> None:
        self.partition = partition
        self._rows = Rows()
        self._graph: Graph | None = None
        self._slot_of: dict[str, int] = {}
        self._entries: dict[int, tuple[str, str]] = {}
        self._next_slot = 0
        self._text_bytes = 0

    def __len__(self) -> int:
        return len(self._slot_of)

    def __contains__(self, entry_id: str) -> bool:
        return entry_id in self._slot_of

    @property
    def bytes_used(self) -> int:
        graph = self._graph.bytes_used if self._graph else 0
        return self._rows.bytes_used + graph + self._text_bytes + ENTRY_BYTES * len(self._slot_of)

    def add(self, entry_id: str, question: Question) -> None:
        """In the place of what that id had. Raises WrongPartition."""
        self._check(question)
        self.remove(entry_id)
        self._rows.add(self._place(entry_id, question.text), question.vector)
        if len(self._slot_of) > EXACT_ENTRIES:
            self._move(_MOVED_PER_ADD)

    def fill(self, entries: Sequence[tuple[str, Question]], threads: int = 1) -> None:
        """Many at once, into an index that nobody else has seen yet: takes long for a large partition, and is
        made for a thread then. Raises WrongPartition."""
        if len(self._slot_of) + len(entries) <= EXACT_ENTRIES:
            for entry_id, question in entries:
                self.add(entry_id, question)
            return
        self._move(len(self._rows))
        graph = self._graph = self._graph or _new_graph()
        slots = []
        for entry_id, question in entries:
            self._check(question)
            self.remove(entry_id)
            slots.append(self._place(entry_id, question.text))
        graph.add_many(slots, np.stack([question.vector for _, question in entries]), threads)

    def remove(self, entry_id: str) -> bool:
        """Whether it was there."""
        slot = self._slot_of.pop(entry_id, None)
        if slot is None:
            return False
        self._text_bytes -= len(self._entries.pop(slot)[1])
        if slot in self._rows:
            self._rows.remove(slot)
        elif self._graph is not None:
            self._graph.remove(slot)
        return True

    def nearest(self, question: Question, k: int) -> list[Near]:
        """At most k, the nearest first. Raises WrongPartition."""
        self._check(question)
        if k < 1:
            return []
        found = self._rows.nearest(question.vector, k)
        if self._graph is not None:
            more = self._graph.nearest(question.vector, k)
            found = sorted([*found, *more], reverse=True)[:k] if found else more
        entries = self._entries
        return [Near(entries[slot][0], cosine, entries[slot][1]) for cosine, slot in found if slot in entries]

    def _check(self, question: Question) -> None:
        if not isinstance(question, Question):
            raise WrongPartition(f"a {type(question).__name__} has no partition; a Question has")
        if question.partition != self.partition:
            raise WrongPartition("a question of another partition")

    def _place(self, entry_id: str, text: str) -> int:
        slot = self._next_slot
        self._next_slot += 1
        self._slot_of[entry_id] = slot
        self._entries[slot] = (entry_id, text)
        self._text_bytes += len(text)
        return slot

    def _move(self, number: int) -> None:
        graph = self._graph = self._graph or _new_graph()
        for _ in range(min(number, len(self._rows))):
            graph.add(*self._rows.take_first())


def _new_graph() -> Graph:
    """Imported for the first partition that is large enough: it costs some 60 ms."""
    from cache.index.graph import Graph

    return Graph()
