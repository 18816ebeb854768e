"""One suite for both states: what several desks that share one may rely on. Leases end by the state's clock,
so desks on Redis have leases of a few hundredths of a second here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from metering.budgets.desk import BudgetDesk
from metering.budgets.memory_store import MemoryStore
from metering.budgets.model import Selector, Subject
from metering.budgets.redis_store import RedisStore
from metering.budgets.refusal import Refused
from metering.budgets.store import SeedAmount, SeedAsk, Seeds, Store
from metering.ledger import LedgerUnavailable
from tests.fakes.budgets import ALICE, BOB, Heard, MovedClock, bound, budget, desk, quiet, the

TTL_S = 0.06


@dataclass
class Place:
    kind: str
    clock: MovedClock
    stores: list[Store] = field(default_factory=list)
    url: str = ""

    def desk(self, process: str, heard: Heard | None = None, **more: Any) -> BudgetDesk:
        if self.kind == "redis" or not self.stores:
            self.stores.append(
                RedisStore(self.url, settle_in_us=0, patience_s=5)
                if self.kind == "redis"
                else MemoryStore(self.clock)
            )
        return desk(self.clock, self.stores[-1], process, heard, ttl_s=more.pop("ttl_s", 5.0), **more)

    async def outlive_leases(self, but: Sequence[BudgetDesk] = ()) -> None:
        """All leases of TTL_S end."""
        self.clock.advance(TTL_S * 2)
        if self.kind == "redis":
            await asyncio.sleep(TTL_S * 2)  # the server's clock cannot be moved


@pytest.fixture(params=["memory", "redis"])
async def place(request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    url = request.getfixturevalue("redis_url") if request.param == "redis" else ""
    made = Place(request.param, MovedClock(), url=url)
    if made.kind == "redis":
        import time

        made.clock = MovedClock(time.time_ns())
    yield made
    for store in made.stores:
        await store.aclose()


class Ledger:
    """A seeder that counts what it is asked."""

    def __init__(self, sums: dict[str, int] | None = None) -> None:
        self.sums = sums or {}
        self.asked: list[SeedAsk] = []
        self.away = False

    async def __call__(self, asks: Sequence[SeedAsk]) -> Sequence[Seeds]:
        self.asked += asks
        if self.away:
            raise LedgerUnavailable("not now")
        found = []
        for ask in asks:
            cut = {process for process, _ in ask.cuts}
            wanted = {p: n for p, n in self.sums.items() if p not in cut and ask.process in (None, p)}
            found.append({(): {process: SeedAmount(amount, 0) for process, amount in wanted.items()}})
        return found


async def test_two_processes_share_one_limit(place: Place) -> None:
    """bifrost#3547, grob#566: a $100 cap on two replicas is not a $200 cap."""
    one, two = place.desk("p1"), place.desk("p2")
    for it in (one, two):
        it.use([budget(1_000)])
    asks = [it.hold(ALICE, bound(30), place.clock.now_us) for it in (one, two) for _ in range(30)]
    answers = await asyncio.gather(*asks, return_exceptions=True)
    holds = [answer for answer in answers if not isinstance(answer, BaseException)]
    assert len(holds) <= 33
    assert len(holds) >= 32
    for hold in holds:
        hold.settle(10, 0)
    await quiet([one, two], place.clock)
    for it in (one, two):
        row = the(it.standings(place.clock.now_us))
        assert (row.spent, row.reserved, row.remaining) == (10 * len(holds), 0, 1_000 - 10 * len(holds))


async def test_almost_all_of_a_budget_can_be_used(place: Place) -> None:
    one, two = place.desk("p1"), place.desk("p2")
    for it in (one, two):
        it.use([budget(100_000)])
    sizes = [17, 230, 1_999, 540, 3]
    spent, refused = 0, 0
    while refused < 200 and spent < 99_990:
        for it in (one, two):
            size = sizes[(spent + refused) % len(sizes)]
            try:
                hold = await it.hold(ALICE, bound(size), place.clock.now_us)
            except Refused:
                refused += 1
            else:
                hold.settle(size, 0)
                spent += size
        if refused:
            await quiet([one, two], place.clock)
    assert 97_000 <= spent <= 100_000


