"""Desks on one clock, and what a test needs to look at them."""

from __future__ import annotations

from typing import Any

from metering.budgets.desk import BudgetDesk
from metering.budgets.memory_store import MemoryStore
from metering.budgets.model import Action, Bound, Budget, Selector, Standing, Subject, Unit
from metering.budgets.periods import Calendar, Rolling
from metering.budgets.store import Store

NOW_NS = 1_767_225_600_000_000_000
"""2026-01-01T00:00:00Z."""
USD = 1_000_000_000
ALICE = Subject("acme", "web", "alice")
BOB = Subject("acme", "batch", "bob")
EVE = Subject("globex", "web", "eve")


class MovedClock:
    """Stands still until it is told to move."""

    def __init__(self, wall_ns: int = NOW_NS + 3_603 * 10**9) -> None:
        self._wall_ns, self._monotonic = wall_ns, 1_000.0

    def wall_ns(self) -> int:
        return self._wall_ns

    def monotonic(self) -> float:
        return self._monotonic

    def advance(self, seconds: float) -> None:
        self._wall_ns += int(seconds * 1e9)
        self._monotonic += seconds

    @property
    def now_us(self) -> int:
        return self._wall_ns // 1_000


def budget(
    limit: int, unit: Unit = "usd", name: str = "the budget", *, per: str = "month", **more: Any
) -> Budget:
    """For the organisation, unless `selector` is given."""
    period = None if unit == "concurrency" else (Rolling(60) if per == "minute" else Calendar(per))  # type: ignore[arg-type]
    return Budget(name, more.pop("selector", Selector()), unit, limit, more.pop("period", period), **more)


def bound(nanos: int | None, tokens: int = 0, *, expected: int | None = None) -> Bound:
    """`expected` is as much as the bound unless it is given."""
    known = nanos or 0
    return Bound(nanos, tokens, known if expected is None else expected, tokens)


class Heard:
    """What a desk says of itself."""

    def __init__(self) -> None:
        self.states: list[str | None] = []
        self.notices: list[tuple[str, int, Action]] = []

    def notice(self, standing: Standing, percent: int, action: Action) -> None:
        self.notices.append((standing.counter, percent, action))


def desk(
    clock: MovedClock,
    store: Store | None = None,
    process: str = "p1",
    heard: Heard | None = None,
    **more: Any,
) -> BudgetDesk:
    hears = heard or Heard()
    return BudgetDesk(
        store or MemoryStore(clock),
        clock,
        process=process,
        on_state=hears.states.append,
        on_notify=hears.notice,
        **more,
    )


async def quiet(desks: list[BudgetDesk], clock: MovedClock) -> None:
    """Ticks until nothing is leased ahead and everybody has heard of everybody."""
    for _ in range(3):
        clock.advance(1.0)
        for each in desks:
            await each.tick()


def the(standings: list[Standing], name: str = "the budget") -> Standing:
    found = [standing for standing in standings if standing.budget.name == name]
    assert len(found) == 1, found
    return found[0]
