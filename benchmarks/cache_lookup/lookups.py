"""One partition with many entries on a real Redis, and lookups in it by another process."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

import numpy as np
import redis

from cache.answers import PENDING, Near
from cache.index.partition_index import PartitionIndex
from cache.partition import canonical_key
from cache.question import Floats, Question
from cache.stores.link import CONNECT_S
from cache.stores.shared import PREFIX, SharedCache
from gateway.caching.meaning import CANDIDATES, Meaning
from tests.fakes.kept_answers import entry, kept, key, partition

SECRET = b"of the processes of a benchmark."
WHERE = partition("one")
BODY = b"x" * 1_000
STRICT = "strict"
Judge = Callable[[Question, Sequence[Near]], Near | None]


def judging() -> Judge:
    """The shipped verifier at its own threshold. What it has read of kept questions it keeps, as the gateway
    does: in a partition as large as this, most have to be read anew."""
    meaning = Meaning()
    meaning.load([STRICT])
    threshold = meaning.threshold(STRICT)

    def judge(asked: Question, near: Sequence[Near]) -> Near | None:
        best = meaning.best(asked, near, STRICT, threshold)
        return best.near if best is not None and best.score >= threshold else None

    return judge


class Times(NamedTuple):
    name: str
    p50_us: float
    p99_us: float
    own_us: float | None = None
    """As long as the thread was on a core, in the middle: without waiting for Redis, or for a core."""

    @classmethod
    def of(cls, name: str, taken_s: list[float], own_s: list[float] | None = None) -> Times:
        p50, p99 = np.percentile(taken_s, [50, 99]) * 1e6
        return cls(name, float(p50), float(p99), float(np.median(own_s) * 1e6) if own_s else None)


def shared(url: str, *, hot_bytes: int) -> SharedCache:
    return SharedCache(
        url, secret=SECRET, max_tenant_bytes=10**9, max_view_bytes=10**9, max_hot_bytes=hot_bytes
    )


async def fill(url: str, texts: Sequence[str], vectors: Floats) -> None:
    cache = shared(url, hot_bytes=0)
    await cache.start()
    now_us = time.time_ns() // 1_000
    client = redis.Redis.from_url(url, protocol=2)
    for number, (text, vector) in enumerate(zip(texts, vectors, strict=True)):
        made = entry(f"hit_{number:026}", body=BODY, stored_us=now_us, ttl_us=10**11)
        one = kept(text, made, WHERE, seen=2**52, asks=False)
        cache.keep(one._replace(question=Question(WHERE, text, vector)))
        if number % 1_000 == 999 or number == len(texts) - 1:
            await _until(client, number + 1)
    client.close()
    await cache.aclose()


async def _until(client: redis.Redis, number: int) -> None:
    """Until so many entries are kept."""
    while client.hlen(f"{PREFIX}about") < number:  # noqa: ASYNC110 - the writer is another's task
        await asyncio.sleep(0.005)


async def loaded(cache: SharedCache, text: str, within_s: float = 600.0) -> float:
    """Seconds until the partition is held."""
    began_s = time.monotonic()
    async with asyncio.timeout(within_s + CONNECT_S):
        while (
            cache.find_now(WHERE, [key("no such words")], 0) is not None or not cache.status().partitions_held
        ):
            await cache.find(WHERE, [key(text, WHERE)], time.time_ns() // 1_000)
            await asyncio.sleep(0.01)
    return time.monotonic() - began_s


async def full(cache: SharedCache, asked: Question, judge: Judge) -> bool:
    """As the gateway does it, the embedding given: by both keys, then by the neighbours."""
    now_us = time.time_ns() // 1_000
    keys = [key(asked.text, WHERE), canonical_key(SECRET, WHERE, asked.text.lower())]
    hit = cache.find_now(WHERE, keys, now_us)
    if hit is PENDING:
        hit = await cache.find(WHERE, keys, now_us)
    if hit is not None:
        return True
    best = judge(asked, cache.nearest(asked, CANDIDATES))
    if best is None:
        return False
    found = cache.fetch_now(WHERE, best.entry_id, now_us)
    if found is PENDING:
        found = await cache.fetch(WHERE, best.entry_id, now_us)
    return found is not None


async def exact(cache: SharedCache, text: str) -> bool:
    now_us = time.time_ns() // 1_000
    keys = [key(text, WHERE)]
    hit = cache.find_now(WHERE, keys, now_us)
    if hit is PENDING:
        hit = await cache.find(WHERE, keys, now_us)
    return hit is not None


class Timed(NamedTuple):
    """Steps, one after the other."""

    taken_s: list[float]
    own_s: list[float]
    found: list[bool]

    def times(self, name: str, *, found: bool = True) -> Times:
        """Of those that found something, or of those that did not."""
        chosen = [place for place, each in enumerate(self.found) if each is found]
        return Times.of(
            name, [self.taken_s[place] for place in chosen], [self.own_s[place] for place in chosen]
        )


async def timed(steps: Sequence[Callable[[], Awaitable[bool]]], warm: int = 200) -> Timed:
    timed = Timed([], [], [])
    for number, step in enumerate(steps):
        began_s, own_began_s = time.perf_counter(), time.thread_time()
        good = await step()
        if number >= warm:
            timed.taken_s.append(time.perf_counter() - began_s)
            timed.own_s.append(time.thread_time() - own_began_s)
            timed.found.append(good)
        if number % 20 == 0:
            await asyncio.sleep(0)
    return timed


def recall(index: PartitionIndex, vectors: Floats, asked: Floats) -> tuple[Times, float, float]:
    """Of an index whose ids are row numbers, against reading everything: time, recall at 8 and at 1."""
    taken_s, found = list[float](), list[list[int]]()
    for vector in asked:
        began_s = time.perf_counter()
        near = index.nearest(Question(WHERE, "", vector), CANDIDATES)
        taken_s.append(time.perf_counter() - began_s)
        found.append([int(one.entry_id) for one in near])
    at_8 = at_1 = 0
    for vector, ids in zip(asked, found, strict=True):
        scores = vectors @ vector
        worst = float(np.partition(scores, -CANDIDATES)[-CANDIDATES])
        at_8 += sum(float(scores[n]) >= worst - 1e-6 for n in ids)
        at_1 += float(scores[ids].max()) >= float(scores.max()) - 1e-6
    return Times.of("nearest 8", taken_s), at_8 / (CANDIDATES * len(asked)), at_1 / len(asked)


def indexed(texts: Sequence[str], vectors: Floats) -> PartitionIndex:
    index = PartitionIndex(WHERE)
    rows = zip(texts, vectors, strict=True)
    index.fill([(str(n), Question(WHERE, text, vector)) for n, (text, vector) in enumerate(rows)])
    return index
