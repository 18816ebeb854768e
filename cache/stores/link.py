"""A process's line to the shared cache: what it has heard, and how long it may serve.

Three things make up the promise that nothing purged is served once the purge is acknowledged:

* every answer is held against the marks of the purges that this process has heard of, when it is served;
* it is served only under a lease of LEASE_S, which is counted from before it was asked for, and which the
  server gives only to a process that has heard of the last purge;
* a purge is acknowledged when every process has said that it heard of it, or when all leases have run out
  that were given before it.

A process that stands still loses its lease by its own clock; whatever it had read before, it does not serve.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

import orjson

from cache.answers import Purge
from cache.base import EntryKey, PartitionKey
from cache.stores.floors import Floors, Mark
from cache.stores.lane import Broken, Lane, Late, Refused, Word
from cache.stores.scripts import BEAT, DONE, GONE, HELLO
from cache.stores.views import Change
from cache.stores.wire import pairs, unpack_purge, unpack_record, untag
from metering.redis_address import Client, open_clients

LEASE_S = 0.5
BEAT_S = 0.15
MARGIN_S = 0.1
"""For clocks that run at slightly different rates."""
CONNECT_S = 1.0
BEAT_WITHIN_S = 0.25
BLOCK_MS = 1_000
STRIKES = 3
"""So many late answers one after the other, and the server counts as away."""
PAUSES_S = (0.05, 0.1, 0.2, 0.4, 0.8)
"""Between looks for a server that is away."""
STEADY_S = 5.0
"""A connection that broke sooner is not made anew at once."""
FULL_EVERY = 20
"""Beats between those that ask what is stored."""
MAX_TOUCHED = 500
_AT_ONCE = 8
"""Records that are applied before others get their turn."""

FAILURES = (Broken, Late, Refused)
_Id = tuple[int, int]


class Listener(Protocol):
    def forget(self) -> None:
        """What was known of the state may be wrong: begin anew."""
        ...

    def changed(self, partition: PartitionKey, change: Change) -> None: ...

    def purged(self, what: Purge, n: int) -> None: ...


class _Gap(Exception):
    """Records are missing."""


class Link:
    def __init__(
        self,
        url: str,
        listener: Listener,
        floors: Floors,
        *,
        prefix: str,
        process: str,
        within_s: float,
        monotonic: Callable[[], float],
        on_state: Callable[[str | None], None],
    ) -> None:
        """Opens nothing yet. `on_state` hears the cause when the server goes away, None when it is back.
        Raises ValueError for an address that makes no sense."""
        self._clients = open_clients(url, CONNECT_S, "cache")
        self._listener, self.floors = listener, floors
        self.prefix, self.process, self.within_s = prefix, process, within_s
        self.monotonic, self._on_state = monotonic, on_state
        self.lane: Lane | None = None
        self._following: Lane | None = None
        self.away = "not connected yet"
        self.inc, self.n, self._last = "", 0, "0-0"
        self.since_s = 0.0
        """When this process began to follow this state over this connection."""
        self._lease_until_s = 0.0
        self._told = False
        self._strikes = 0
        self.errors = 0
        self._cause = ""
        self._failed = asyncio.Event()
        self.seen = asyncio.Event()
        """The server was there once."""
        self._hurry = asyncio.Event()
        self._resyncing = asyncio.Lock()
        self._touched: OrderedDict[str, str] = OrderedDict()
        self._beats = 0
        self.entries = 0
        self.tenant_bytes: dict[str, int] = {}

    @property
    def client(self) -> Client:
        return self._clients[0]

    @property
    def may_serve(self) -> bool:
        return self.monotonic() < self._lease_until_s

    def ready(self) -> Lane | None:
        """The lane to ask on; None while there is no lease: what would be found could not be served."""
        return self.lane if self.monotonic() < self._lease_until_s else None

    def touch(self, entry_id: str, tenant_tag: str) -> None:
        self._touched[entry_id] = tenant_tag
        if len(self._touched) > MAX_TOUCHED:
            self._touched.popitem(last=False)

    def hurry(self) -> None:
        """Beat now: there is something to say or to find out."""
        self._hurry.set()

    def fine(self) -> None:
        self._strikes = 0

    def failed(self, error: Exception) -> None:
        """After a command that failed. What is late once may be the server's pause; what is late again and
        again, or broken, is the server."""
        self.errors += 1
        if isinstance(error, Late):
            self._strikes += 1
        if isinstance(error, Broken) or self._strikes >= STRIKES:
            self._give_up(str(error))

    async def run(self) -> None:
        """Until cancelled."""
        looks = 0
        try:
            while True:
                began_s = self.monotonic()
                try:
                    cause = await self._until_it_breaks(*await self._open())
                except FAILURES as error:
                    cause = str(error)
                self._gone(cause)
                await self._close_lanes()
                looks = 0 if self.monotonic() - began_s > STEADY_S else looks + 1
                await asyncio.sleep(PAUSES_S[min(looks, len(PAUSES_S) - 1)])
        finally:
            self._lease_until_s = 0.0
            await self._close_lanes()

    async def aclose(self) -> None:
        for client in self._clients:
            with suppress(Exception):
                async with asyncio.timeout(self.within_s):
                    await client.aclose()

    async def script(self, lane: Lane, script: Any, *words: Word, within_s: float | None = None) -> Any:
        """Raises Broken, Late, Refused."""
        return await lane.run(script, 1, self.prefix, *words, within_s=within_s or self.within_s)

    async def resync(self, lane: Lane) -> None:
        """Learns what the state is now; begins anew unless it goes on where this process is. Raises Broken,
        Late, Refused."""
        async with self._resyncing:
            told = {
                "inc": secrets.token_hex(8),
                "n": str(self.n),
                "floors": [
                    [orjson.dumps([tenant, route]).decode(), *map(str, mark)]
                    for tenant, route, mark in self.floors
                ],
                "ids": self.floors.ids,
            }
            found = await self.script(lane, HELLO, orjson.dumps(told), within_s=CONNECT_S)
            inc, n, last = found[0].decode(), int(found[1]), found[2].decode()
            for who, said in pairs(found[3]):
                at, stored_us, epoch = map(int, said.split())
                tenant, route = orjson.loads(who)
                self.floors.rise(tenant, route, Mark(at, stored_us, epoch))
            goes_on = inc == self.inc and _id(last) >= _id(self._last) and (last != self._last or n == self.n)
            if not goes_on:
                self._begin_anew(inc, n, last)

    def _begin_anew(self, inc: str, n: int, last: str) -> None:
        self._lease_until_s = 0.0
        self.inc, self.n, self._last = inc, n, last
        self.since_s = self.monotonic()
        self._listener.forget()

    async def _open(self) -> tuple[Lane, Lane]:
        self.lane = lane = await Lane.open(self.client, CONNECT_S)
        self._following = following = await Lane.open(self.client, CONNECT_S)
        self.since_s = self.monotonic()
        self._failed.clear()
        self._strikes = 0
        await self.resync(lane)
        await self._beat(lane)
        self.away = ""
        self.seen.set()
        if self._told:
            self._told = False
            self._on_state(None)
        return lane, following

    async def _until_it_breaks(self, lane: Lane, following: Lane) -> str:
        tasks = [
            asyncio.create_task(self._follow(following, lane)),
            asyncio.create_task(self._keep_beating(lane)),
            asyncio.create_task(self._failed.wait()),
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        for task in done:
            error = task.exception()
            if error is not None:
                self.errors += 1
                return str(error)
        return self._cause

    async def _keep_beating(self, lane: Lane) -> None:
        """Raises Broken, Late, Refused."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(BEAT_S):
                    await self._hurry.wait()
            self._hurry.clear()
            try:
                await self._beat(lane)
            except Late as error:
                self.failed(error)

    async def _beat(self, lane: Lane) -> None:
        full = self._beats % FULL_EVERY == 0
        self._beats += 1
        touched, self._touched = self._touched, OrderedDict()
        words = [word for entry_id, tag in touched.items() for word in (tag, entry_id)]
        sent_s, inc, n = self.monotonic(), self.inc, self.n
        found = await self.script(lane, BEAT, self.process, str(n), int(full), *words, within_s=BEAT_WITHIN_S)
        self.fine()
        if found[0] == GONE or found[1].decode() != inc or int(found[2]) < n:
            await self.resync(lane)
        elif found[0] == DONE and inc == self.inc:
            self._lease_until_s = sent_s + LEASE_S
        if len(found) > 3:
            self.entries = found[3]
            self.tenant_bytes = {
                name.decode(): int(said.split()[0]) for name, said in pairs(found[4]) if said[:2] != b"0 "
            }

    async def _follow(self, following: Lane, lane: Lane) -> None:
        """Raises Broken, Late, Refused."""
        within_s = BLOCK_MS / 1000 + CONNECT_S
        log = f"{self.prefix}log"
        while True:
            last = self._last
            found = await following.call(
                "XREAD", "BLOCK", BLOCK_MS, "COUNT", 512, "STREAMS", log, last, within_s=within_s
            )
            try:
                await self._apply_all(found[0][1] if found else ())
            except _Gap:
                await self.resync(lane)

    async def _apply_all(self, records: Any) -> None:
        for number, (at, flat) in enumerate(records):
            record_id = at.decode()
            if _id(record_id) <= _id(self._last):
                continue
            fields = dict(pairs(flat))
            n = int(fields[b"n"])
            try:
                if n != self.n + 1:
                    raise _Gap
                self._apply(n, fields)
            except (_Gap, ValueError, KeyError, TypeError):  # missing, or of another version
                self._begin_anew("", self.n, self._last)
                raise _Gap from None
            self.n, self._last = n, record_id
            if number % _AT_ONCE == _AT_ONCE - 1:
                await asyncio.sleep(0)

    def _apply(self, n: int, fields: dict[bytes, bytes]) -> None:
        match fields[b"op"]:
            case b"a":
                partition = untag(fields[b"h"].decode())
                change = Change(n, fields[b"id"].decode(), unpack_record(partition, fields[b"r"]))
                self._listener.changed(partition, change)
            case b"l":
                change = Change(n, fields[b"id"].decode(), alias=EntryKey(fields[b"r"]))
                self._listener.changed(untag(fields[b"h"].decode()), change)
            case b"d":
                for word in fields[b"gone"].decode().split():
                    tag, _, entry_id = word.partition(":")
                    self._listener.changed(untag(tag), Change(n, entry_id))
            case b"f":
                who, *mark = orjson.loads(fields[b"r"])
                tenant, route = orjson.loads(who)
                self.floors.rise(tenant, route, Mark(*map(int, mark)))
                self._listener.purged(Purge(), n)
                self.hurry()
            case b"p":
                what = unpack_purge(fields[b"r"])
                self.floors.purge(what, n)
                self._listener.purged(what, n)
                self.hurry()

    def _give_up(self, cause: str) -> None:
        self._cause = cause
        self._failed.set()

    def _gone(self, cause: str) -> None:
        self._lease_until_s = 0.0
        self.away = cause or "the connection ended"
        if not self._told:
            self._told = True
            self._on_state(self.away)

    async def _close_lanes(self) -> None:
        for lane in (self.lane, self._following):
            if lane is not None:
                await lane.aclose()
        self.lane = self._following = None


def _id(text: str) -> _Id:
    at, _, number = text.partition("-")
    return int(at), int(number)
