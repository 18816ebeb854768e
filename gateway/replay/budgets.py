"""Budgets over recorded traffic, in the order of time: when each would have been spent."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from gateway.budget_settings import is_limit
from metering.budgets import Action, Budget, BudgetUse, Calendar, Subject
from metering.budgets.model import ACTIONS
from metering.budgets.periods import Span


class Charge(NamedTuple):
    """What one row adds to the budgets that cover it."""

    nanos: int | None
    tokens: int


@dataclass(slots=True)
class Breach:
    """One counter in one period that reached what its budget allows."""

    budget: str
    whose: str
    limit: int
    unit: str
    period_start_us: int
    at_us: int
    """When the row started that brought it there."""
    rows_after: int = 0
    """That came later in the same period: a gateway would have refused them."""
    nanos_after: int = 0
    """What these cost."""


@dataclass(slots=True)
class _Counter:
    spent: dict[int, int] = field(default_factory=dict)
    """By bucket start; only buckets that still count."""
    breach: Breach | None = None
    """In the newest bucket."""


class BudgetReplay:
    """Every budget of dollars or tokens; limits per minute protect from haste and are left out. A period
    that began before the first row counts from the first row on."""

    def __init__(self, budgets: Iterable[Budget]) -> None:
        self._budgets = [
            each for each in budgets if each.unit in ("usd", "tokens") and each.period and not is_limit(each)
        ]
        self._buckets: list[Span] = [Span(0, 0)] * len(self._budgets)
        """Of each budget, the one that was asked for last: rows come in the order of time."""
        self._counters: dict[tuple[int, tuple[str, ...]], _Counter] = {}
        self.breaches: list[Breach] = []

    def action(self, subject: Subject, at_us: int) -> Action | None:
        """The strongest rung that any budget of the subject stands on, before it is charged."""
        strongest: Action | None = None
        for number, budget in enumerate(self._budgets):
            if not budget.selector.covers(subject):
                continue
            counter = self._counters.get((number, budget.selector.part(subject)))
            if counter is None:
                continue
            found = budget.action_at(self._spent(counter, number, at_us))
            if found and (strongest is None or ACTIONS.index(found) > ACTIONS.index(strongest)):
                strongest = found
        return strongest

    def uses(self, subject: Subject, at_us: int) -> tuple[BudgetUse, ...]:
        """As decisions are told: how far each budget over the subject is spent, and its period has run."""
        found = []
        for number, budget in enumerate(self._budgets):
            if budget.selector.covers(subject):
                counter = self._counters.get((number, budget.selector.part(subject)))
                spent = 0 if counter is None else self._spent(counter, number, at_us)
                elapsed = None
                if isinstance(budget.period, Calendar):
                    start_us, end_us = self._bucket(number, at_us)
                    elapsed = (at_us - start_us) / (end_us - start_us)
                found.append(BudgetUse(spent / budget.limit if budget.limit else 1.0, elapsed))
        return tuple(found)

    def charge(self, subject: Subject, at_us: int, charge: Charge) -> None:
        for number, budget in enumerate(self._budgets):
            if budget.selector.covers(subject):
                key = (number, budget.selector.part(subject))
                counter = self._counters.setdefault(key, _Counter())
                self._charge(counter, number, key[1], at_us, charge)

    def _charge(
        self, counter: _Counter, number: int, part: tuple[str, ...], at_us: int, charge: Charge
    ) -> None:
        budget, bucket = self._budgets[number], self._bucket(number, at_us)
        if bucket.start_us not in counter.spent:
            kept = {span.start_us for span in budget.window(bucket)}
            counter.spent = {start: sum_ for start, sum_ in counter.spent.items() if start in kept}
            counter.spent[bucket.start_us] = 0
            if counter.breach is not None and counter.breach.period_start_us not in kept:
                counter.breach = None
        if counter.breach is not None:
            counter.breach.rows_after += 1
            counter.breach.nanos_after += charge.nanos or 0
        amount = charge.tokens if budget.unit == "tokens" else charge.nanos or 0
        counter.spent[bucket.start_us] += amount
        allowed = budget.effective
        if counter.breach is None and allowed is not None and sum(counter.spent.values()) >= allowed:
            counter.breach = Breach(
                budget.name, budget.selector.label(part), budget.limit, budget.unit, bucket.start_us, at_us
            )
            self.breaches.append(counter.breach)

    def _bucket(self, number: int, at_us: int) -> Span:
        bucket = self._buckets[number]
        if not bucket.start_us <= at_us < bucket.end_us:
            bucket = self._buckets[number] = self._budgets[number].bucket(at_us)
        return bucket

    def _spent(self, counter: _Counter, number: int, at_us: int) -> int:
        """In the budget's window at that moment."""
        window = self._budgets[number].window(self._bucket(number, at_us))
        return sum(counter.spent.get(span.start_us, 0) for span in window)
