"""The keeper of audits, with a store in memory that goes away and forgets."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

import pytest

from cache.bound.audit import Audit, BoundKey, Kind, Outcome, promise_of
from cache.bound.book import AuditBook, AuditsAway
from cache.bound.keeper import SETTLING, AuditKeeper
from cache.bound.state import NOTHING_KNOWN, PartitionState, merge

PROMISE = promise_of(0.01)
SAME, DIFFERENT = Audit(Kind.SHADOW, Outcome.SAME), Audit(Kind.SERVED, Outcome.DIFFERENT)
K = BoundKey("k")


class Shared:
    """What all processes' stores look at."""

    def __init__(self) -> None:
        self.states: dict[BoundKey, PartitionState] = {}
        self.known: set[str] = set()
        self.away = ""

    def empty(self) -> None:
        self.states.clear()
        self.known.clear()


class Store:
    """One process's."""

    def __init__(self, shared: Shared) -> None:
        self.shared = shared
        self.calls = 0
        self.closed = self.spoke = self.lost = False

    async def exchange(
        self, process: str, own: Mapping[BoundKey, PartitionState]
    ) -> Mapping[BoundKey, PartitionState]:
        self.calls += 1
        if self.shared.away:
            raise AuditsAway(self.shared.away)
        self.lost |= self.spoke and process not in self.shared.known
        self.spoke = True
        self.shared.known.add(process)
        for key, state in own.items():
            self.shared.states[key] = merge(self.shared.states.get(key, NOTHING_KNOWN), state)
        return {key: self.shared.states[key] for key in own}

    def forgot(self) -> bool:
        lost, self.lost = self.lost, False
        return lost

    async def aclose(self) -> None:
        self.closed = True


def observed(book: AuditBook, times: int, audit: Audit = SAME) -> AuditBook:
    for _ in range(times):
        book.observe(K, audit, PROMISE)
    return book


async def ticks(times: int, *keepers: AuditKeeper) -> None:
    for _ in range(times):
        for keeper in keepers:
            await keeper.tick()


async def test_what_could_not_be_told_is_told_later_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    shared, book = Shared(), observed(AuditBook("a"), 7)
    keeper = AuditKeeper(book, Store(shared))
    shared.away = "the cable"
    await ticks(3, keeper)
    assert keeper.away == "the cable"
    shared.away = ""
    await ticks(3, keeper)
    assert keeper.away == ""
    assert shared.states[K].total().audited == 7
    assert [record.getMessage().partition(",")[0] for record in caplog.records] == [
        "cache audits: the store is away",
        "cache audits: shared again",
    ]


async def test_a_store_that_lost_everything_is_told_it_again_and_believed_later() -> None:
    shared = Shared()
    good, bad = observed(AuditBook("a"), 400), observed(AuditBook("b"), 40, DIFFERENT)
    keepers = AuditKeeper(good, Store(shared)), AuditKeeper(bad, Store(shared))
    await ticks(2, *keepers)
    good.armed(K, PROMISE)
    await ticks(1, *keepers)
    before = shared.states[K].total()
    assert (before.audited, before.wrong) == (440, 40)
    shared.empty()
    for _ in range(SETTLING):
        await keepers[0].tick()
        assert not good.armed(K, PROMISE), "without the others' wrong hits it would be"
        await keepers[1].tick()
    await ticks(2, *keepers)
    assert shared.states[K].total() == before
    assert not good.armed(K, PROMISE)


def test_an_epoch_that_ended_stays_ended_though_the_store_lost_it() -> None:
    book = observed(AuditBook("a"), 400)
    book.due()
    other = AuditBook("b")
    other.reset(K)
    book.learn({K: other.observe(K, DIFFERENT, PROMISE)})
    assert book.status(K, PROMISE).audited == 1
    book.learn({K: NOTHING_KNOWN})
    assert not book.armed(K, PROMISE), "400 right ones of the epoch before"
    assert book.status(K, PROMISE).audited == 0
    told = book.due()[K].own("a")
    assert told is not None
    assert told.epoch == 2, "and the others hear of it"


async def test_it_runs_until_closed_and_tells_the_last_before() -> None:
    slept: asyncio.Queue[float] = asyncio.Queue()

    async def sleep(seconds: float) -> None:
        await slept.put(seconds)
        if slept.qsize() > 1:
            await asyncio.Event().wait()

    shared, book = Shared(), AuditBook("a")
    store = Store(shared)
    keeper = AuditKeeper(book, store, every_s=3.0, sleep=sleep)
    observed(book, 1)
    await keeper.start()
    assert await slept.get() == 3.0
    assert await slept.get() == 3.0
    observed(book, 4)
    await keeper.aclose()
    assert store.closed
    assert shared.states[K].total().audited == 5


async def test_closing_waits_for_no_store_that_is_away() -> None:
    shared = Shared()
    store = Store(shared)
    shared.away = "gone"
    keeper = AuditKeeper(observed(AuditBook("a"), 1), store)
    await keeper.start()
    await keeper.aclose()
    assert store.closed
    assert store.calls == 1


class Slow(Store):
    """Never answers."""

    async def exchange(
        self, process: str, own: Mapping[BoundKey, PartitionState]
    ) -> Mapping[BoundKey, PartitionState]:
        await asyncio.Event().wait()
        return {}


async def test_what_was_under_way_when_it_was_broken_off_is_still_to_be_told() -> None:
    book = observed(AuditBook("a"), 1)
    task = asyncio.create_task(AuditKeeper(book, Slow(Shared())).tick())
    await asyncio.sleep(0)
    assert not book.due()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert list(book.due()) == [K]
