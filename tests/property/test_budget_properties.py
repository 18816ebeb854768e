"""Any order of holding, settling, dying, freezing and coming back: the limit holds and nothing is lost."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from metering.budgets.desk import BudgetDesk, Hold
from metering.budgets.memory_store import MemoryStore
from metering.budgets.model import Bound, Selector
from metering.budgets.refusal import Refused
from tests.fakes.budgets import ALICE, MovedClock, budget, desk, quiet

LIMIT = 100_000
TTL_S = 5.0

AMOUNTS = (0, 1, 40, 300, 2_500, 9_000, 17_000, 30_000, 40_000)
"""From a slice of what remains to more than any limit."""
KINDS = (*["hold"] * 4, *["settle"] * 3, *["tick"] * 2, "over", "move", "freeze", "die")
STEPS = st.lists(
    st.tuples(
        st.sampled_from(KINDS),
        st.integers(0, 2),
        st.sampled_from(AMOUNTS),
        st.sampled_from((0.0, 0.1, 0.5, 0.9, 1.0)),
    ),
    min_size=15,
    max_size=70,
)


@dataclass
class One:
    """A process: its desk, what it has in flight, and whether it runs."""

    desk: BudgetDesk
    holds: list[tuple[Hold, Bound]] = field(default_factory=list)
    settled: int = 0
    alive: bool = True
    frozen: bool = False
    unsaid: int = 0
    """Settled above what was expected of it, and not told to the state yet."""


class World:
    def __init__(self, processes: int) -> None:
        self.clock = MovedClock()
        self.store = MemoryStore(self.clock)
        self.ones = [self._start(f"p{number}") for number in range(processes)]
        self.refusals: list[tuple[Refused, Bound]] = []
        self.allowance = 0
        """What may stand above the limit: what was settled above a bound, and of a process that was taken for
        dead what it had in flight or had not said yet, above what was expected of it."""

    def _start(self, name: str) -> One:
        made = desk(self.clock, self.store, name)
        made.use(
            [budget(LIMIT), budget(LIMIT // 2, name="acme", selector=Selector(tenant="acme")),
             budget(LIMIT // 3, name="each", selector=Selector(each="key"))]
        )  # fmt: skip
        return One(made)

    async def step(self, what: str, which: int, amount: int, share: float) -> None:
        one = self.ones[which % len(self.ones)]
        if what == "move":
            await self._move(amount / 10_000)
        elif not one.alive:
            return
        elif what == "freeze":
            one.frozen = not one.frozen
        elif one.frozen:
            return
        elif what == "tick":
            await one.desk.tick()
            one.unsaid = 0
        elif what == "hold":
            await self._hold(one, Bound(amount, 0, int(amount * share), 0))
        elif what in ("settle", "over") and one.holds:
            hold, bound = one.holds.pop(int(share * (len(one.holds) - 1)))
            spent = int(share * (bound.nanos or 0)) if what == "settle" else (bound.nanos or 0) + amount
            self.allowance += max(0, spent - (bound.nanos or 0))
            hold.settle(spent, 0)
            hold.settle(spent, 0)
            one.settled += spent
            one.unsaid += max(0, spent - bound.expected_nanos)
        elif what == "die" and len([it for it in self.ones if it.alive]) > 1:
            one.alive = False
            self.allowance += one.unsaid + sum((bound.nanos or 0) for _, bound in one.holds)

    async def _hold(self, one: One, bound: Bound) -> None:
        try:
            hold = await one.desk.hold(ALICE, bound, self.clock.now_us)
        except Refused as refused:
            self.refusals.append((refused, bound))
            return
        one.holds.append((hold, bound))

    async def _move(self, seconds: float) -> None:
        """A process that runs ticks; one that is frozen for longer than its lease is taken for dead."""
        self.clock.advance(seconds)
        for one in self.ones:
            if one.alive and not one.frozen:
                await one.desk.tick()
                one.unsaid = 0
            elif one.alive:
                self.allowance += sum((it.nanos or 0) - it.expected_nanos for _, it in one.holds)

    def held(self) -> int:
        return sum(bound.nanos or 0 for one in self.ones if one.alive for _, bound in one.holds)

    def told(self) -> dict[str, int]:
        """Counter -> spent and reserved, as the state has them this instant."""
        sums: dict[str, int] = {}
        for (counter, _), bucket in self.store._buckets.items():
            told = sum(push.settled + push.leased for push in bucket.processes.values())
            sums[counter] = sums.get(counter, 0) + told
        return sums

    @property
    def limits(self) -> dict[str, int]:
        """Counter -> limit."""
        accounts = (account for one in self.ones for account in one.desk._roster.accounts())
        return {account.counter: account.limit or 0 for account in accounts}

    def settled(self) -> int:
        return sum(one.settled for one in self.ones)

    async def calm(self) -> None:
        for one in self.ones:
            one.frozen = False
        self.clock.advance(2 * TTL_S)
        await quiet([one.desk for one in self.ones if one.alive], self.clock)


@settings(max_examples=150, deadline=None)
@given(STEPS, st.integers(1, 3))
def test_spent_and_reserved_never_exceed_the_limit(steps: list[tuple[str, int, int, float]], n: int) -> None:
    async def run() -> None:
        world = World(n)
        for step in steps:
            await world.step(*step)
            assert world.settled() + world.held() <= LIMIT // 3 + world.allowance
            for counter, told in world.told().items():
                assert told <= world.limits[counter] + world.allowance
        for refused, bound in world.refusals:
            assert (refused.needed, refused.reason) == (bound.nanos, "exceeded")

    asyncio.run(run())


@settings(max_examples=100, deadline=None)
@given(STEPS, st.integers(1, 3))
def test_at_rest_nothing_is_reserved_and_what_was_settled_is_what_is_spent(
    steps: list[tuple[str, int, int, float]], n: int
) -> None:
    async def run() -> None:
        world = World(n)
        for step in steps:
            if step[0] != "die":
                await world.step(*step)
        for one in world.ones:
            one.frozen = False
            for hold, bound in one.holds:
                hold.settle(bound.expected_nanos, 0)
                one.settled += bound.expected_nanos
        await world.calm()
        for one in world.ones:
            for standing in one.desk.standings(world.clock.now_us):
                assert (standing.spent, standing.reserved) == (world.settled(), 0)

    asyncio.run(run())


@settings(max_examples=60, deadline=None)
@given(STEPS, st.integers(2, 3))
def test_the_dead_leave_nothing_reserved_and_at_most_their_bounds_charged(
    steps: list[tuple[str, int, int, float]], n: int
) -> None:
    async def run() -> None:
        world = World(n)
        for step in steps:
            await world.step(*step)
        in_flight = 0
        for one in world.ones:
            for hold, bound in one.holds:
                if one.alive:
                    hold.release()
                in_flight += 0 if one.alive else bound.nanos or 0
        await world.calm()
        live = next(one for one in world.ones if one.alive)
        for standing in live.desk.standings(world.clock.now_us):
            assert standing.reserved == 0
            if all(one.alive for one in world.ones):
                assert standing.spent == world.settled()

    asyncio.run(run())
