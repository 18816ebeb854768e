from __future__ import annotations

import secrets
import tracemalloc

import pytest

from cache.base import Entry, EntryKey, PartitionKey
from cache.memory import MemoryStore, size_bytes

NOW_US = 1_767_225_600_000_000
PARTITION = PartitionKey(b"p" * 32)


def key(name: str) -> EntryKey:
    return EntryKey(name.encode().ljust(32, b"."))


def entry(body: bytes = b"{}", *, tenant: str = "acme", ttl_us: int = 1_000, id: str = "hit_1") -> Entry:
    return Entry(
        id=id,
        tenant=tenant,
        body=body,
        served_model="small",
        backend="gpu1",
        input_tokens=3,
        output_tokens=5,
        usage_known=True,
        stored_us=NOW_US,
        expires_us=NOW_US + ttl_us,
        stand_in=False,
    )


SIZE = size_bytes(PARTITION, key("a"), entry())


def test_gives_back_what_was_put_under_both_keys_only() -> None:
    store = MemoryStore(10_000)
    kept = entry()
    store.put(PARTITION, key("a"), kept)
    assert store.get(PARTITION, key("a"), NOW_US) is kept
    assert store.get(PARTITION, key("b"), NOW_US) is None
    assert store.get(PartitionKey(b"q" * 32), key("a"), NOW_US) is None


def test_an_entry_ends_with_its_time_and_frees_its_bytes() -> None:
    store = MemoryStore(10_000)
    store.put(PARTITION, key("a"), entry(ttl_us=1_000))
    assert store.get(PARTITION, key("a"), NOW_US + 999) is not None
    assert store.get(PARTITION, key("a"), NOW_US + 1_000) is None
    assert (len(store), store.bytes_used) == (0, 0)


def test_the_least_recently_used_goes_first() -> None:
    store = MemoryStore(3 * SIZE)
    for name in "abc":
        store.put(PARTITION, key(name), entry())
    store.get(PARTITION, key("a"), NOW_US)
    store.put(PARTITION, key("d"), entry())
    kept = {name for name in "abcd" if store.get(PARTITION, key(name), NOW_US)}
    assert kept == {"a", "c", "d"}
    assert store.bytes_used == 3 * SIZE


def test_a_newer_answer_takes_the_place_of_the_older() -> None:
    store = MemoryStore(10_000)
    store.put(PARTITION, key("a"), entry(b"x" * 900))
    store.put(PARTITION, key("a"), entry(b"y"))
    found = store.get(PARTITION, key("a"), NOW_US)
    assert found is not None
    assert found.body == b"y"
    assert store.bytes_used == size_bytes(PARTITION, key("a"), entry(b"y"))


def test_what_is_larger_than_the_bound_is_not_kept_and_pushes_nothing_out() -> None:
    store = MemoryStore(2 * SIZE)
    store.put(PARTITION, key("a"), entry())
    store.put(PARTITION, key("b"), entry(b"x" * 5_000))
    assert store.get(PARTITION, key("a"), NOW_US) is not None
    assert len(store) == 1


def test_an_answer_too_large_to_keep_still_ends_the_older_one() -> None:
    store = MemoryStore(2 * SIZE)
    store.put(PARTITION, key("a"), entry())
    store.put(PARTITION, key("a"), entry(b"x" * 5_000))
    assert (len(store), store.bytes_used) == (0, 0)


def test_a_bound_of_zero_keeps_nothing_and_a_negative_one_is_refused() -> None:
    store = MemoryStore(0)
    store.put(PARTITION, key("a"), entry())
    assert len(store) == 0
    with pytest.raises(ValueError, match="max_bytes is -1"):
        MemoryStore(-1)


def test_purging_drops_one_tenant_and_no_other() -> None:
    store = MemoryStore(100_000)
    for number in range(5):
        store.put(PARTITION, key(f"a{number}"), entry(tenant="acme"))
    store.put(PARTITION, key("b"), entry(tenant="beta"))
    assert store.purge_tenant("acme") == 5
    assert store.purge_tenant("acme") == 0
    assert store.purge_tenant("nobody") == 0
    assert (len(store), store.bytes_used) == (1, SIZE)
    assert store.get(PARTITION, key("b"), NOW_US) is not None


@pytest.mark.parametrize("count", [1_000, 6_000])
def test_bytes_used_is_what_the_process_really_spends(count: int) -> None:
    store = MemoryStore(1_000_000_000)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for number in range(count):
            partition, own = PartitionKey(secrets.token_bytes(32)), EntryKey(secrets.token_bytes(32))
            store.put(partition, own, entry(secrets.token_bytes(400), id=f"hit_{number:026d}"))
        spent = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert 0.75 * store.bytes_used <= spent <= 1.05 * store.bytes_used
