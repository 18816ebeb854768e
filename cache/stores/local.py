"""The answer cache of one process that shares with nobody."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cache.answers import CacheStatus, Hit, Kept, Near, Purge, Purged, StorageUse
from cache.base import Entry, EntryKey, PartitionKey
from cache.index.indexes import Indexes
from cache.question import Question
from cache.stores.floors import Floors
from cache.stores.shelf import Shelf, Shelved
from cache.stores.storage import StorageMeter


class LocalCache:
    """An AnswerCache that never says PENDING and knows no server."""

    shared = False

    def __init__(
        self,
        *,
        max_bytes: int,
        max_tenant_bytes: int,
        max_index_bytes: int,
        now_us: Callable[[], int],
    ) -> None:
        """Bounds in bytes; `now_us` tells UTC microseconds. Raises ValueError for a negative bound."""
        self._indexes = Indexes(max_index_bytes)
        self._storage = StorageMeter(now_us)
        self._shelf = Shelf(max_bytes, max_tenant_bytes, self._changed)
        self._floors = Floors()
        self._purges = 0

    def position(self) -> int:
        return self._purges

    def find_now(self, partition: PartitionKey, keys: Sequence[EntryKey], now_us: int) -> Hit | None:
        for number, key in enumerate(keys):
            entry = self._shelf.find(partition, key, now_us)
            if entry is not None:
                return Hit(entry, number)
        return None

    async def find(self, partition: PartitionKey, keys: Sequence[EntryKey], now_us: int) -> Hit | None:
        return self.find_now(partition, keys, now_us)

    def nearest(self, question: Question, k: int) -> list[Near]:
        return self._indexes.nearest(question, k)

    def fetch_now(self, partition: PartitionKey, entry_id: str, now_us: int) -> Entry | None:
        return self._shelf.fetch(partition, entry_id, now_us)

    async def fetch(self, partition: PartitionKey, entry_id: str, now_us: int) -> Entry | None:
        return self.fetch_now(partition, entry_id, now_us)

    def keep(self, kept: Kept) -> None:
        question, entry = kept.checked().question, kept.entry
        if self._floors.forbids_keeping(entry, kept.seen):
            return
        if self._shelf.put(kept.partition, kept.keys, entry) and question is not None:
            self._indexes.add(entry.id, question)

    def alias(self, partition: PartitionKey, key: EntryKey, entry_id: str) -> None:
        self._shelf.alias(partition, key, entry_id)

    async def purge(self, what: Purge) -> Purged:
        what.checked()
        self._purges += 1
        self._floors.purge(what, self._purges)
        shelved = self._shelf.of_tenant(what.tenant) if what.tenant else self._shelf.values()
        gone = [one.entry.id for one in shelved if what.matches(one.entry)]
        for entry_id in gone:
            self._shelf.drop(entry_id)
        return Purged(len(gone), acknowledged=True)

    async def take_storage(self) -> list[StorageUse]:
        return self._storage.take()

    async def booked(self, ids: Sequence[str]) -> None:
        self._storage.booked(ids)

    def status(self) -> CacheStatus:
        return CacheStatus(
            shared=False,
            away="",
            entries=len(self._shelf),
            tenant_bytes=self._storage.tenant_bytes,
            index_bytes=self._indexes.bytes_used,
            partitions_held=len(self._indexes),
            errors=0,
        )

    async def start(self) -> None:
        return None

    async def aclose(self) -> None:
        return None

    def _changed(self, shelved: Shelved, by_bytes: int) -> None:
        self._storage.change(shelved.entry.tenant, by_bytes)
        if by_bytes < 0:
            self._indexes.remove(shelved.partition, shelved.entry.id)
