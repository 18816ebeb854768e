"""Writes to the shared cache, beside the road: nobody waits, and what cannot be written is forgotten."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

import orjson

from cache.answers import Kept
from cache.base import EntryKey, PartitionKey
from cache.stores.floors import ANY
from cache.stores.lane import Script, Word
from cache.stores.link import FAILURES, Link
from cache.stores.scripts import ALIAS, GONE, KEEP
from cache.stores.wire import (
    ENTRY_OVERHEAD_BYTES,
    KEY_BYTES,
    key_tag,
    pack_entry,
    pack_record,
    tag,
    tenant_tag,
    who,
)

MAX_WAITING = 2_000
MAX_WAITING_BYTES = 32_000_000
WRITE_WITHIN_S = 0.25


class _Write(NamedTuple):
    script: Script
    words: Sequence[Word]
    size_bytes: int


class Writer:
    def __init__(self, link: Link, secret: bytes, max_tenant_bytes: int) -> None:
        self._link, self._secret, self._max_tenant_bytes = link, secret, max_tenant_bytes
        self._waiting: deque[_Write] = deque()
        self._waiting_bytes = 0
        self._some = asyncio.Event()

    def keep(self, kept: Kept) -> None:
        """Raises ValueError for a key that is not of 32 bytes, or an id with a blank in it."""
        entry, keys = kept.entry, kept.keys
        if any(len(key) != KEY_BYTES for key in keys) or len(entry.id.split()) != 1:
            raise ValueError("a key has 32 bytes, and an id no blanks")
        if self._link.away or self._link.floors.forbids_keeping(entry, kept.seen):
            return
        meta, packed = pack_entry(entry), pack_record(kept)
        size = len(meta) + len(packed) + len(entry.body) + ENTRY_OVERHEAD_BYTES
        if size > self._max_tenant_bytes:
            return
        tenant, route = entry.tenant, entry.route
        said = {
            "inc": self._link.inc,
            "h": tag(kept.partition),
            "t": tenant_tag(self._secret, tenant),
            "id": entry.id,
            "tenant": tenant,
            "route": route,
            "epoch": entry.epoch,
            "stored_us": str(entry.stored_us),
            "seen": str(kept.seen),
            "who": list({who(tenant, route), who(tenant, ANY), who(ANY, route), who(ANY, ANY)}),
            "keys": [key_tag(key) for key in dict.fromkeys(keys)],
            "size": size,
            "bound": self._max_tenant_bytes,
            "ttl_ms": max(1, (entry.expires_us - entry.stored_us) // 1_000),
        }
        self._push(_Write(KEEP, (orjson.dumps(said), meta, entry.body, packed), size))

    def alias(self, partition: PartitionKey, key: EntryKey, entry_id: str) -> None:
        if not self._link.away:
            self._push(_Write(ALIAS, (tag(partition), entry_id, key_tag(key), key), len(key)))

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._some.wait()
            while self._waiting:
                write = self._waiting.popleft()
                self._waiting_bytes -= write.size_bytes
                await self._write(write)
            self._some.clear()

    async def _write(self, write: _Write) -> None:
        lane = self._link.lane
        if lane is None or self._link.away:
            return
        try:
            found = await self._link.script(lane, write.script, *write.words, within_s=WRITE_WITHIN_S)
        except FAILURES as error:
            self._link.failed(error)
            return
        self._link.fine()
        if found == [GONE]:
            self._link.hurry()

    def _push(self, write: _Write) -> None:
        self._waiting.append(write)
        self._waiting_bytes += write.size_bytes
        while len(self._waiting) > MAX_WAITING or self._waiting_bytes > MAX_WAITING_BYTES:
            self._waiting_bytes -= self._waiting.popleft().size_bytes
        self._some.set()
