"""What was spent before the state knew a counter is asked of the ledger: all counters in one go."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from metering.budgets.account import Account
from metering.budgets.roster import Family, counter_of
from metering.budgets.store import SeedAmount, SeedAsk, Seeder, Seeds, SeedWrite, StateAway, Store
from metering.ledger import LedgerError

RETRY_S = 1.0
"""After the ledger could not be read."""
YOUNG_S = 0.25
"""After the state was too young to be seeded."""


class Monotonic(Protocol):
    def monotonic(self) -> float: ...


class Seeding:
    """At most one question to the ledger at a time."""

    def __init__(self, store: Store, seeder: Seeder | None, clock: Monotonic) -> None:
        self._store = store
        self._seeder = seeder
        self._clock = clock
        self._task: asyncio.Task[bool] | None = None
        self._began_at = 0.0
        self._next_at = 0.0

    def start(self, accounts: Iterable[Account], families: Mapping[str, Family]) -> None:
        """Ask for those that have no past yet, unless something is being asked, or was in vain just now."""
        if self._task is not None or self._clock.monotonic() < self._next_at:
            return
        asks: dict[tuple[str, int], SeedAsk] = {}
        for account in accounts:
            if not account.seeded and account.seen:
                budget = families[account.family].budget
                for span in budget.window(account.bucket):
                    ask = SeedAsk(account.family, budget.selector, budget.unit, span)
                    asks[account.family, span.start_us] = ask
        if asks:
            self._began_at = self._clock.monotonic()
            self._task = asyncio.create_task(self._seed(list(asks.values())))

    async def wait_for(self, account: Account, families: Mapping[str, Family], at_most_s: float) -> bool:
        """Whether its past may be known now. Waits no longer than this since the question was put."""
        self.start([account], families)
        task = self._task
        if task is None:
            return False
        left_s = self._began_at + at_most_s - self._clock.monotonic()
        done, _ = await asyncio.wait({task}, timeout=max(0.0, left_s))
        return bool(done) and task.result()

    async def finished(self) -> None:
        if self._task is not None:
            await asyncio.wait({self._task})

    def cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def close(self, process: str, families: Iterable[Family], now_us: int) -> bool:
        """Replace what the state charged for a dead process by the ledger's sums. False: not now."""
        asks = [
            SeedAsk(family.key, family.budget.selector, family.budget.unit, span, process=process)
            for family in families
            if family.budget.seeded
            for span in family.budget.window(family.budget.bucket(now_us))
        ]
        try:
            writes = [_write(ask, seeds) for ask, seeds in zip(asks, await self._sums(asks), strict=True)]
            await self._store.closed(process, writes)
        except (LedgerError, StateAway):
            return False
        return True

    async def _seed(self, asks: Sequence[SeedAsk]) -> bool:
        try:
            plan = await self._store.seed_plan(sorted({ask.family for ask in asks}))
            if not plan.ready:
                self._next_at = self._clock.monotonic() + YOUNG_S
                return False
            asks = [ask._replace(cuts=plan.cuts.get(ask.family, ())) for ask in asks]
            found = await self._sums(asks)
            await self._store.seed([_write(ask, seeds) for ask, seeds in zip(asks, found, strict=True)])
        except (LedgerError, StateAway):
            self._next_at = self._clock.monotonic() + RETRY_S
            return False
        finally:
            self._task = None
        return True

    async def _sums(self, asks: Sequence[SeedAsk]) -> Sequence[Seeds]:
        """Without a ledger nothing was ever spent."""
        if self._seeder is None or not asks:
            return [{} for _ in asks]
        return await self._seeder(asks)


def _write(ask: SeedAsk, seeds: Seeds) -> SeedWrite:
    amounts = {counter_of(ask.family, part): sums for part, sums in seeds.items()}
    if ask.process is not None:
        if not ask.selector.each:
            amounts.setdefault(ask.family, {ask.process: SeedAmount(0, 0)})
        amounts = {counter: _of(ask.process, sums) for counter, sums in amounts.items()}
    return SeedWrite(ask.family, ask.bucket, amounts)


def _of(process: str, sums: Mapping[str, SeedAmount]) -> dict[str, SeedAmount]:
    """Its corrections are the ledger's as well, and in the state already."""
    return {process: sums.get(process, SeedAmount(0, 0))}
