"""Which budgets there are, which counters they have, and which of them a subject's request touches."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b

from metering.budgets.account import Account
from metering.budgets.model import Budget, Subject, Unit
from metering.budgets.periods import FOREVER_US, US_PER_S, Rolling, Span
from metering.budgets.store import KEPT_S

LIMIT_S = 60
"""A rolling window of at most that is a limit on haste, not a budget: answers tell what it leaves."""
MAX_PLANS = 20_000
"""Subjects whose plan is remembered; tags make as many subjects as clients like."""


class Family:
    """One budget and its counters. It outlives a change of limit, ladder or policy."""

    __slots__ = ("accounts", "budget", "key", "retired_until_us", "since_us")

    def __init__(self, key: str, budget: Budget, since_us: int) -> None:
        self.key = key
        self.budget = budget
        self.since_us = since_us
        """0 if this process counted it from its start on."""
        self.retired_until_us: int | None = None
        """Not None: the file has it no more. It is counted to the end of its period, should it come back."""
        self.accounts: dict[tuple[tuple[str, ...], int], Account] = {}

    def account(self, part: tuple[str, ...], bucket: Span) -> Account:
        """Made on first use."""
        found = self.accounts.get((part, bucket.start_us))
        if found is None:
            found = self.accounts[part, bucket.start_us] = Account(
                self.key, counter_of(self.key, part), self.budget, part, bucket
            )
            found.cut_us = self.since_us if self.since_us > bucket.start_us else 0
            self._limit(found)
        return found

    def counts_at(self, now_us: int) -> bool:
        return self.retired_until_us is None or now_us < self.retired_until_us

    def use(self, budget: Budget) -> None:
        self.budget, self.retired_until_us = budget, None
        for account in self.accounts.values():
            account.budget = budget
            self._limit(account)

    def retire(self, now_us: int) -> None:
        if self.retired_until_us is None:
            bucket = self.budget.bucket(now_us)
            self.retired_until_us = now_us if bucket.end_us == FOREVER_US else bucket.end_us
            for account in self.accounts.values():
                self._limit(account)

    def _limit(self, account: Account) -> None:
        retired = self.retired_until_us is not None
        account.restrict(None if retired else self.budget.effective, retired=retired)


class Plan:
    """The accounts of one subject, valid while no bucket ends."""

    __slots__ = (
        "accounts",
        "concurrency",
        "from_us",
        "limited",
        "permit",
        "requests",
        "spending",
        "tokens",
        "until_us",
        "usd",
    )

    def __init__(self, accounts: Sequence[Account], from_us: int, until_us: int) -> None:
        self.from_us, self.until_us = from_us, until_us
        self.limited = tuple(_limited(accounts))
        """Rolling limits on requests and tokens, by unit: account, limit, when all is there again."""
        self.accounts = tuple(accounts)
        self.usd = _of("usd", accounts)
        self.tokens = _of("tokens", accounts)
        self.requests = _of("requests", accounts)
        self.concurrency = _of("concurrency", accounts)
        self.permit = self.requests + self.concurrency
        self.spending = tuple(_spending(accounts))
        """Budgets of money and tokens, limits on haste aside: account, its period if the calendar ends it."""


class Roster:
    def __init__(self) -> None:
        self.families: dict[str, Family] = {}
        self._by_scope: dict[tuple[str, str | None], list[Family]] = {}
        self._plans: dict[Subject, Plan] = {}
        self._used = False

    def use(self, budgets: Sequence[Budget], now_us: int) -> None:
        """What is unchanged but for its limit, ladder or policy keeps its counters."""
        keys = list(_family_keys(budgets))
        for key, budget in zip(keys, budgets, strict=True):
            known = self.families.get(key)
            if known is None:
                self.families[key] = Family(key, budget, now_us if self._used else 0)
            else:
                known.use(budget)
        for key in self.families.keys() - set(keys):
            self.families[key].retire(now_us)
        self._used = True
        self._index()

    def plan(self, subject: Subject, now_us: int) -> Plan:
        found = self._plans.get(subject)
        if found is None or not found.from_us <= now_us < found.until_us:
            if len(self._plans) >= MAX_PLANS:
                self._plans.clear()
            found = self._plans[subject] = self._make_plan(subject, now_us)
        return found

    def covering(self, subject: Subject, now_us: int) -> Iterator[Family]:
        """In the order of the file within each scope, the widest scope first."""
        scopes = (("", None), ("tenant", subject.tenant), ("project", subject.project), ("key", subject.key))
        for scope in scopes:
            for family in self._by_scope.get(scope, ()):
                if family.counts_at(now_us) and family.budget.selector.covers(subject):
                    yield family

    def accounts(self) -> Iterator[Account]:
        for family in self.families.values():
            yield from family.accounts.values()

    def current(self, now_us: int) -> Iterator[Account]:
        """The newest account of each counter that was touched, and of each that has no `each`."""
        for family in self.families.values():
            if family.retired_until_us is not None:
                continue
            bucket = family.budget.bucket(now_us)
            if not family.budget.selector.each:
                family.account((), bucket)
            for account in family.accounts.values():
                if account.bucket == bucket:
                    yield account

    def forget(self, now_us: int) -> None:
        """Accounts whose bucket the state has forgotten too, and budgets that left the file a period ago."""
        oldest_us = now_us - KEPT_S * US_PER_S
        for key, family in list(self.families.items()):
            over = [at for at, account in family.accounts.items() if account.is_over(oldest_us)]
            for at in over:
                del family.accounts[at]
            if not family.counts_at(now_us) and not any(it.held for it in family.accounts.values()):
                del self.families[key]
        self._index()

    def _make_plan(self, subject: Subject, now_us: int) -> Plan:
        accounts = []
        from_us, until_us = 0, FOREVER_US
        for family in self.covering(subject, now_us):
            bucket = family.budget.bucket(now_us)
            accounts.append(family.account(family.budget.selector.part(subject), bucket))
            from_us, until_us = max(from_us, bucket.start_us), min(until_us, bucket.end_us)
            if family.retired_until_us is not None:
                until_us = min(until_us, family.retired_until_us)
        return Plan(accounts, from_us, until_us)

    def _index(self) -> None:
        self._plans.clear()
        self._by_scope.clear()
        for family in self.families.values():
            self._by_scope.setdefault(_scope_of(family.budget), []).append(family)


def counter_of(family: str, part: tuple[str, ...]) -> str:
    """The state's name of a counter."""
    return f"{family}:{_digest(part)}" if part else family


