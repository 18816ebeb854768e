from __future__ import annotations

from collections.abc import Mapping

import pytest

from cache.bound.audit import Audit, BoundKey, Kind, Outcome, promise_of
from cache.bound.book import AuditBook, AuditStore
from cache.bound.sampling import SERVED_PPM
from cache.bound.state import NOTHING_KNOWN, PartitionState, merge
from cache.bound.status import Phase

PROMISE = promise_of(0.01)
SAME, DIFFERENT = Audit(Kind.SHADOW, Outcome.SAME), Audit(Kind.SERVED, Outcome.DIFFERENT)
K, L = BoundKey("k"), BoundKey("l")


class Shared:
    """An AuditStore in memory."""

    def __init__(self) -> None:
        self.states: dict[BoundKey, PartitionState] = {}

    async def exchange(
        self, process: str, own: Mapping[BoundKey, PartitionState]
    ) -> Mapping[BoundKey, PartitionState]:
        for key, state in own.items():
            assert all(name == process for name, _ in state.tallies)
            self.states[key] = merge(self.states.get(key, NOTHING_KNOWN), state)
        return {key: self.states[key] for key in own}


async def tick(book: AuditBook, store: AuditStore) -> None:
    book.learn(await store.exchange(book.process, book.due()))


def observed(book: AuditBook, times: int, audit: Audit = SAME, key: BoundKey = K) -> AuditBook:
    for _ in range(times):
        book.observe(key, audit, PROMISE)
    return book


def test_a_book_arms_and_disarms() -> None:
    book = observed(AuditBook("a"), 331)
    assert not book.armed(K, PROMISE)
    assert observed(book, 1).armed(K, PROMISE)
    assert not book.armed(L, PROMISE)
    assert not book.armed(K, promise_of(0.005))
    assert book.armed(K, PROMISE)
    assert not observed(book, 1, DIFFERENT).armed(K, PROMISE)
    assert book.share_ppm(K, PROMISE) > SERVED_PPM


def test_a_reset_disarms() -> None:
    book = observed(AuditBook("a"), 400)
    assert book.armed(K, PROMISE)
    book.reset(K)
    assert not book.armed(K, PROMISE)
    assert book.status(K, PROMISE).phase is Phase.COLLECTING


def test_the_least_recently_used_is_forgotten() -> None:
    book = observed(AuditBook("a", max_partitions=2), 332)
    observed(book, 1, key=L)
    book.armed(K, PROMISE)
    observed(book, 1, key=BoundKey("m"))
    assert (len(book), set(book.keys())) == (2, {K, "m"})
    assert book.armed(K, PROMISE)


def test_status_keeps_nothing() -> None:
    book = AuditBook("a")
    assert book.status(K, PROMISE).needed == 332
    assert len(book) == 0
    assert not book.due()


def test_a_book_holds_something() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        AuditBook("a", max_partitions=0)


async def test_processes_arm_together_and_disarm_together() -> None:
    store, one, other = Shared(), AuditBook("a"), AuditBook("b")
    observed(one, 200)
    observed(other, 140)
    for book in (one, other, one, other, one, other):
        await tick(book, store)
        book.armed(K, PROMISE)
    assert one.armed(K, PROMISE)
    assert other.armed(K, PROMISE)
    observed(one, 3, DIFFERENT)
    for book in (one, other):
        await tick(book, store)
    assert not other.armed(K, PROMISE)
    assert other.status(K, PROMISE).reason == "drift"
    observed(other, 5)
    assert other.status(K, PROMISE).audited == 5


async def test_telling_it_twice_changes_nothing() -> None:
    store, book = Shared(), observed(AuditBook("a"), 10)
    await tick(book, store)
    await tick(book, store)
    for _ in range(3):
        book.again({K: NOTHING_KNOWN})
        await tick(book, store)
    assert book.status(K, PROMISE).audited == 10
    assert store.states[K].total().audited == 10
    assert not book.due()


async def test_what_a_process_forgot_the_store_gives_back() -> None:
    store, book = Shared(), observed(AuditBook("a", max_partitions=1), 10)
    await tick(book, store)
    await tick(book, store)
    observed(book, 1, key=L)
    assert book.status(K, PROMISE).audited == 0
    observed(book, 2)
    await tick(book, store)
    await tick(book, store)
    assert book.status(K, PROMISE).audited == 12
    assert store.states[K].total().audited == 12


async def test_a_new_process_hears_what_others_found() -> None:
    store, old = Shared(), observed(AuditBook("a"), 400)
    await tick(old, store)
    await tick(old, store)
    new = AuditBook("b")
    assert not new.armed(K, PROMISE)
    await tick(new, store)
    assert new.armed(K, PROMISE)


def test_what_was_forgotten_meanwhile_is_not_learned() -> None:
    book = AuditBook("a")
    book.learn({K: observed(AuditBook("b"), 3).observe(K, SAME, PROMISE)})
    assert len(book) == 0
