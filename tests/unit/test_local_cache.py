from __future__ import annotations

import gc
import secrets
import tracemalloc
from collections.abc import Callable

import pytest

from cache.answers import Hit, Kept, Purge
from cache.base import EntryKey, PartitionKey, WrongPartition
from cache.stores.local import LocalCache
from cache.stores.shelf import ENTRY_OVERHEAD_BYTES, size_bytes
from tests.fakes.kept_answers import HOUR_US, NOW_US, entry, kept, key, partition, question

OURS, THEIRS = partition("ours"), partition("theirs")


class Clock:
    def __init__(self) -> None:
        self.us = NOW_US

    def __call__(self) -> int:
        return self.us


def cache(
    clock: Callable[[], int] | None = None, *, total: int = 10**6, tenant: int = 10**6, index: int = 10**6
) -> LocalCache:
    return LocalCache(
        max_bytes=total, max_tenant_bytes=tenant, max_index_bytes=index, now_us=clock or Clock()
    )


def find(it: LocalCache, words: str, of: PartitionKey = OURS, now_us: int = NOW_US) -> Hit | None:
    return it.find_now(of, [key(words, of), key("~" + words.lower(), of)], now_us)


def test_is_found_by_each_of_its_keys_and_says_by_which() -> None:
    it, it_is = cache(), entry("hit_1")
    it.keep(kept("Hello", it_is, OURS))
    assert find(it, "Hello") == Hit(it_is, 0)
    assert find(it, "HELLO") == Hit(it_is, 1)
    assert find(it, "Bye") is None
    assert it.find_now(THEIRS, [key("Hello", OURS)], NOW_US) is None


def test_a_neighbour_is_served_only_while_its_answer_is_there() -> None:
    it = cache()
    it.keep(kept("Hello", entry("hit_1"), OURS))
    (near,) = it.nearest(question("Hello", OURS), 8)
    assert (near.entry_id, near.text) == ("hit_1", "Hello")
    assert it.fetch_now(OURS, "hit_1", NOW_US) is not None
    assert it.fetch_now(THEIRS, "hit_1", NOW_US) is None
    assert it.fetch_now(OURS, "hit_1", NOW_US + HOUR_US) is None
    assert it.nearest(question("Hello", OURS), 8) == []
    assert it.status().entries == 0


def test_without_a_question_only_its_keys_find_it() -> None:
    it = cache()
    it.keep(kept("Hello", entry("hit_1"), OURS, asks=False))
    assert find(it, "Hello") is not None
    assert it.nearest(question("Hello", OURS), 8) == []


def test_a_fresh_answer_takes_the_place_of_the_old_one() -> None:
    it = cache()
    it.keep(kept("Hello", entry("hit_1"), OURS))
    it.keep(kept("Hello", entry("hit_2"), OURS))
    hit = find(it, "Hello")
    assert hit is not None
    assert hit.entry.id == "hit_2"
    assert it.fetch_now(OURS, "hit_1", NOW_US) is None
    assert [near.entry_id for near in it.nearest(question("Hello", OURS), 8)] == ["hit_2"]


def test_a_canonical_key_leads_to_the_newest_and_outlives_the_older() -> None:
    it = cache()
    it.keep(kept("Hello", entry("hit_1"), OURS))
    it.keep(kept("HELLO", entry("hit_2"), OURS))
    hit = find(it, "hello")
    assert hit is not None
    assert hit.entry.id == "hit_2"
    it.keep(kept("Hello", entry("hit_3"), OURS))
    assert find(it, "HELLO") is not None


def test_an_alias_leads_to_an_entry_as_long_as_it_lives() -> None:
    it = cache()
    it.keep(kept("Hello", entry("hit_1"), OURS))
    it.alias(OURS, key("Good day", OURS), "hit_1")
    it.alias(THEIRS, key("Good day", THEIRS), "hit_1")
    it.alias(OURS, key("Nothing", OURS), "hit_9")
    assert find(it, "Good day") is not None
    assert find(it, "Good day", THEIRS) is None
    assert find(it, "Nothing") is None
    it.keep(kept("Hello", entry("hit_2"), OURS))
    assert find(it, "Good day") is None


def test_aliases_of_one_entry_are_bounded() -> None:
    it = cache()
    it.keep(kept("Hello", entry("hit_1"), OURS))
    for n in range(100):
        it.alias(OURS, key(f"alias {n}", OURS), "hit_1")
    assert sum(find(it, f"alias {n}") is not None for n in range(100)) == 15


def test_a_tenant_that_fills_its_share_loses_its_own_entries() -> None:
    one = size_bytes(kept("x", entry("hit_00"), OURS).keys, entry("hit_00"))
    it = cache(tenant=3 * one)
    it.keep(kept("other", entry("hit_99", tenant="beta"), OURS))
    for n in range(3):
        it.keep(kept(f"words {n}", entry(f"hit_0{n}"), OURS))
    assert find(it, "words 0") is not None
    it.keep(kept("words 3", entry("hit_03"), OURS))
    there = [words for words in ("words 0", "words 1", "words 2", "words 3", "other") if find(it, words)]
    assert there == ["words 0", "words 2", "words 3", "other"]
    assert it.status().tenant_bytes == {"acme": 3 * one, "beta": one}
    assert len(it.nearest(question("words 1", OURS), 8)) == 4


