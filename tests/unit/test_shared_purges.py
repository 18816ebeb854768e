"""What a purge promises to all who share a Redis."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import closing

import pytest
import redis

from cache.answers import PENDING, Hit, Purge
from cache.stores.link import LEASE_S
from cache.stores.wire import tag
from tests.fakes.kept_answers import key, question
from tests.fakes.shared_caches import (
    OURS,
    Pair,
    find,
    finds,
    held,
    kept,
    now_us,
    until,
)


@pytest.fixture
async def pair(redis_url: str) -> AsyncIterator[Pair]:
    made = Pair(redis_url)
    yield made
    for it in made.caches:
        await it.aclose()


@pytest.mark.parametrize(
    ("what", "left"),
    [
        (Purge(entry_id="hit_1"), {2, 3, 4}),
        (Purge(tenant="acme"), {3, 4}),
        (Purge(route="auto"), {2, 4}),
        (Purge(tenant="beta", route="auto"), {1, 2, 4}),
        (Purge(epoch_below=2), {3, 4}),
        (Purge(), set()),
    ],
)
async def test_a_purge_is_heard_everywhere_before_it_is_acknowledged(
    pair: Pair, what: Purge, left: set[int]
) -> None:
    one, other = await pair.more(), await pair.more()
    for n, tenant, route in (
        (1, "acme", "auto"),
        (2, "acme", "big"),
        (3, "beta", "auto"),
        (4, "beta", "big"),
    ):
        one.keep(kept(f"words {n}", f"hit_{n}", tenant=tenant, route=route, epoch=(0, 1, 1, 2, 3)[n]))
        await held(other, f"words {n}", f"hit_{n}")
    purged = await one.purge(what)
    keys = {n: [key(f"words {n}", OURS)] for n in range(1, 5)}
    at_once = {n for n in keys if isinstance(other.find_now(OURS, keys[n], now_us()), Hit)}
    assert at_once <= left
    there = {n for n in keys if await find(other, f"words {n}") is not None}
    assert there == left
    assert (purged.dropped, purged.acknowledged) == (4 - len(left), True)
    assert pair.about() == [f"hit_{n}" for n in sorted(left)]


async def test_a_purge_by_age_spares_the_younger(pair: Pair) -> None:
    one = await pair.more()
    one.keep(kept("old", "hit_1"))
    await until(finds(one, "old", "hit_1"))
    bound_us = now_us()
    one.keep(kept("young", "hit_2"))
    await until(finds(one, "young", "hit_2"))
    assert (await one.purge(Purge(stored_before_us=bound_us))).dropped == 1
    assert await find(one, "old") is None
    assert await find(one, "young") is not None


async def test_purges_are_soon_acknowledged_among_processes_that_are_well(pair: Pair) -> None:
    one, _ = await pair.more(), await pair.more()
    pair.clocks[0].ahead_s = 60.0  # it has followed for long, and knows who else there is
    await asyncio.sleep(0)
    await until(lambda: one.find_now(OURS, [], now_us()) is PENDING)
    pair.clocks[0].ahead_s = 120.0
    await until(lambda: one.find_now(OURS, [], now_us()) is PENDING)
    began_s = time.monotonic()
    assert (await one.purge(Purge(tenant="acme"))).acknowledged
    assert time.monotonic() - began_s < LEASE_S


async def test_an_answer_bought_before_a_purge_is_not_kept_after_it_by_any_process(pair: Pair) -> None:
    one, other = await pair.more(), await pair.more()
    seen = {it: it.position() for it in (one, other)}
    await one.purge(Purge(tenant="acme"))
    one.keep(kept("a", "hit_1", seen=seen[one]))
    other.keep(kept("b", "hit_2", seen=seen[other]))
    other.keep(kept("c", "hit_3", seen=seen[other], tenant="beta"))
    other.keep(kept("d", "hit_4", seen=other.position()))
    await until(finds(one, "d", "hit_4"))
    assert pair.about() == ["hit_3", "hit_4"]


async def test_without_a_lease_nothing_is_served_and_nothing_asked(pair: Pair) -> None:
    one = await pair.more()
    one.keep(kept("a", "hit_1"))
    await held(one, "a", "hit_1")
    under_way = asyncio.create_task(one.fetch(OURS, "hit_1", now_us()))
    await asyncio.sleep(0)  # it was asked for, and the process stands still
    pair.clocks[0].ahead_s = LEASE_S + 1
    assert one.find_now(OURS, [key("a", OURS)], now_us()) is None
    assert one.fetch_now(OURS, "hit_1", now_us()) is None
    assert one.nearest(question("a", OURS), 8) == []
    assert await under_way is None
    await held(one, "a", "hit_1")


async def test_a_purge_that_the_server_lost_is_told_to_it_again(pair: Pair) -> None:
    """As after a failover to a replica that had not heard of it."""
    one, other = await pair.more(), await pair.more()
    for words, entry_id in (("a", "hit_1"), ("b", "hit_2")):
        one.keep(kept(words, entry_id, tenant=f"of {words}"))
        await held(other, words, entry_id)
    with closing(redis.Redis.from_url(pair.url, protocol=2)) as client:
        before = {name: client.dump(name) for name in client.keys(f"{pair.prefix}*")}
        assert (await one.purge(Purge(tenant="of a"))).acknowledged
        assert (await one.purge(Purge(entry_id="hit_2"))).acknowledged
        for name, value in before.items():
            client.restore(name, 0, value, replace=True)
        client.delete(f"{pair.prefix}floors")
        assert (
            client.exists(*(f"{pair.prefix}e:{tag(OURS)}:{entry_id}" for entry_id in ("hit_1", "hit_2"))) == 2
        )
        for it in (one, other):
            assert await it.fetch(OURS, "hit_1", now_us()) is None
            assert await it.fetch(OURS, "hit_2", now_us()) is None
        await until(lambda: bool(client.exists(f"{pair.prefix}floors")))
        await until(lambda: not client.exists(f"{pair.prefix}e:{tag(OURS)}:hit_2"))
    third = await pair.more()
    assert await third.fetch(OURS, "hit_1", now_us()) is None
    third.keep(kept("c", "hit_3", tenant="of a", seen=third.position()))
    for it in pair.caches:
        await until(finds(it, "c", "hit_3"))
        assert await find(it, "a") is None
