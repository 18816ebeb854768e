"""Audits in a real Redis: what processes that share them may rely on."""

from __future__ import annotations

import asyncio
import itertools
import logging
import random
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing

import pytest
import redis

from cache.bound.audit import Audit, BoundKey, Kind, Outcome, promise_of
from cache.bound.book import AuditBook, AuditsAway
from cache.bound.keeper import SETTLING, AuditKeeper
from cache.bound.state import GONE, NOTHING_KNOWN, PartitionState, Tally, fold, from_fields, summed, to_fields
from cache.stores.audit_script import FOLDED_PER_CALL, KEPT_S, SILENT_MS, WAS_KEPT_S
from cache.stores.audits import KEYS_PER_CALL, RedisAuditStore, makes_sense
from tests import redis_server

PROMISE = promise_of(0.01)
SAME, DIFFERENT = Audit(Kind.SHADOW, Outcome.SAME), Audit(Kind.SERVED, Outcome.DIFFERENT)
GREY = Audit(Kind.GREY, Outcome.SAME)
K, L = BoundKey("t:acme:chat:v1"), BoundKey("p:00ff:v1")
_numbers = itertools.count()


class Place:
    """Processes that share, and a look at the server."""

    def __init__(self, url: str) -> None:
        self.url, self.prefix = url, f"{{weir}}:audits{next(_numbers)}:"
        self.stores: list[RedisAuditStore] = []
        self.client = redis.Redis.from_url(url, decode_responses=True, protocol=2)

    def store(self, within_s: float = 5.0) -> RedisAuditStore:
        self.stores.append(RedisAuditStore(self.url, prefix=self.prefix, within_s=within_s))
        return self.stores[-1]

    def process(self, name: str) -> tuple[AuditBook, AuditKeeper]:
        book = AuditBook(name)
        return book, AuditKeeper(book, self.store())

    def hash(self, key: BoundKey) -> str:
        return f"{self.prefix}audit:{key}"

    def stored(self, key: BoundKey = K) -> PartitionState:
        found = self.client.hgetall(self.hash(key))
        return from_fields({field: int(value) for field, value in found.items()})

    def silence(self, *processes: str) -> None:
        """They were last heard of more than a day ago."""
        long_ago = time.time_ns() // 1_000_000 - SILENT_MS - 60_000
        self.client.zadd(f"{self.prefix}audits:heard", dict.fromkeys(processes, long_ago))


@pytest.fixture
async def place(redis_url: str) -> AsyncIterator[Place]:
    made = Place(redis_url)
    yield made
    for store in made.stores:
        await store.aclose()
    made.client.close()


def observed(book: AuditBook, times: int, audit: Audit = SAME, key: BoundKey = K) -> AuditBook:
    for _ in range(times):
        book.observe(key, audit, PROMISE)
    return book


def looked_at(*books: AuditBook, key: BoundKey = K) -> None:
    for book in books:
        book.armed(key, PROMISE)


async def ticks(times: int, *keepers: AuditKeeper) -> None:
    for _ in range(times):
        for keeper in keepers:
            await keeper.tick()


def total(book: AuditBook, key: BoundKey = K) -> tuple[int, int]:
    found = book.status(key, PROMISE)
    return found.audited, found.wrong


@pytest.mark.parametrize("seed", range(4))
async def test_processes_come_to_the_same_sums_in_any_order(place: Place, seed: int) -> None:
    processes = [place.process(name) for name in "abc"]
    draw = random.Random(seed)
    for _ in range(40):
        book, keeper = draw.choice(processes)
        if draw.random() < 0.6:
            observed(book, 3, draw.choice([SAME, SAME, SAME, DIFFERENT, GREY]), draw.choice([K, L]))
        else:
            await keeper.tick()
    for _ in range(3):
        for book, keeper in processes:
            looked_at(book, key=K)
            looked_at(book, key=L)
            await keeper.tick()
    for key in (K, L):
        sums = {book.status(key, PROMISE) for book, _ in processes}
        assert len(sums) == 1
        assert (sums.pop().audited, place.stored(key).total().audited) == (
            place.stored(key).total().audited,
        ) * 2
        assert to_fields(place.stored(key)) == {
            field: int(value) for field, value in place.client.hgetall(place.hash(key)).items()
        }


async def test_telling_it_again_or_late_changes_nothing(place: Place) -> None:
    store = place.store()
    newer = PartitionState((("a", Tally(audited=10, different=1, low=-80)),))
    for told in (newer, newer, PartitionState((("a", Tally(audited=9, low=-90)),)), NOTHING_KNOWN):
        assert await store.exchange("a", {K: told}) == {K: newer}
    later = PartitionState((("a", Tally(epoch=2)),))
    assert await store.exchange("a", {K: later}) == {K: later}
    assert await store.exchange("a", {K: newer}) == {K: later}
    assert place.stored() == later