def test_at_the_bound_over_all_the_least_recently_used_goes() -> None:
    one = size_bytes(kept("x", entry("hit_1"), OURS).keys, entry("hit_1"))
    it = cache(total=2 * one)
    for n, tenant in enumerate(["acme", "beta", "gamma"]):
        it.keep(kept(f"words {n}", entry(f"hit_{n}", tenant=tenant), OURS))
    assert [find(it, f"words {n}") is not None for n in range(3)] == [False, True, True]
    it.keep(kept("large", entry("hit_9", body=b"x" * 2 * one), OURS))
    assert find(it, "large") is None
    assert find(it, "words 2") is not None


@pytest.mark.parametrize(
    ("what", "left"),
    [
        (Purge(entry_id="hit_1"), {2, 3, 4}),
        (Purge(tenant="acme"), {3, 4}),
        (Purge(route="auto"), {2, 4}),
        (Purge(tenant="acme", route="auto"), {2, 3, 4}),
        (Purge(stored_before_us=NOW_US + 3), {3, 4}),
        (Purge(tenant="beta", stored_before_us=NOW_US + 4), {1, 2, 4}),
        (Purge(epoch_below=2), {3, 4}),
        (Purge(), set()),
    ],
)
async def test_a_purge_takes_what_matches_all_its_parts(what: Purge, left: set[int]) -> None:
    it = cache()
    tenants, routes, epochs = ("", "acme", "acme", "beta", "beta"), ("", "auto", "big") * 2, (0, 1, 1, 2, 3)
    for n, route in ((1, "auto"), (2, "big"), (3, "auto"), (4, "big")):
        made = entry(f"hit_{n}", tenant=tenants[n], route=route, epoch=epochs[n], stored_us=NOW_US + n)
        it.keep(kept(f"words {n}", made, OURS))
    assert routes
    purged = await it.purge(what)
    there = {n for n in range(1, 5) if find(it, f"words {n}", now_us=NOW_US + 10) is not None}
    assert there == left
    assert purged == (4 - len(left), True, "")
    assert {near.entry_id for near in it.nearest(question("words 1", OURS), 8)} == {f"hit_{n}" for n in left}


@pytest.mark.parametrize(
    "what", [Purge(entry_id="hit_1", tenant="acme"), Purge(stored_before_us=1, epoch_below=1)]
)
async def test_a_purge_that_is_unclear_is_refused(what: Purge) -> None:
    with pytest.raises(ValueError, match="purge: "):
        await cache().purge(what)


async def test_an_answer_bought_before_a_purge_is_not_kept_after_it() -> None:
    it = cache()
    seen = it.position()
    await it.purge(Purge(tenant="acme"))
    it.keep(kept("Hello", entry("hit_1"), OURS, seen=seen))
    it.keep(kept("Hello", entry("hit_2", tenant="beta"), THEIRS, seen=seen))
    assert find(it, "Hello") is None
    assert find(it, "Hello", THEIRS) is not None
    it.keep(kept("Hello", entry("hit_3"), OURS, seen=it.position()))
    assert find(it, "Hello") is not None


async def test_an_answer_of_a_purged_epoch_is_never_kept_again() -> None:
    it = cache()
    await it.purge(Purge(epoch_below=3))
    for epoch in (2, 3):
        it.keep(kept(f"epoch {epoch}", entry(f"hit_{epoch}", epoch=epoch), OURS, seen=it.position()))
    assert find(it, "epoch 2") is None
    assert find(it, "epoch 3") is not None


def test_a_question_of_another_partition_is_refused() -> None:
    made = kept("Hello", entry("hit_1"), OURS)._replace(question=question("Hello", THEIRS))
    with pytest.raises(WrongPartition):
        cache().keep(made)
    with pytest.raises(ValueError, match="without a key"):
        cache().keep(made._replace(keys=(), question=None))


async def test_storage_is_metered_in_whole_byte_seconds_and_given_until_booked() -> None:
    clock = Clock()
    it = cache(clock)
    made = kept("Hello", entry("hit_1"), OURS)
    size = size_bytes(made.keys, made.entry)
    it.keep(made)
    clock.us += 1_500_000
    (use,) = await it.take_storage()
    assert (use.tenant, use.byte_seconds) == ("acme", size * 3 // 2)
    clock.us += 2_000_000
    assert await it.take_storage() == [use]
    await it.booked([use.id])
    await it.purge(Purge())
    (rest,) = await it.take_storage()
    assert rest.id != use.id
    assert use.byte_seconds + rest.byte_seconds == size * 7 // 2
    await it.booked([rest.id])
    clock.us += 10_000_000
    assert await it.take_storage() == []


CLASSES = ("cache_read_tokens", "cache_write_tokens", "reasoning_tokens", "took_us")


def test_the_bound_counts_what_python_uses() -> None:
    number, body = 4_000, 100
    it = cache(total=10**9, tenant=10**9)
    gc.collect()
    tracemalloc.start()
    for n in range(number):
        made = entry(f"hit_{secrets.token_hex(13)}", body=secrets.token_bytes(body), stored_us=NOW_US + n)
        made = made._replace(
            **{name: 1_000 * at + n for at, name in enumerate(("input_tokens", "output_tokens", *CLASSES), 1)}
        )
        keys = (EntryKey(secrets.token_bytes(32)), EntryKey(secrets.token_bytes(32)))
        it.keep(Kept(PartitionKey(secrets.token_bytes(32)), keys, made, None, 0))
        del made, keys
    used = tracemalloc.get_traced_memory()[0] / number
    tracemalloc.stop()
    counted = it.status().tenant_bytes["acme"] / number
    overhead = used - (counted - ENTRY_OVERHEAD_BYTES)
    assert 0.8 * ENTRY_OVERHEAD_BYTES <= overhead <= ENTRY_OVERHEAD_BYTES, overhead
