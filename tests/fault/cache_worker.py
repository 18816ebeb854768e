"""One process of several that share a cache: looks up, keeps and purges at a steady pace until it is told to
end, and writes down what it did and when, by the clock that all processes of a machine share.

python -m tests.fault.cache_worker URL NAME FILE
"""

from __future__ import annotations

import asyncio
import random
import signal
import sys
import time
from pathlib import Path
from typing import Any

import orjson

from cache.answers import PENDING, Purge
from cache.base import PartitionKey
from cache.stores.shared import SharedCache
from cache.stores.views import Change
from tests.fakes.kept_answers import entry, kept, key, partition, question

SECRET = b"a secret that the processes share"
TENANTS = ("acme", "beta", "gamma")
WORDS = [f"question {n}" for n in range(30)]
PACE_S = 0.004
PURGE_EVERY_S = 0.4
WITHIN_S = 0.1
"""More than in production: the machine of a test does other things too."""


class Watched(SharedCache):
    """Writes down when the index heard of an entry."""

    heard: dict[str, float]

    def changed(self, partition: PartitionKey, change: Change) -> None:
        super().changed(partition, change)
        if change.record is not None:
            self.heard[change.entry_id] = time.monotonic()


class Worker:
    def __init__(self, url: str, name: str) -> None:
        self.name = name
        self.random = random.Random(name)
        self.states: list[tuple[float, str | None]] = []
        self.served: list[tuple[str, float, float]] = []
        """(entry id, when it was asked for, when it was had)"""
        self.made: dict[str, tuple[str, float, float]] = {}
        """entry id -> (tenant, when its request was looked up, when it was kept)"""
        self.purged: list[tuple[dict[str, Any], float, float, bool, str]] = []
        self.raised: list[str] = []
        self.longest_s = 0.0
        self.lookups = self.count = 0
        self.cache = Watched(
            url,
            secret=SECRET,
            max_tenant_bytes=10_000_000,
            max_view_bytes=10_000_000,
            max_hot_bytes=1_000_000,
            process=name,
            within_s=WITHIN_S,
            on_state=lambda cause: self.states.append((time.monotonic(), cause)),
        )
        self.cache.heard = {}

    async def look_up(self) -> None:
        tenant, words = self.random.choice(TENANTS), self.random.choice(WORDS)
        where, now_us = partition(tenant), time.time_ns() // 1_000
        keys = [key(words, where), key("~" + words, where)]
        began_s, seen = time.monotonic(), self.cache.position()
        hit = self.cache.find_now(where, keys, now_us)
        if hit is PENDING:
            hit = await self.cache.find(where, keys, now_us)
        found = None if hit is None else hit.entry
        if found is None:
            for near in self.cache.nearest(question(words, where), 2):
                if near.text == words:
                    found = await self.cache.fetch(where, near.entry_id, now_us)
        ended_s = time.monotonic()
        self.longest_s = max(self.longest_s, ended_s - began_s)
        self.lookups += 1
        if found is not None:
            assert found.tenant == tenant
            assert found.body == f"{tenant}/{words}".encode()
            self.served.append((found.id, began_s, ended_s))
            return
        self.count += 1
        made = entry(f"hit_{self.name}_{self.count}", tenant=tenant, body=f"{tenant}/{words}".encode())
        made = made._replace(stored_us=now_us, expires_us=now_us + 60_000_000)
        await asyncio.sleep(self.random.random() * 0.01)  # the answer is being bought
        self.made[made.id] = tenant, began_s, time.monotonic()
        self.cache.keep(kept(words, made, where, seen=seen))

    async def purge(self) -> None:
        kind = self.random.random()
        what = Purge(tenant=self.random.choice(TENANTS))
        if kind < 0.5 and self.served:
            what = Purge(entry_id=self.served[-1][0])
        elif kind < 0.6:
            what = Purge()
        began_s = time.monotonic()
        done = await self.cache.purge(what)
        self.purged.append((what._asdict(), began_s, time.monotonic(), done.acknowledged, done.cause))

    async def repeat(self, step: Any, every_s: float) -> None:
        while True:
            try:
                await step()
            except Exception as error:  # noqa: BLE001 - none may come, whichever
                self.raised.append(repr(error))
            await asyncio.sleep(every_s)

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: self.raised.append(repr(context)))
        end = asyncio.Event()
        loop.add_signal_handler(signal.SIGTERM, end.set)
        await self.cache.start()
        steps = [(self.look_up, PACE_S)] * 2 + [(self.purge, PURGE_EVERY_S)]
        tasks = [asyncio.create_task(self.repeat(*step)) for step in steps]
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await end.wait()
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await self.cache.aclose()

    def report(self) -> dict[str, Any]:
        names = ("states", "served", "made", "purged", "raised", "longest_s", "lookups")
        return {name: getattr(self, name) for name in names} | {"heard": self.cache.heard}


if __name__ == "__main__":
    worker = Worker(sys.argv[1], sys.argv[2])
    asyncio.run(worker.run())
    Path(sys.argv[3]).write_bytes(orjson.dumps(worker.report()))