async def test_the_dead_are_charged_what_was_expected_and_hold_nothing(place: Place) -> None:
    """litellm#27639: reservations of a process that is gone must not refuse for ever."""
    dead, live = place.desk("p1", ttl_s=TTL_S), place.desk("p2")
    for it in (dead, live):
        it.use([budget(1_000)])
    (await dead.hold(ALICE, bound(100), place.clock.now_us)).settle(40, 0)
    await dead.hold(ALICE, bound(500, expected=70), place.clock.now_us)
    await dead.tick()
    await live.tick()
    assert the(live.standings(place.clock.now_us)).reserved >= 500
    await place.outlive_leases()
    await quiet([live], place.clock)
    row = the(live.standings(place.clock.now_us))
    assert (row.spent - 40 - 70 <= 7, row.reserved) == (True, 0)
    await live.hold(ALICE, bound(880), place.clock.now_us)


async def test_a_process_that_was_taken_for_dead_and_comes_back_counts_once(place: Place) -> None:
    frozen, live = place.desk("p1", ttl_s=TTL_S), place.desk("p2")
    for it in (frozen, live):
        it.use([budget(1_000)])
    hold = await frozen.hold(ALICE, bound(100, expected=60), place.clock.now_us)
    await frozen.tick()
    await place.outlive_leases()
    await quiet([live], place.clock)
    assert the(live.standings(place.clock.now_us)).spent >= 60
    hold.settle(80, 0)
    await frozen.tick()
    await frozen.tick()
    await live.tick()
    place.clock.advance(1)
    await live.tick()
    assert the(live.standings(place.clock.now_us)).spent == 80
    assert the(live.standings(place.clock.now_us)).reserved == 0


async def test_a_recovered_journal_replaces_what_was_charged_for_the_dead(place: Place) -> None:
    ledger = Ledger({"p1": 55, "p2": 9})
    dead = place.desk("p1", ttl_s=TTL_S)
    live = place.desk("p2", seeder=ledger)
    for it in (dead, live):
        it.use([budget(1_000)])
    await dead.hold(ALICE, bound(500, expected=70), place.clock.now_us)
    (await live.hold(ALICE, bound(9), place.clock.now_us)).settle(9, 0)
    await dead.tick()
    await place.outlive_leases()
    await quiet([live], place.clock)
    assert await live.closed("p1")
    await quiet([live], place.clock)
    assert the(live.standings(place.clock.now_us)).spent == 55 + 9
    ledger.away = True
    assert not await live.closed("p1")


async def test_what_was_recovered_before_its_lease_ended_is_not_charged_again(place: Place) -> None:
    live, dead = place.desk("p2", seeder=Ledger({"p1": 55})), place.desk("p1", ttl_s=TTL_S)
    for it in (dead, live):
        it.use([budget(1_000)])
    await dead.hold(ALICE, bound(500, expected=70), place.clock.now_us)
    assert await live.closed("p1")
    await place.outlive_leases()
    await quiet([live], place.clock)
    row = the(live.standings(place.clock.now_us))
    assert (row.spent, row.reserved) == (55, 0)


async def test_an_unknown_counter_asks_the_ledger_before_it_grants(place: Place) -> None:
    """litellm#26672, mlflow#21111: a restart forgets nothing."""
    ledger = Ledger({"gone": 900, "corrections": -50})
    it = place.desk("p1", seeder=ledger)
    it.use([budget(1_000)])
    with pytest.raises(Refused, match=r"spent 0.00000085 USD"):
        await it.hold(ALICE, bound(151), place.clock.now_us)
    await it.hold(ALICE, bound(150), place.clock.now_us)
    assert len(ledger.asked) == 1
    assert the(it.standings(place.clock.now_us)).state == "ok"


async def test_while_the_ledger_cannot_be_read_a_closed_budget_refuses_and_an_open_one_opens_so_far(
    place: Place,
) -> None:
    ledger = Ledger({"gone": 100})
    ledger.away = True
    it = place.desk("p1", seeder=ledger)
    it.use([budget(1_000, selector=Selector(key="alice")), budget(1_000, name="open", open_up_to=50)])
    with pytest.raises(Refused, match="closed meanwhile") as refused:
        await it.hold(ALICE, bound(1), place.clock.now_us)
    assert refused.value.reason == "away"
    hold = await it.hold(BOB, bound(50), place.clock.now_us)
    with pytest.raises(Refused, match="may be used meanwhile are used up"):
        await it.hold(BOB, bound(1), place.clock.now_us)
    assert the(it.standings(place.clock.now_us), "open").state == "unseeded"
    ledger.away = False
    place.clock.advance(2)
    await it.tick()
    await it.seeded()
    hold.settle(40, 0)
    await it.hold(ALICE, bound(1), place.clock.now_us)
    await quiet([it], place.clock)
    assert the(it.standings(place.clock.now_us), "open").spent == 140


