"""The store against the plainest model of it: a list in order of use, summed anew at every step."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from cache.base import Entry, EntryKey, PartitionKey
from cache.memory import MemoryStore, size_bytes

BLANK = Entry("hit_0", "", b"", "m", "b", 1, 1, True, 0, 0, False)
tenants = st.sampled_from(["acme", "beta"])
partitions = st.sampled_from([PartitionKey(b"p" * 32), PartitionKey(b"q" * 32)])
keys = st.sampled_from([EntryKey(bytes([n]) * 32) for n in range(4)])

Place = tuple[PartitionKey, EntryKey]


class Store(RuleBasedStateMachine):
    @initialize(bound=st.integers(0, 6_000))
    def begin(self, bound: int) -> None:
        self.bound = bound
        self.store = MemoryStore(bound)
        self.model: list[tuple[Place, Entry]] = []
        self.now_us = 0

    @rule(partition=partitions, key=keys, tenant=tenants, body=st.integers(0, 2_000), ttl=st.integers(1, 9))
    def put(self, partition: PartitionKey, key: EntryKey, tenant: str, body: int, ttl: int) -> None:
        entry = BLANK._replace(tenant=tenant, body=b"x" * body, expires_us=self.now_us + ttl)
        self.store.put(partition, key, entry)
        self.model = [pair for pair in self.model if pair[0] != (partition, key)]
        if size_bytes(partition, key, entry) <= self.bound:
            self.model.append(((partition, key), entry))
        while self.total() > self.bound:
            del self.model[0]

    @rule(partition=partitions, key=keys)
    def get(self, partition: PartitionKey, key: EntryKey) -> None:
        place = (partition, key)
        entry = dict(self.model).get(place)
        self.model = [pair for pair in self.model if pair[0] != place]
        if entry is not None and entry.expires_us <= self.now_us:
            entry = None
        if entry is not None:
            self.model.append((place, entry))
        assert self.store.get(partition, key, self.now_us) is entry

    @rule(tenant=tenants)
    def purge(self, tenant: str) -> None:
        left = [pair for pair in self.model if pair[1].tenant != tenant]
        assert self.store.purge_tenant(tenant) == len(self.model) - len(left)
        self.model = left

    @rule(microseconds=st.integers(1, 5))
    def wait(self, microseconds: int) -> None:
        self.now_us += microseconds

    @invariant()
    def bytes_are_the_sum_and_never_above_the_bound(self) -> None:
        assert self.store.bytes_used == self.total() <= self.bound
        assert len(self.store) == len(self.model)

    def total(self) -> int:
        return sum(size_bytes(*place, entry) for place, entry in self.model)


TestStore = Store.TestCase
TestStore.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
