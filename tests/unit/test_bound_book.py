from __future__ import annotations

from collections.abc import Mapping

import pytest

from cache.base import EntryKey, PartitionKey
from cache.bound.aliases import AliasBook
from cache.bound.audit import Audit, BoundKey, Kind, Outcome, promise_of
from cache.bound.book import AuditBook, AuditStore
from cache.bound.sampling import SERVED_PPM
from cache.bound.savings import Savings
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


P, Q = PartitionKey(b"p" * 32), PartitionKey(b"q" * 32)
ASKED, OTHER = EntryKey(b"a" * 32), EntryKey(b"o" * 32)


def test_a_confirmed_question_leads_to_its_entry_in_its_partition() -> None:
    book = AliasBook()
    book.confirm(P, ASKED, "hit_1", expires_us=100)
    assert book.find(P, ASKED, now_us=99) == "hit_1"
    assert book.find(Q, ASKED, now_us=99) is None
    assert book.find(P, OTHER, now_us=99) is None


def test_an_alias_ends_with_its_time() -> None:
    book = AliasBook()
    book.confirm(P, ASKED, "hit_1", expires_us=100)
    assert book.find(P, ASKED, now_us=100) is None
    assert len(book) == 0


def test_an_alias_dies_with_its_entry() -> None:
    book = AliasBook()
    book.confirm(P, ASKED, "hit_1", 100)
    book.confirm(P, OTHER, "hit_1", 100)
    book.confirm(Q, ASKED, "hit_2", 100)
    assert book.purge_entry("hit_1") == 2
    assert book.purge_entry("hit_1") == 0
    assert book.find(P, ASKED, 1) is None
    assert book.find(Q, ASKED, 1) == "hit_2"


def test_a_later_confirmation_takes_the_place_of_an_older_one() -> None:
    book = AliasBook()
    book.confirm(P, ASKED, "hit_1", 100)
    book.confirm(P, ASKED, "hit_2", 200)
    assert book.find(P, ASKED, 150) == "hit_2"
    assert book.purge_entry("hit_1") == 0
    book.forget(P, ASKED)
    book.forget(P, ASKED)
    assert len(book) == 0


def test_aliases_are_bounded_and_the_unused_go_first() -> None:
    book = AliasBook(max_aliases=2)
    book.confirm(P, ASKED, "hit_1", 100)
    book.confirm(P, OTHER, "hit_2", 100)
    book.find(P, ASKED, 1)
    book.confirm(Q, ASKED, "hit_3", 100)
    assert (book.find(P, ASKED, 1), book.find(P, OTHER, 1), len(book)) == ("hit_1", None, 2)
    book.clear()
    assert len(book) == 0
    assert book.purge_entry("hit_1") == 0


def test_a_book_of_no_aliases_keeps_none() -> None:
    book = AliasBook(max_aliases=0)
    book.confirm(P, ASKED, "hit_1", 100)
    assert book.find(P, ASKED, 1) is None
    with pytest.raises(ValueError, match="negative"):
        AliasBook(max_aliases=-1)


def test_savings_are_net_of_audits_and_add_up() -> None:
    one = Savings().with_hit("exact", 100).with_hit("semantic", 50).with_audit(30)
    other = Savings().with_hit("canonical", 7).with_hit("alias", 5).with_audit(200)
    assert (one.gross_nanos, one.net_nanos) == (150, 120)
    both = one.plus(other)
    assert both == Savings(100, 7, 5, 50, 230)
    assert both.net_nanos == one.net_nanos + other.net_nanos == -68


@pytest.mark.parametrize("wrong", [lambda: Savings().with_hit("exact", -1), lambda: Savings().with_audit(-1)])
def test_negative_savings_are_refused(wrong: object) -> None:
    assert callable(wrong)
    with pytest.raises(ValueError, match="0 or more"):
        wrong()
