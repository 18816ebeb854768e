"""What two processes that share a Redis may rely on; a real server, no faults."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import closing

import pytest

from cache.answers import PENDING, Hit, Purge
from cache.stores import loading
from cache.stores.shared import SharedCache
from tests.fakes.kept_answers import key, partition, question
from tests.fakes.shared_caches import (
    OURS,
    SECRET,
    THEIRS,
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


async def test_what_one_keeps_the_other_finds_by_key_form_and_neighbour(pair: Pair) -> None:
    one, other = await pair.more(), await pair.more()
    one.keep(kept("Hello", "hit_1", body=b"hi"))
    await until(finds(other, "Hello", "hit_1"))
    hit = await find(other, "HELLO")
    assert hit is not None
    assert (hit.key, hit.entry.body) == (1, b"hi")
    await until(lambda: bool(other.nearest(question("Hello", OURS), 8)))
    (near,) = other.nearest(question("Hello", OURS), 8)
    assert (near.entry_id, near.text) == ("hit_1", "Hello")
    assert near.cosine == pytest.approx(1.0, abs=1e-3)
    assert await other.fetch(THEIRS, "hit_1", now_us()) is None
    assert await find(other, "Hello", THEIRS) is None


async def test_a_view_follows_what_comes_and_goes(pair: Pair) -> None:
    one, other = await pair.more(), await pair.more()
    one.keep(kept("a", "hit_1"))
    await held(other, "a", "hit_1")
    one.keep(kept("b", "hit_2"))
    await until(lambda: len(other.nearest(question("a", OURS), 8)) == 2)
    assert other.find_now(OURS, [key("c", OURS)], now_us()) is None, "a held partition knows what it lacks"
    one.keep(kept("a", "hit_3"))
    await until(finds(other, "a", "hit_3"))
    assert await other.fetch(OURS, "hit_1", now_us()) is None
    ids = {near.entry_id for near in other.nearest(question("a", OURS), 8)}
    assert ids == {"hit_2", "hit_3"}
    other.alias(OURS, key("z", OURS), "hit_2")
    await until(finds(one, "z", "hit_2"))
    third = await pair.more()
    await until(finds(third, "z", "hit_2"))
    await until(lambda: isinstance(third.find_now(OURS, [key("z", OURS)], now_us()), Hit))


async def test_a_large_partition_is_loaded_in_pages(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "WHOLE", 20)
    monkeypatch.setattr(loading, "PAGE", 7)
    monkeypatch.setattr(loading, "EXACT_ENTRIES", 50)
    one = await pair.more()
    for n in range(120):
        one.keep(kept(f"words {n}", f"hit_{n}"))
    await until(lambda: len(pair.about()) == 120)
    other = await pair.more()
    await held(other, "words 3", "hit_3")
    found = [other.nearest(question(f"words {n}", OURS), 1)[0].entry_id for n in range(120)]
    assert found == [f"hit_{n}" for n in range(120)]


async def test_an_entry_ends_with_its_time_here_and_there(pair: Pair) -> None:
    one, other = await pair.more(), await pair.more()
    one.keep(kept("a", "hit_1", ttl_us=300_000))
    await until(finds(other, "a", "hit_1"))
    await until(lambda: pair.about() == [])
    assert await find(one, "a") is None
    assert await find(other, "a") is None
    with closing(pair.server()) as client:
        left = {name.removeprefix(pair.prefix) for name in client.keys(f"{pair.prefix}*")}
    assert left <= {"state", "log", "procs", "use", "bs"}


async def test_a_tenant_that_fills_its_share_loses_its_own_oldest(pair: Pair) -> None:
    one = await pair.more(max_tenant_bytes=8_500)
    one.keep(kept("other", "hit_b", tenant="beta"))
    for n in range(4):
        one.keep(kept(f"words {n}", f"hit_{n}"))
        await until(finds(one, f"words {n}", f"hit_{n}"))
    assert pair.about() == ["hit_1", "hit_2", "hit_3", "hit_b"]
    one.keep(kept("large", "hit_9", body=b"x" * 9_000))
    one.keep(kept("words 4", "hit_4"))
    await until(finds(one, "words 4", "hit_4"))
    assert "hit_9" not in pair.about()


async def test_a_server_that_was_emptied_is_followed_anew(pair: Pair) -> None:
    one, other = await pair.more(), await pair.more()
    one.keep(kept("a", "hit_1"))
    await held(other, "a", "hit_1")
    with closing(pair.server()) as client:
        client.delete(*client.keys(f"{pair.prefix}*"))
    await until(lambda: other.find_now(OURS, [key("a", OURS)], now_us()) in (PENDING, None))
    one.keep(kept("b", "hit_2", seen=one.position()))

    async def again() -> bool:
        one.keep(kept("b", "hit_2", seen=one.position()))
        return await finds(other, "b", "hit_2")()

    await until(again)
    assert await find(other, "a") is None
    assert pair.states == []


async def test_records_that_are_lost_are_noticed(pair: Pair) -> None:
    one, other = await pair.more(), await pair.more()
    one.keep(kept("a", "hit_1"))
    await held(other, "a", "hit_1")
    with closing(pair.server()) as client:
        client.hincrby(f"{pair.prefix}state", "n", 5)
    one.keep(kept("b", "hit_2"))
    await until(finds(other, "b", "hit_2"))
    await held(other, "a", "hit_1")
    assert {near.entry_id for near in other.nearest(question("a", OURS), 8)} == {"hit_1", "hit_2"}


async def test_records_of_another_version_do_not_stop_anybody(pair: Pair) -> None:
    one, other = await pair.more(), await pair.more()
    with closing(pair.server()) as client:
        for fields in ({"op": "x"}, {"op": "a", "h": "?", "id": "1", "r": ""}, {"what": "else"}):
            n = client.hincrby(f"{pair.prefix}state", "n", 1)
            client.xadd(f"{pair.prefix}log", {"n": n, **fields})
    one.keep(kept("a", "hit_1"))
    await until(finds(other, "a", "hit_1"))


async def test_storage_adds_up_to_what_was_held(pair: Pair) -> None:
    one, other = await pair.more(), await pair.more()
    one.keep(kept("a", "hit_1"))
    await until(finds(one, "a", "hit_1"))
    began_s = time.monotonic()
    await asyncio.sleep(0.4)  # the server's clock cannot be moved
    first = await one.take_storage()
    ended_s = time.monotonic()
    assert [use.tenant for use in first] == ["acme"]
    assert await other.take_storage() == first
    with closing(pair.server()) as client:
        size = int(client.hget(f"{pair.prefix}use", "acme").split()[0])
    assert size * 0.35 <= first[0].byte_seconds <= size * (ended_s - began_s + 0.5)
    await other.booked([first[0].id])
    (second,) = await one.take_storage()
    assert second.id != first[0].id
    assert second.byte_seconds < size


async def test_the_size_counted_is_what_the_server_uses(pair: Pair) -> None:
    one = await pair.more(max_tenant_bytes=10**8)
    number = 1_000
    with closing(pair.server()) as client:
        before = client.info("memory")["used_memory"]
        for n in range(number):
            one.keep(kept(f"words {n}", f"hit_{n:026}", partition(f"p{n}"), body=b"x" * 300))
        await until(lambda: len(pair.about()) == number)
        log = client.memory_usage(f"{pair.prefix}log", samples=0)
        used = (client.info("memory")["used_memory"] - before - log) / number
        counted = int(client.hget(f"{pair.prefix}use", "acme").split()[0]) / number
    assert 0.8 * counted <= used <= counted, (used, counted)


@pytest.mark.parametrize("words", [("short", b"k"), ("blank", b"k" * 32)])
async def test_what_cannot_be_named_is_refused(pair: Pair, words: tuple[str, bytes]) -> None:
    it = await pair.more()
    bad = kept("a", "hit 1" if words[0] == "blank" else "hit_1")
    with pytest.raises(ValueError, match="32 bytes"):
        it.keep(bad if words[0] == "blank" else bad._replace(keys=(key("x")[:3],)))  # type: ignore[arg-type]


def test_an_address_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^cache: "):
        SharedCache("http://here", secret=SECRET, max_tenant_bytes=0, max_view_bytes=0, max_hot_bytes=0)


async def test_a_server_that_is_away_makes_misses_and_one_line(unused_port: int) -> None:
    pair = Pair(f"redis://127.0.0.1:{unused_port}/0")
    it = await pair.more()
    assert await find(it, "a") is None
    assert it.nearest(question("a", OURS), 8) == []
    it.keep(kept("a", "hit_1"))
    it.alias(OURS, key("b", OURS), "hit_1")
    purged = await it.purge(Purge())
    assert not purged.acknowledged
    assert "connect" in purged.cause.lower()
    assert await it.take_storage() == []
    await it.booked(["x"])
    assert len(pair.states) == 1
    assert it.status().away == pair.states[0]
    await it.aclose()


@pytest.fixture
def unused_port() -> int:
    from tests.redis_server import free_port

    return free_port()
