"""Several processes' caches on one Redis, inside one process, each with a clock that can be moved."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from typing import Any

import redis

from cache.answers import PENDING, Hit, Kept
from cache.base import PartitionKey
from cache.stores.shared import SharedCache
from tests.fakes.kept_answers import entry, key, partition
from tests.fakes.kept_answers import kept as made

OURS, THEIRS = partition("ours"), partition("theirs")
SECRET = b"s" * 32
_numbers = itertools.count()


class Clock:
    """The true one, moved."""

    ahead_s = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead_s


def now_us() -> int:
    return time.time_ns() // 1_000


class Pair:
    """Two processes, and a look at the server."""

    def __init__(self, url: str) -> None:
        self.url, self.prefix = url, f"{{weir}}:test{next(_numbers)}:"
        self.clocks: list[Clock] = []
        self.caches: list[SharedCache] = []
        self.states: list[str | None] = []

    async def more(self, **settings: Any) -> SharedCache:
        self.clocks.append(Clock())
        bounds = {"max_tenant_bytes": 10**6, "max_view_bytes": 10**7, "max_hot_bytes": 10**6, **settings}
        it = SharedCache(
            self.url,
            secret=SECRET,
            prefix=self.prefix,
            process=f"p{len(self.caches)}",
            within_s=2.0,
            monotonic=self.clocks[-1],
            on_state=self.states.append,
            **bounds,
        )
        await it.start()
        self.caches.append(it)
        return it

    def server(self) -> redis.Redis:
        return redis.Redis.from_url(self.url, decode_responses=True, protocol=2)

    def about(self) -> list[str]:
        with closing(self.server()) as client:
            return sorted(str(name) for name in client.hkeys(f"{self.prefix}about"))


async def until(what: Callable[[], bool | Awaitable[bool]], within_s: float = 5.0) -> None:
    async with asyncio.timeout(within_s):
        while True:
            done = what()
            if done is True or (not isinstance(done, bool) and await done):
                return
            await asyncio.sleep(0.002)


def kept(words: str, id: str, of: PartitionKey = OURS, *, seen: int = 2**60, **more: Any) -> Kept:
    return made(words, entry(id, stored_us=now_us(), **more), of, seen=seen)


async def find(it: SharedCache, words: str, of: PartitionKey = OURS) -> Hit | None:
    keys = [key(words, of), key("~" + words.lower(), of)]
    hit = it.find_now(of, keys, now_us())
    return await it.find(of, keys, now_us()) if hit is PENDING else hit


def finds(it: SharedCache, words: str, id: str, of: PartitionKey = OURS) -> Callable[[], Awaitable[bool]]:
    async def found() -> bool:
        hit = await find(it, words, of)
        return hit is not None and hit.entry.id == id

    return found


async def held(it: SharedCache, words: str, id: str) -> None:
    """Until this process answers from what it holds."""
    await until(finds(it, words, id))
    await until(lambda: isinstance(it.find_now(OURS, [key(words, OURS)], now_us()), Hit))