async def test_a_process_that_starts_anew_adds_to_what_it_was(place: Place) -> None:
    old, keeper = place.process("host/1")
    observed(old, 300)
    await ticks(2, keeper)
    new, keeper = place.process("host/2")
    observed(new, 40)
    await ticks(3, keeper)
    assert total(new) == (340, 0)
    assert new.armed(K, PROMISE)
    assert place.stored().own("host/1") == place.stored().total()._replace(
        audited=300, low=-4_500_000, armed=0
    )


async def test_an_emptied_store_is_healed_by_telling_again(place: Place) -> None:
    (one, keep_one), (other, keep_other) = place.process("a"), place.process("b")
    observed(one, 400)
    observed(other, 30, DIFFERENT)
    observed(other, 5, key=L)
    await ticks(2, keep_one, keep_other)
    looked_at(one, other)
    await ticks(1, keep_one, keep_other)
    before = place.stored(K), place.stored(L), total(one)
    place.client.flushdb()
    for _ in range(SETTLING + 1):
        await ticks(1, keep_one, keep_other)
        assert not one.armed(K, PROMISE)
    assert (place.stored(K), place.stored(L), total(one)) == before


def some_tally(draw: random.Random) -> Tally:
    audited, grey = draw.randrange(1000), draw.randrange(50)
    different = draw.randrange(audited + 1)
    return Tally(
        draw.randint(1, 2), audited, different, draw.randrange(audited - different + 1), grey,
        draw.randrange(grey + 1), -draw.randrange(10**10), draw.randrange(2), draw.randrange(3),
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(6))
async def test_folding_is_exact(place: Place, seed: int) -> None:
    """As `fold` does it, whichever goes first, and also when another goes later."""
    draw = random.Random(seed)
    keys = [BoundKey(f"k{number}") for number in range(FOLDED_PER_CALL + 10)]
    told: dict[BoundKey, dict[str, Tally]] = {key: {} for key in keys}
    store = place.store()
    for name in ("a", "b", "c", "live"):
        own = {key: some_tally(draw) for key in keys if draw.random() < 0.8}
        for key, tally in own.items():
            told[key][name] = tally
        await store.exchange(name, {key: PartitionState(((name, tally),)) for key, tally in own.items()})
    states = {key: PartitionState(tuple(sorted(tallies.items()))) for key, tallies in told.items()}
    for gone in ("b", "ac"):
        place.silence(*gone)
        for _ in range(2 * len(gone)):
            await store.exchange("live", {})
        states = {key: fold(state, gone) for key, state in states.items()}
        assert {key: place.stored(key) for key in keys} == states
    assert await store.exchange("live", dict.fromkeys(keys, NOTHING_KNOWN)) == states
    assert place.client.zrange(f"{place.prefix}audits:heard", 0, -1) == ["live"]


async def test_restarts_do_not_make_a_hash_grow(place: Place) -> None:
    for number in range(6):
        book, keeper = place.process(f"p{number}")
        observed(book, 10)
        await ticks(2, keeper)
        place.silence(f"p{number}")
    book, keeper = place.process("last")
    looked_at(book)
    await ticks(6, keeper)
    looked_at(book)
    await ticks(1, keeper)
    assert [name for name, _ in place.stored().tallies] == [GONE]
    assert total(book) == (60, 0)


async def test_who_was_taken_for_gone_and_comes_back_counts_once(place: Place) -> None:
    (back, keep_back), (other, keep_other) = place.process("back"), place.process("other")
    observed(back, 10)
    observed(back, 2, DIFFERENT)
    observed(other, 5)
    await ticks(3, keep_back, keep_other)
    for more in range(1, 4):
        place.silence("back")
        await ticks(2, keep_other)
        assert [name for name, _ in place.stored().tallies] == [GONE, "other"]
        observed(back, 1)
        looked_at(other)
        await ticks(SETTLING + 2, keep_back, keep_other)
        looked_at(back, other)
        await ticks(1, keep_back, keep_other)
        assert total(back) == total(other) == (17 + more, 2)
        assert place.stored().own("back") == Tally(audited=1, low=place.stored().total().low)
    new = AuditBook("back", max_partitions=1)  # as if it had forgotten the partition meanwhile
    observed(new, 4)
    await ticks(3, AuditKeeper(new, place.store()))
    assert (total(new), place.stored().total().audited) == ((24, 2), 24)


async def test_everything_has_a_time_to_live_that_use_renews(place: Place) -> None:
    book, keeper = place.process("a")
    observed(book, 1)
    await ticks(2, keeper)
    keys = list(place.client.scan_iter(f"{place.prefix}*"))
    assert len(keys) == 3
    for key in keys:
        assert KEPT_S - 60 < place.client.ttl(key) <= KEPT_S
        place.client.expire(key, 100)
    looked_at(book)
    await ticks(1, keeper)
    assert all(place.client.ttl(key) > KEPT_S - 60 for key in keys)
    place.silence("a")
    await place.store().exchange("b", {})
    assert 0 < place.client.ttl(f"{place.prefix}audits:was:a") <= WAS_KEPT_S


STRANGE = {
    "x/audited": "many",
    "x/epoch": "1",
    "y/audited": "3",
    "y/different": "4",
    "z/audited": "1" * 16,
    "w/armed": "2",
    "v/epoch": "0",
    "u/low": "5",
    "nonsense": "1",
    "/audited": "1",
    "a/later": "1",
    "gone/grey_same": "-1",
}


