"""Budget pacing: fewer dear calls while money runs ahead of the calendar, rather than none at the end."""

from __future__ import annotations

from collections.abc import Iterable

from metering.budgets.model import BudgetUse

LAST_PART = 0.02
"""What is left of a period counts as no shorter than that part of it, so that a few dollars too many on the
last day are no reason to stop everything; pacing may overspend by as much."""


def pressure(spent: float, elapsed: float) -> float:
    """0 (none) to 1 (no dear calls), from the shares of the budget and of its period that are gone.

    What is left of the budget, over what is left of the time, is what may be spent from here on, measured by
    the plan; pressure is what that falls short of 1. Continuous; never falls as `spent` grows, never rises as
    `elapsed` does; 0 wherever `spent` is not ahead.
    """
    if spent <= elapsed:
        return 0.0
    return min(1.0, (spent - elapsed) / max(1.0 - elapsed, LAST_PART))


def pressure_of(budgets: Iterable[BudgetUse]) -> float:
    """That of the most pressed; budgets without a calendar press nobody."""
    pressures = [pressure(each.spent, each.elapsed) for each in budgets if each.elapsed is not None]
    return max(pressures, default=0.0)
