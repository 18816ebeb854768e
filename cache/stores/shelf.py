"""Entries in this process by their ids, and the keys that lead to them: bounded over all and per tenant, the
least recently used forgotten first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import NamedTuple

from cache.answers import ALIASES_PER_ENTRY
from cache.base import Entry, EntryKey, PartitionKey

ENTRY_OVERHEAD_BYTES = 1_300
"""What Python needs around one entry's contents with two keys: the entry, its numbers, the keys' objects, the
places in the orders and maps. Measured at 1,230 to 1,300 bytes with CPython 3.11 where every kind of token is
counted, at 1,000 to 1,070 where most are 0."""
KEY_OVERHEAD_BYTES = 300
"""For a key more."""

Place = tuple[PartitionKey, EntryKey]


class Shelved(NamedTuple):
    partition: PartitionKey
    entry: Entry
    keys: list[EntryKey]
    size_bytes: int


def size_bytes(keys: Sequence[EntryKey], entry: Entry) -> int:
    more = max(0, len(keys) - 2) * KEY_OVERHEAD_BYTES
    return len(entry.body) + len(entry.id) + sum(map(len, keys)) + more + ENTRY_OVERHEAD_BYTES


class Shelf:
    def __init__(
        self, max_bytes: int, max_tenant_bytes: int, on_change: Callable[[Shelved, int], None]
    ) -> None:
        """`on_change` hears of every entry that comes or goes, with its bytes, negative when it goes. Raises
        ValueError for a negative bound; 0 keeps nothing."""
        if min(max_bytes, max_tenant_bytes) < 0:
            raise ValueError("a bound in bytes must not be negative")
        self.max_bytes, self.max_tenant_bytes = max_bytes, max_tenant_bytes
        self._on_change = on_change
        self._by_id: OrderedDict[str, Shelved] = OrderedDict()
        """Least recently used first."""
        self._ids: dict[Place, str] = {}
        self._of_tenant: dict[str, OrderedDict[str, None]] = {}
        self._tenant_bytes: dict[str, int] = {}
        self.bytes_used = 0

    def __len__(self) -> int:
        return len(self._by_id)

    def values(self) -> list[Shelved]:
        return list(self._by_id.values())

    def find(self, partition: PartitionKey, key: EntryKey, now_us: int) -> Entry | None:
        entry_id = self._ids.get((partition, key))
        return None if entry_id is None else self.fetch(partition, entry_id, now_us)

    def fetch(self, partition: PartitionKey, entry_id: str, now_us: int) -> Entry | None:
        shelved = self._by_id.get(entry_id)
        if shelved is None or shelved.partition != partition:
            return None
        entry = shelved.entry
        if now_us >= entry.expires_us:
            self.drop(entry_id)
            return None
        self._by_id.move_to_end(entry_id)
        self._of_tenant[entry.tenant].move_to_end(entry_id)
        return entry

    def put(self, partition: PartitionKey, keys: Sequence[EntryKey], entry: Entry) -> bool:
        """In the place of what the first key led to. The other keys lead here from now on. False: too
        large."""
        keys = list(dict.fromkeys(keys))
        old = self._ids.get((partition, keys[0]))
        for entry_id in (old, entry.id):
            if entry_id is not None:
                self.drop(entry_id)
        size = size_bytes(keys, entry)
        if size > min(self.max_bytes, self.max_tenant_bytes):
            return False
        while self._tenant_bytes.get(entry.tenant, 0) + size > self.max_tenant_bytes:
            self.drop(next(iter(self._of_tenant[entry.tenant])))
        while self.bytes_used + size > self.max_bytes:
            self.drop(next(iter(self._by_id)))
        shelved = Shelved(partition, entry, keys, size)
        self._by_id[entry.id] = shelved
        for key in shelved.keys:
            self._ids[partition, key] = entry.id
        self._of_tenant.setdefault(entry.tenant, OrderedDict())[entry.id] = None
        self._count(shelved, size)
        return True

    def alias(self, partition: PartitionKey, key: EntryKey, entry_id: str) -> bool:
        shelved = self._by_id.get(entry_id)
        if shelved is None or shelved.partition != partition or len(shelved.keys) > ALIASES_PER_ENTRY:
            return False
        if key not in shelved.keys:
            shelved.keys.append(key)
        self._ids[partition, key] = entry_id
        return True

    def drop(self, entry_id: str) -> Shelved | None:
        shelved = self._by_id.pop(entry_id, None)
        if shelved is None:
            return None
        for key in shelved.keys:
            if self._ids.get((shelved.partition, key)) == entry_id:
                del self._ids[shelved.partition, key]
        tenant = shelved.entry.tenant
        order = self._of_tenant[tenant]
        del order[entry_id]
        if not order:
            del self._of_tenant[tenant]
        self._count(shelved, -shelved.size_bytes)
        return shelved

    def of_tenant(self, tenant: str) -> list[Shelved]:
        return [self._by_id[entry_id] for entry_id in self._of_tenant.get(tenant, ())]

    def _count(self, shelved: Shelved, by_bytes: int) -> None:
        tenant = shelved.entry.tenant
        self.bytes_used += by_bytes
        left = self._tenant_bytes.get(tenant, 0) + by_bytes
        if left:
            self._tenant_bytes[tenant] = left
        else:
            self._tenant_bytes.pop(tenant, None)
        self._on_change(shelved, by_bytes)