def _scope_of(budget: Budget) -> tuple[str, str | None]:
    """The narrowest thing that a selector names: who has another one need not be looked at."""
    selector = budget.selector
    if selector.key is not None:
        return "key", selector.key
    if selector.project is not None:
        return "project", selector.project
    return ("tenant", selector.tenant) if selector.tenant is not None else ("", None)


def _family_keys(budgets: Iterable[Budget]) -> Iterator[str]:
    """Of what is counted, not of how much is allowed; a second budget on the same has its own counters."""
    seen: dict[str, int] = {}
    for budget in budgets:
        selector = budget.selector
        period = "" if budget.period is None else repr(budget.period)
        what = (budget.unit, selector.tenant, selector.project, selector.key, selector.tag, selector.each)
        key = _digest((*what, period))
        seen[key] = seen.get(key, 0) + 1
        yield key if seen[key] == 1 else f"{key}.{seen[key]}"


def _digest(value: Sequence[object]) -> str:
    return blake2b(json.dumps(value).encode(), digest_size=9).hexdigest()


def _limited(accounts: Iterable[Account]) -> Iterator[tuple[Unit, tuple[tuple[Account, int, int], ...]]]:
    found: dict[Unit, list[tuple[Account, int, int]]] = {}
    for account in accounts:
        budget, period = account.budget, account.budget.period
        if (
            budget.unit in ("requests", "tokens")
            and isinstance(period, Rolling)
            and period.seconds <= LIMIT_S
        ):
            limit = budget.limit if budget.effective is None else budget.effective
            found.setdefault(budget.unit, []).append((account, limit, period.resets_us(account.bucket)))
    for unit, limits in found.items():
        yield unit, tuple(limits)


def _spending(accounts: Iterable[Account]) -> Iterator[tuple[Account, Span | None]]:
    for account in accounts:
        period = account.budget.period
        if account.budget.unit not in ("usd", "tokens") or period is None:
            continue
        if not isinstance(period, Rolling):
            yield account, account.bucket
        elif period.seconds > LIMIT_S:
            yield account, None


def _of(unit: str, accounts: Iterable[Account]) -> tuple[Account, ...]:
    return tuple(account for account in accounts if account.budget.unit == unit)
