"""The budget desk of a running gateway: its state, its news, and what dead gateways left behind."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence

import orjson

from gateway.clock import Clock
from gateway.effective import state_shown
from metering.budgets import Action, Budget, BudgetDesk, Standing, Subject
from metering.budgets.memory_store import MemoryStore
from metering.budgets.seed import ledger_seeder
from metering.budgets.store import StateAway, Store
from metering.event import Event
from metering.ledger import LedgerReader

READY_WITHIN_S = 5.0
"""Then the gateway serves whom it can, though the ledger has not told what budgets have spent."""
CLOSE_EVERY_S = 1.0
"""Between attempts to have the ledger's figures of a dead gateway taken over."""

News = Callable[..., None]
"""(event, **fields): a line of the log."""


class BudgetOffice:
    """For the event loop, except `recovered` and `corrected`, which any thread may call."""

    def __init__(
        self,
        state: str,
        budgets: Sequence[Budget],
        clock: Clock,
        *,
        process: str,
        reader: LedgerReader,
        shipped: Callable[[str], bool],
        news: News,
    ) -> None:
        """`shipped` tells whether the ledger has all rows of a process that is dead."""
        self._state = state
        self._shipped = shipped
        self._news = news
        self._clock = clock
        self._ready_at_s = clock.monotonic() + READY_WITHIN_S
        self._ready = False
        self._dead: list[str] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._store = _open_store(state, clock)
        self.desk = BudgetDesk(
            self._store,
            clock,
            process=process,
            seeder=ledger_seeder(reader),
            on_state=self._state_changed,
            on_notify=self._reached,
        )
        self.desk.use(budgets)

    def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        work = (self.desk.run(), self._close_dead(), self._question_state())
        self._tasks = [self._loop.create_task(each) for each in work]

    async def stop(self) -> None:
        """Once every attempt is settled."""
        for task in self._tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await self.desk.aclose()

    @property
    def ready(self) -> bool:
        """Whether what was spent before is known: one that has just begun would refuse for want of it."""
        if not self._ready:
            standings = self.desk.standings(self._clock.wall_ns() // 1000)
            self._ready = (
                all(standing.state == "ok" for standing in standings)
                or self._clock.monotonic() > self._ready_at_s
            )
        return self._ready

    def recovered(self, process: str) -> None:
        """Its journal is on its way to the ledger; then what was charged for its death is put right."""
        self._dead.append(process)

    def corrected(self, rows: Sequence[Event]) -> None:
        """Correction rows that the ledger has taken: budgets follow."""
        if self._loop is not None and rows:
            self._loop.call_soon_threadsafe(self._correct, rows)

    def _correct(self, rows: Sequence[Event]) -> None:
        for row in rows:
            labels = tuple(sorted(orjson.loads(row.tags).items()))
            subject = Subject(row.tenant, row.project, row.key, labels)
            self.desk.correct(subject, row.started_us, row.cost_nanos, 0)

    async def _close_dead(self) -> None:
        while True:
            await asyncio.sleep(CLOSE_EVERY_S)
            for process in [each for each in self._dead if self._shipped(each)]:
                if await self.desk.closed(process):
                    self._dead.remove(process)

    async def _question_state(self) -> None:
        """What is wrong with a state that answers: it would lose counters when it is full, say."""
        with contextlib.suppress(StateAway):  # told by the desk
            for doubt in await self._store.questions():
                self._news("budget_state", ok=True, detail=doubt, state=state_shown(self._state))

    def _state_changed(self, cause: str | None) -> None:
        self._news("budget_state", ok=cause is None, detail=cause or "", state=state_shown(self._state))

    def _reached(self, standing: Standing, percent: int, action: Action) -> None:
        self._news(
            "budget",
            budget=standing.budget.name,
            counter=standing.counter,
            percent=percent,
            action=action,
            limit=standing.limit,
            spent=standing.spent,
            reserved=standing.reserved,
            unit=standing.budget.unit,
        )


def _open_store(state: str, clock: Clock) -> Store:
    """Connects to nothing yet. Raises ValueError for an address that it does not understand."""
    if state.startswith("memory:"):
        return MemoryStore(clock)
    from metering.budgets.redis_store import RedisStore  # who has no Redis need not wait for its client

    return RedisStore(state)
