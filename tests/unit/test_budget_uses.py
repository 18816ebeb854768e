"""How far the budgets over a request are spent: what rules and pacing look at."""

from __future__ import annotations

import pytest

from metering.budgets import BudgetUse, Rolling, Selector
from tests.fakes.budgets import ALICE, BOB, EVE, USD, MovedClock, bound, budget, desk


async def test_spent_and_elapsed_are_shares_of_budget_and_period() -> None:
    clock = MovedClock()
    it = desk(clock)
    it.use([
        budget(10 * USD, per="day", name="day"),
        budget(1_000, "tokens", "rolling", selector=Selector(tenant="acme"), period=Rolling(86_400)),
        budget(1_000, "tokens", "haste", per="minute"),
        budget(5, "requests", "requests", per="minute"),
        budget(5, "concurrency", "at once"),
        budget(7 * USD, per="month", name="globex", selector=Selector(tenant="globex")),
    ])  # fmt: skip
    (await it.hold(ALICE, bound(4 * USD, 100), clock.now_us)).settle(3 * USD, 50)
    (await it.hold(BOB, bound(USD, 100), clock.now_us)).settle(12 * USD, 2)
    elapsed = 3_603 / 86_400
    assert it.uses(ALICE, clock.now_us) == (
        BudgetUse(1.5, pytest.approx(elapsed)),
        BudgetUse(0.052, None),
    )
    assert [use.spent for use in it.uses(EVE, clock.now_us)] == [1.5, 0.0]
    clock.advance(86_400)
    assert it.uses(BOB, clock.now_us)[0] == BudgetUse(0.0, pytest.approx(elapsed))


async def test_a_budget_of_nothing_is_spent_whole() -> None:
    clock = MovedClock()
    it = desk(clock)
    it.use([budget(0, per="hour")])
    assert it.uses(ALICE, clock.now_us)[0].spent == 1.0
    assert desk(clock).uses(ALICE, clock.now_us) == ()
