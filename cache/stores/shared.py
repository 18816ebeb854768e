"""The answer cache that several gateways share, in one Redis or Valkey (6.2 and newer, no modules).

The server is the truth; each process has views of the partitions that it uses and a few hot answers. While
the server is away, or this process is not sure of what was purged, every lookup is a miss at once.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from cache.answers import PENDING, CacheStatus, Hit, Kept, Near, Pending, Purge, Purged, StorageUse
from cache.base import Entry, EntryKey, PartitionKey
from cache.memory import MemoryStore
from cache.question import Question
from cache.stores.floors import Floors
from cache.stores.lane import Broken, Lane
from cache.stores.link import CONNECT_S, FAILURES, Link
from cache.stores.loading import Loader
from cache.stores.purging import carry_out
from cache.stores.scripts import BOOKED, FIND, TAKE
from cache.stores.views import Change, Views
from cache.stores.wire import key_tag, pairs, tag, tenant_tag, unpack_entry
from cache.stores.writing import Writer

WITHIN_S = 0.02
"""For one command on the road. What takes longer is a miss."""
PREFIX = "{weir}:cache:"


class SharedCache:
    """An AnswerCache. Between `start` and `aclose` it has tasks of its own."""

    shared = True

    def __init__(
        self,
        url: str,
        *,
        secret: bytes,
        max_tenant_bytes: int,
        max_view_bytes: int,
        max_hot_bytes: int,
        prefix: str = PREFIX,
        process: str = "",
        within_s: float = WITHIN_S,
        monotonic: Callable[[], float] = time.monotonic,
        on_state: Callable[[str | None], None] = lambda cause: None,
    ) -> None:
        """Every process that shares has the same secret, prefix and bound per tenant. Raises ValueError for
        an address that makes no sense."""
        self._floors = Floors()
        self._views = Views(max_view_bytes)
        self._hot = MemoryStore(max_hot_bytes)
        self._secret = secret
        self._link = Link(
            url,
            self,
            self._floors,
            prefix=prefix,
            process=process or secrets.token_hex(8),
            within_s=within_s,
            monotonic=monotonic,
            on_state=on_state,
        )
        self._writer = Writer(self._link, secret, max_tenant_bytes)
        self._loader = Loader(self._link, self._views)
        self._tasks: list[asyncio.Task[None]] = []

    def position(self) -> int:
        return self._link.n

    def find_now(
        self, partition: PartitionKey, keys: Sequence[EntryKey], now_us: int
    ) -> Hit | Pending | None:
        if self._link.ready() is None:
            return None
        view = self._views.get(partition)
        if view is None:
            return PENDING
        for number, key in enumerate(keys):
            entry_id = view.ids.get(key)
            if entry_id is not None:
                entry = self._warm(partition, entry_id, now_us)
                return PENDING if entry is None else Hit(entry, number)
        return None

    async def find(self, partition: PartitionKey, keys: Sequence[EntryKey], now_us: int) -> Hit | None:
        view = self._views.get(partition)
        if view is None:
            return await self._find_unseen(partition, keys, now_us)
        for number, key in enumerate(keys):
            entry_id = view.ids.get(key)
            if entry_id is not None:
                entry = await self.fetch(partition, entry_id, now_us)
                if entry is not None:
                    return Hit(entry, number)
        return None

    def nearest(self, question: Question, k: int) -> list[Near]:
        return [] if self._link.ready() is None else self._views.nearest(question, k)

    def fetch_now(self, partition: PartitionKey, entry_id: str, now_us: int) -> Entry | Pending | None:
        if self._link.ready() is None:
            return None
        return self._warm(partition, entry_id, now_us) or PENDING

    async def fetch(self, partition: PartitionKey, entry_id: str, now_us: int) -> Entry | None:
        lane = self._link.ready()
        if lane is None:
            return None
        key = f"{self._link.prefix}e:{tag(partition)}:{entry_id}"
        try:
            meta, body, n = await lane.call("HMGET", key, "m", "b", "n", within_s=self._link.within_s)
        except FAILURES as error:
            self._link.failed(error)
            return None
        self._link.fine()
        if meta is None:
            self._views.remove(partition, entry_id)
            return None
        entry = self._served(partition, meta, body, n, now_us)
        return entry if entry is not None and entry.id == entry_id else None

    def keep(self, kept: Kept) -> None:
        self._writer.keep(kept.checked())

    def alias(self, partition: PartitionKey, key: EntryKey, entry_id: str) -> None:
        self._writer.alias(partition, key, entry_id)

    async def purge(self, what: Purge) -> Purged:
        """Returns when no process serves it any more, at the latest after the lease; or says why it cannot
        know."""
        what.checked()
        if self._link.away:
            return Purged(0, False, self._link.away)
        try:
            lane = await Lane.open(self._link.client, CONNECT_S)
        except Broken as error:
            return Purged(0, False, str(error))
        try:
            return await carry_out(what, self._link, lane, self)
        finally:
            await lane.aclose()

    async def take_storage(self) -> list[StorageUse]:
        lane = self._link.lane
        if lane is None or self._link.away:
            return []
        try:
            found = await self._link.script(lane, TAKE, "sto_" + secrets.token_hex(8), within_s=CONNECT_S)
        except FAILURES as error:
            self._link.failed(error)
            return []
        uses = [(name.decode(), said.decode().split()) for name, said in pairs(found)]
        return [
            StorageUse(use_id, name, int(seconds), int(until_ms) * 1_000)
            for name, (use_id, seconds, until_ms) in uses
        ]

    async def booked(self, ids: Sequence[str]) -> None:
        lane = self._link.lane
        if lane is None or not ids:
            return
        try:
            await self._link.script(lane, BOOKED, *ids, within_s=CONNECT_S)
        except FAILURES as error:
            self._link.failed(error)

    def status(self) -> CacheStatus:
        return CacheStatus(
            shared=True,
            away=self._link.away,
            entries=self._link.entries,
            tenant_bytes=self._link.tenant_bytes,
            index_bytes=self._views.bytes_used,
            partitions_held=len(self._views),
            errors=self._link.errors,
        )

    async def start(self) -> None:
        self._tasks = [
            asyncio.create_task(step()) for step in (self._link.run, self._writer.run, self._loader.run)
        ]
        with suppress(TimeoutError):
            async with asyncio.timeout(CONNECT_S):
                await self._link.seen.wait()

    async def aclose(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self._link.aclose()

    # What the link hears

    def forget(self) -> None:
        self._views.clear()
        self._hot.clear()

    def changed(self, partition: PartitionKey, change: Change) -> None:
        if change.record is None and change.alias is None:
            self._hot.drop(partition, _place(change.entry_id))
        self._views.apply(partition, change)

    def purged(self, what: Purge, n: int) -> None:
        self._hot.clear()

    def _warm(self, partition: PartitionKey, entry_id: str, now_us: int) -> Entry | None:
        entry = self._hot.get(partition, _place(entry_id), now_us)
        if entry is not None:
            self._link.touch(entry_id, tenant_tag(self._secret, entry.tenant))
        return entry

    async def _find_unseen(
        self, partition: PartitionKey, keys: Sequence[EntryKey], now_us: int
    ) -> Hit | None:
        lane = self._link.ready()
        if lane is None:
            return None
        try:
            found = await self._link.script(lane, FIND, tag(partition), *map(key_tag, keys))
        except FAILURES as error:
            self._link.failed(error)
            return None
        self._link.fine()
        number = found[0]
        if number >= 0 or found[1]:
            self._loader.want(partition)
        if number < 0:
            return None
        entry = self._served(partition, found[1], found[2], found[3], now_us)
        return None if entry is None else Hit(entry, number)

    def _served(
        self, partition: PartitionKey, meta: bytes, body: bytes, n: bytes, now_us: int
    ) -> Entry | None:
        """What was read, if it may still be served now."""
        try:
            entry = unpack_entry(meta, body)
        except ValueError:
            return None
        if not self._link.may_serve or now_us >= entry.expires_us or self._floors.forbids(entry, int(n)):
            return None
        self._hot.put(partition, _place(entry.id), entry)
        self._link.touch(entry.id, tenant_tag(self._secret, entry.tenant))
        return entry


def _place(entry_id: str) -> EntryKey:
    return EntryKey(entry_id.encode())
