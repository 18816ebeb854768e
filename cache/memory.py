"""Answers kept in the process: bounded by bytes, the least recently used forgotten first."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from cache.base import Entry, EntryKey, PartitionKey

ENTRY_OVERHEAD_BYTES = 850
"""What Python needs around one entry's contents: the entry, its numbers, both keys' objects, the places in
the order and in the tenant's index. Measured at 725 to 850 bytes with CPython 3.11, by how many of its
numbers are 0."""

_Key = tuple[PartitionKey, EntryKey]


@dataclass(frozen=True, slots=True)
class _Kept:
    entry: Entry
    size_bytes: int


def size_bytes(partition: PartitionKey, key: EntryKey, entry: Entry) -> int:
    """What an entry is charged against the bound: its body, id and keys, and a constant for the rest. Names
    of tenant, model and backend are shared with the configuration and cost nothing here."""
    return len(entry.body) + len(entry.id) + len(partition) + len(key) + ENTRY_OVERHEAD_BYTES


class MemoryStore:
    """An AnswerStore for one event loop; it is not made for threads.

    Keeps nothing that is larger than the bound by itself. An entry past its time is dropped when it is asked
    for, or when its turn comes.
    """

    def __init__(self, max_bytes: int) -> None:
        """Raises ValueError for a negative bound; 0 keeps nothing."""
        if max_bytes < 0:
            raise ValueError(f"max_bytes is {max_bytes}; it must not be negative")
        self.max_bytes = max_bytes
        self._kept: OrderedDict[_Key, _Kept] = OrderedDict()
        """Least recently used first."""
        self._of_tenant: dict[str, dict[_Key, None]] = {}
        self._bytes_used = 0

    def get(self, partition: PartitionKey, key: EntryKey, now_us: int) -> Entry | None:
        """The entry, unless its time is over at `now_us` (UTC microseconds)."""
        place = (partition, key)
        kept = self._kept.get(place)
        if kept is None:
            return None
        if now_us >= kept.entry.expires_us:
            self._drop(place)
            return None
        self._kept.move_to_end(place)
        return kept.entry

    def put(self, partition: PartitionKey, key: EntryKey, entry: Entry) -> None:
        """Keeps the entry in the place of an older one, at the cost of those longest unused."""
        place = (partition, key)
        if place in self._kept:
            self._drop(place)
        size = size_bytes(partition, key, entry)
        if size > self.max_bytes:
            return
        while self._bytes_used + size > self.max_bytes:
            self._drop(next(iter(self._kept)))
        self._kept[place] = _Kept(entry, size)
        self._of_tenant.setdefault(entry.tenant, {})[place] = None
        self._bytes_used += size

    def drop(self, partition: PartitionKey, key: EntryKey) -> None:
        if (partition, key) in self._kept:
            self._drop((partition, key))

    def clear(self) -> None:
        self._kept.clear()
        self._of_tenant.clear()
        self._bytes_used = 0

    def purge_tenant(self, tenant: str) -> int:
        """Drops a tenant's entries; returns how many."""
        places = list(self._of_tenant.get(tenant, ()))
        for place in places:
            self._drop(place)
        return len(places)

    @property
    def bytes_used(self) -> int:
        return self._bytes_used

    def __len__(self) -> int:
        return len(self._kept)

    def _drop(self, place: _Key) -> None:
        kept = self._kept.pop(place)
        self._bytes_used -= kept.size_bytes
        places = self._of_tenant[kept.entry.tenant]
        del places[place]
        if not places:
            del self._of_tenant[kept.entry.tenant]
