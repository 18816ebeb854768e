"""The indexes of this process: as many partitions as fit, those longest unused dropped first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

from cache.answers import Near
from cache.base import PartitionKey
from cache.index.partition_index import PartitionIndex
from cache.question import Question

EMPTY_BYTES = 5_200
"""An index without entries: its first rows, its maps. Measured with CPython 3.11 at 5.1 kB."""


class Indexes:
    """Bounded in bytes over all partitions. A partition that does not fit by itself is not held."""

    def __init__(self, max_bytes: int) -> None:
        """Raises ValueError for a negative bound."""
        if max_bytes < 0:
            raise ValueError(f"max_bytes is {max_bytes}; it must not be negative")
        self.max_bytes = max_bytes
        self._held: OrderedDict[PartitionKey, PartitionIndex] = OrderedDict()
        self._bytes: dict[PartitionKey, int] = {}
        self._bytes_used = 0

    def __len__(self) -> int:
        return len(self._held)

    def __contains__(self, partition: PartitionKey) -> bool:
        return partition in self._held

    def __iter__(self) -> Iterator[PartitionKey]:
        return iter(self._held)

    @property
    def bytes_used(self) -> int:
        return self._bytes_used

    def nearest(self, question: Question, k: int) -> list[Near]:
        """None of a partition that is not held."""
        index = self._held.get(question.partition)
        if index is None:
            return []
        self._held.move_to_end(question.partition)
        return index.nearest(question, k)

    def add(self, entry_id: str, question: Question) -> list[PartitionKey]:
        """Opens the partition if need be. Gives the partitions that had to go for it."""
        index = self._held.get(question.partition)
        if index is None:
            index = PartitionIndex(question.partition)
        index.add(entry_id, question)
        return self.put(index)

    def put(self, index: PartitionIndex) -> list[PartitionKey]:
        """In the place of the partition's own, if it has one. Gives the partitions that had to go for it."""
        partition = index.partition
        if EMPTY_BYTES + index.bytes_used > self.max_bytes:
            self.drop(partition)
            return [partition]
        self._held[partition] = index
        self._held.move_to_end(partition)
        self._count(index)
        dropped = []
        while self._bytes_used > self.max_bytes:
            oldest = next(iter(self._held))
            self.drop(oldest)
            dropped.append(oldest)
        return dropped

    def remove(self, partition: PartitionKey, entry_id: str) -> bool:
        """Whether it was there. A partition without entries is dropped."""
        index = self._held.get(partition)
        if index is None or not index.remove(entry_id):
            return False
        if len(index):
            self._count(index)
        else:
            self.drop(partition)
        return True

    def drop(self, partition: PartitionKey) -> None:
        if self._held.pop(partition, None) is not None:
            self._bytes_used -= self._bytes.pop(partition)

    def clear(self) -> None:
        self._held.clear()
        self._bytes.clear()
        self._bytes_used = 0

    def _count(self, index: PartitionIndex) -> None:
        size = EMPTY_BYTES + index.bytes_used
        self._bytes_used += size - self._bytes.get(index.partition, 0)
        self._bytes[index.partition] = size