async def test_what_makes_no_sense_is_passed_over_and_named_once(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    store, own = place.store(), PartitionState((("a", Tally(audited=5)),))
    place.client.hset(place.hash(K), mapping={**STRANGE, "a/audited": "broken", "good/audited": "2"})
    place.client.set(place.hash(L), "a text")
    place.client.hset(place.hash(BoundKey("m")), b"\xff\xfe", b"\xff")
    for _ in range(3):
        heard = await store.exchange("a", {K: own, L: own, BoundKey("m"): own})
        assert heard[K] == PartitionState((("a", Tally(audited=5)), ("good", Tally(audited=2))))
        assert (heard[L], heard[BoundKey("m")]) == (NOTHING_KNOWN, own)
    (line,) = [record.getMessage() for record in caplog.records]
    assert "3 keys" in line
    for key in (K, L, BoundKey("m")):
        place.client.delete(place.hash(key))
    assert await store.exchange("a", {K: own, L: own, BoundKey("m"): own}) == dict.fromkeys(heard, own)
    assert caplog.records[-1].getMessage() == "cache audits: all that is stored makes sense again"
    assert len(caplog.records) == 2


async def test_folding_passes_over_what_makes_no_sense(place: Place) -> None:
    store = place.store()
    for name in ("x", "y", "fine"):
        own = PartitionState(((name, Tally(audited=5)),))
        await store.exchange(name, {K: own, L: own})
    place.client.hset(place.hash(K), mapping={"x/audited": "-1", "y/low": "deep", "gone/audited": "?"})
    place.client.delete(place.hash(L))
    place.client.set(place.hash(L), "a text")
    place.silence("x", "y", "fine")
    for _ in range(4):
        await store.exchange("live", {})
    assert place.stored() == PartitionState(((GONE, Tally(audited=5)),))


async def test_a_foreign_key_in_the_way_of_the_list_is_a_failure_like_others(place: Place) -> None:
    place.client.set(f"{place.prefix}audits:heard", "a text")
    with pytest.raises(AuditsAway, match="WRONGTYPE"):
        await place.store().exchange("a", {})
    place.client.delete(f"{place.prefix}audits:heard")
    assert await place.stores[0].exchange("a", {}) == {}


async def test_many_keys_take_several_calls(place: Place) -> None:
    keys = [BoundKey(f"k{number}") for number in range(2 * KEYS_PER_CALL + 1)]
    own = {key: PartitionState((("a", Tally(audited=at)),)) for at, key in enumerate(keys)}
    store = place.store()
    assert await store.exchange("a", own) == own
    assert await place.store().exchange("b", dict.fromkeys(keys, NOTHING_KNOWN)) == own
    assert not store.forgot()
    place.client.flushdb()
    assert await store.exchange("a", dict.fromkeys(keys, NOTHING_KNOWN)) == dict.fromkeys(keys, NOTHING_KNOWN)
    assert (store.forgot(), store.forgot()) == (True, False)


async def test_a_name_that_is_taken_is_refused(place: Place) -> None:
    with pytest.raises(ValueError, match="no more"):
        await place.store().exchange(GONE, {})
    with pytest.raises(ValueError, match="cache: an address begins"):
        RedisAuditStore("http://somewhere")


def test_whatever_audits_come_to_makes_sense() -> None:
    draw = random.Random(1)
    book = observed(AuditBook("a"), 400)
    for _ in range(500):
        outcome = draw.choices(list(Outcome), [20, 1, 1])[0]
        state = book.observe(K, Audit(draw.choice(list(Kind)), outcome), PROMISE)
        assert makes_sense(state.total())
        assert makes_sense(summed([state.total(), some_tally(draw)]))
    assert state.total().epoch > 1


@pytest.fixture
def own_server() -> Iterator[redis_server.Server]:
    with redis_server.server() as running:
        yield running


async def test_a_frozen_or_killed_server_costs_a_bounded_time_and_nothing_else(
    own_server: redis_server.Server,
) -> None:
    book = AuditBook("a")
    keeper = AuditKeeper(book, RedisAuditStore(own_server.url, within_s=0.1))
    observed(book, 10)
    await ticks(2, keeper)
    own_server.freeze()
    observed(book, 5)
    for _ in range(3):
        async with asyncio.timeout(1.0):
            await keeper.tick()
        assert "within 0.1 s" in keeper.away
    own_server.thaw()
    own_server.kill()
    async with asyncio.timeout(1.0):
        await keeper.tick()
    assert keeper.away
    own_server.start()
    async with asyncio.timeout(10.0):  # a busy machine may be late once or twice
        await keeper.tick()
        while keeper.away or book.due():
            await asyncio.sleep(0)
            looked_at(book)
            await keeper.tick()
    with closing(own_server.client()) as client:
        assert client.hget(f"{{weir}}:cache:audit:{K}", "a/audited") == "15"
    own_server.freeze()
    await keeper.start()
    async with asyncio.timeout(1.5):
        await keeper.aclose()
