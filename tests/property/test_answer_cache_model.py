"""The cache in the process against the plainest model of it: a list in order of use, searched whole."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from cache.answers import Kept, Purge
from cache.base import Entry, EntryKey, PartitionKey
from cache.stores.local import LocalCache
from cache.stores.shelf import size_bytes
from tests.fakes.kept_answers import NOW_US, entry, key, partition, question

PARTITIONS = [partition("p"), partition("q")]
KEYS = [key(str(n)) for n in range(5)]
partitions = st.sampled_from(PARTITIONS)
keys = st.sampled_from(KEYS)
tenants = st.sampled_from(["acme", "beta"])
routes = st.sampled_from(["auto", "big"])


class Row(NamedTuple):
    partition: PartitionKey
    keys: tuple[EntryKey, ...]
    entry: Entry
    asks: bool

    @property
    def size(self) -> int:
        return size_bytes(self.keys, self.entry)


class AnswerCacheModel(RuleBasedStateMachine):
    @initialize(total=st.integers(0, 12_000), tenant=st.integers(0, 8_000))
    def begin(self, total: int, tenant: int) -> None:
        self.total, self.per_tenant, self.now_us, self.count = total, tenant, NOW_US, 0
        self.cache = LocalCache(
            max_bytes=total, max_tenant_bytes=tenant, max_index_bytes=10**7, now_us=lambda: self.now_us
        )
        self.rows: list[Row] = []
        """Least recently used first."""
        self.leads: dict[tuple[PartitionKey, EntryKey], str] = {}
        self.byte_us: dict[str, int] = {}
        self.taken: dict[str, int] = {}

    @rule(
        where=partitions, first=keys, second=keys, tenant=tenants, route=routes,
        body=st.integers(0, 1_500), ttl=st.integers(1, 20), epoch=st.integers(0, 2), asks=st.booleans(),
    )  # fmt: skip
    def keep(
        self, where: PartitionKey, first: EntryKey, second: EntryKey, tenant: str, route: str, body: int,
        ttl: int, epoch: int, asks: bool,
    ) -> None:  # fmt: skip
        self.count += 1
        made = entry(
            f"hit_{self.count}", tenant=tenant, route=route, epoch=epoch, body=b"x" * body,
            stored_us=self.now_us, ttl_us=ttl,
        )  # fmt: skip
        asked = question(made.id, where) if asks else None
        before = self.cache.status().entries
        self.cache.keep(Kept(where, (first, second), made, asked, self.cache.position()))
        if epoch < self.lowest(made):
            assert self.cache.status().entries == before
            return
        self.drop([row for row in self.rows if row.entry.id == self.leads.get((where, first))])
        row = Row(where, tuple(dict.fromkeys((first, second))), made, asks)
        if row.size > min(self.total, self.per_tenant):
            return
        own = [one for one in self.rows if one.entry.tenant == tenant]
        while sum(one.size for one in own) + row.size > self.per_tenant:
            self.drop([own.pop(0)])
        while sum(one.size for one in self.rows) + row.size > self.total:
            self.drop([self.rows[0]])
        self.rows.append(row)
        self.leads |= {(where, one): made.id for one in row.keys}

    def lowest(self, made: Entry) -> int:
        """Below which epoch nothing of its tenant is kept."""
        return max((bound for tenant, bound in self.bounds() if tenant in ("", made.tenant)), default=0)

    def bounds(self) -> list[tuple[str, int]]:
        return getattr(self, "purged_epochs", [])

    @rule(where=partitions, asked=st.lists(keys, min_size=1, max_size=3))
    def find(self, where: PartitionKey, asked: list[EntryKey]) -> None:
        hit = self.cache.find_now(where, asked, self.now_us)
        for number, one in enumerate(asked):
            row = self.row(self.leads.get((where, one), ""))
            if row is None:
                continue
            if row.entry.expires_us <= self.now_us:
                self.drop([row])
                continue
            self.rows.remove(row)
            self.rows.append(row)
            assert hit == (row.entry, number)
            return
        assert hit is None

    @rule(where=partitions, alias=keys, number=st.integers(1, 30))
    def alias(self, where: PartitionKey, alias: EntryKey, number: int) -> None:
        self.cache.alias(where, alias, f"hit_{number}")
        row = self.row(f"hit_{number}")
        if row is not None and row.partition == where:
            self.leads[where, alias] = row.entry.id

    @rule(tenant=tenants | st.just(""), route=routes | st.just(""), epoch=st.integers(0, 2))
    def purge(self, tenant: str, route: str, epoch: int) -> None:
        what = Purge(tenant=tenant, route="" if epoch else route, epoch_below=epoch)
        gone = [row for row in self.rows if what.matches(row.entry)]
        purged = asyncio.run(self.cache.purge(what))
        assert (purged.dropped, purged.acknowledged) == (len(gone), True)
        self.drop(gone)
        if epoch:
            self.purged_epochs = [*self.bounds(), (tenant, epoch)]

    @rule(us=st.integers(1, 5_000_000))
    def wait(self, us: int) -> None:
        for row in self.rows:
            tenant = row.entry.tenant
            self.byte_us[tenant] = self.byte_us.get(tenant, 0) + row.size * us
        self.now_us += us

    @rule(book=st.booleans())
    def take(self, book: bool) -> None:
        uses = asyncio.run(self.cache.take_storage())
        if book:
            asyncio.run(self.cache.booked([use.id for use in uses]))
            for use in uses:
                self.taken[use.tenant] = self.taken.get(use.tenant, 0) + use.byte_seconds

    @invariant()
    def the_same(self) -> None:
        status = self.cache.status()
        assert status.entries == len(self.rows)
        sizes: dict[str, int] = {}
        for row in self.rows:
            sizes[row.entry.tenant] = sizes.get(row.entry.tenant, 0) + row.size
        assert status.tenant_bytes == sizes
        for where in PARTITIONS:
            near = {one.entry_id for one in self.cache.nearest(question("any", where), 1_000)}
            assert near == {row.entry.id for row in self.rows if row.asks and row.partition == where}
        for tenant, byte_us in self.byte_us.items():
            assert self.taken.get(tenant, 0) <= byte_us // 1_000_000

    def teardown(self) -> None:
        if not hasattr(self, "cache"):
            return
        for _ in "12":  # what was taken before, and what is left
            uses = asyncio.run(self.cache.take_storage())
            asyncio.run(self.cache.booked([use.id for use in uses]))
            for use in uses:
                self.taken[use.tenant] = self.taken.get(use.tenant, 0) + use.byte_seconds
        for tenant, byte_us in self.byte_us.items():
            assert self.taken.get(tenant, 0) == byte_us // 1_000_000

    def row(self, entry_id: str) -> Row | None:
        return next((row for row in self.rows if row.entry.id == entry_id), None)

    def drop(self, gone: list[Row]) -> None:
        ids = {row.entry.id for row in gone}
        self.rows = [row for row in self.rows if row.entry.id not in ids]
        self.leads = {place: entry_id for place, entry_id in self.leads.items() if entry_id not in ids}


TestAnswerCacheModel = AnswerCacheModel.TestCase
TestAnswerCacheModel.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