async def test_a_period_that_began_after_the_state_did_starts_at_zero_unasked(place: Place) -> None:
    ledger = Ledger({"gone": 10})
    it = place.desk("p1", seeder=ledger)
    it.use([budget(1_000, per="hour")])
    await it.hold(ALICE, bound(1), place.clock.now_us)
    asked = len(ledger.asked)
    place.clock.advance(3_600)
    await it.hold(ALICE, bound(1_000), place.clock.now_us)
    assert len(ledger.asked) == asked == 1


async def test_a_budget_that_comes_at_a_reload_counts_what_was_before_once(place: Place) -> None:
    ledger = Ledger({"gone": 100, "p1": 7})
    it = place.desk("p1", seeder=ledger)
    it.use([budget(1_000, "tokens", "old")])
    hold = await it.hold(ALICE, bound(10, 10), place.clock.now_us)
    it.use([budget(1_000, "tokens", "old"), budget(1_000, name="new")])
    hold.settle(5, 5)
    (await it.hold(ALICE, bound(3), place.clock.now_us)).settle(3, 0)
    await quiet([it], place.clock)
    cuts = [ask.cuts for ask in ledger.asked if ask.unit == "usd"]
    assert [[process for process, _ in cut] for cut in cuts] == [["p1"]]
    assert the(it.standings(place.clock.now_us), "new").spent == 100 + 5 + 3


async def test_a_rung_is_announced_by_one_of_the_processes(place: Place) -> None:
    heards = [Heard(), Heard()]
    desks = [place.desk(f"p{number}", heard) for number, heard in enumerate(heards)]
    for it in desks:
        it.use([budget(100, ladder=((50, "notify"), (100, "refuse")))])
    for _ in range(3):
        for it in desks:
            (await it.hold(ALICE, bound(10), place.clock.now_us)).settle(10, 0)
        await quiet(desks, place.clock)
    assert len(heards[0].notices + heards[1].notices) == 1


async def test_corrections_are_counted_once_after_the_state_was_lost(place: Place) -> None:
    it = place.desk("p1", seeder=Ledger({"p1": 70, "corrections": -20}))
    it.use([budget(1_000)])
    (await it.hold(ALICE, bound(70), place.clock.now_us)).settle(70, 0)
    it.correct(ALICE, place.clock.now_us, -20, 0)
    await it.tick()
    again = place.desk("p2", seeder=Ledger({"p1": 70, "corrections": -20}))
    again.use([budget(1_000)])
    await quiet([it, again], place.clock)
    assert the(it.standings(place.clock.now_us)).spent == the(again.standings(place.clock.now_us)).spent


async def test_a_desk_that_leaves_gives_everything_back(place: Place) -> None:
    one, two = place.desk("p1"), place.desk("p2")
    for it in (one, two):
        it.use([budget(100_000), budget(5, "concurrency", "running")])
    (await one.hold(ALICE, bound(30), place.clock.now_us)).settle(10, 0)
    (await one.permit(ALICE, place.clock.now_us)).release()
    await one.aclose()
    await quiet([two], place.clock)
    assert the(two.standings(place.clock.now_us)).reserved == 0
    assert the(two.standings(place.clock.now_us)).spent == 10
    assert the(two.standings(place.clock.now_us), "running").reserved == 0


async def test_needs_of_one_turn_travel_together(place: Place) -> None:
    it = place.desk("p1")
    it.use([budget(100_000, selector=Selector(each="key"))])
    store = place.stores[0]
    exchanges = 0
    plain = store.exchange

    async def counted(request: Any) -> Any:
        nonlocal exchanges
        exchanges += 1
        return await plain(request)

    await it.hold(ALICE, bound(1), place.clock.now_us)
    store.exchange = counted  # type: ignore[method-assign]
    subjects = [Subject("acme", "web", f"k{number}") for number in range(50)]
    await asyncio.gather(*(it.hold(subject, bound(10), place.clock.now_us) for subject in subjects))
    assert exchanges <= 2
