"""What a desk hands out: a hold for the bound of one attempt, a permit for one running request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from metering.budgets.account import Account
from metering.budgets.link import Part
from metering.budgets.model import Bound, Left, Subject
from metering.budgets.roster import Plan


class Desk(Protocol):
    """What a hold asks of its desk when it is settled, which it rarely does."""

    version: int

    def unusual(self, plan: Plan, *, over: bool, unknown: bool) -> None: ...

    def charge_newer(
        self, plan: Plan, subject: Subject, started_us: int, nanos: int | None, tokens: int
    ) -> None: ...


class Hold:
    """The bound of one attempt, reserved in every budget that covers it."""

    __slots__ = ("_bound", "_desk", "_opened", "_plan", "_settled", "_started_us", "_subject", "_version")

    def __init__(
        self,
        desk: Desk,
        plan: Plan,
        subject: Subject,
        bound: Bound,
        started_us: int,
        opened: tuple[Account, ...] = (),
    ) -> None:
        self._desk = desk
        self._plan = plan
        self._subject = subject
        self._bound = bound
        self._started_us = started_us
        self._opened = opened
        self._version = desk.version
        self._settled = False

    def settle(self, nanos: int | None, tokens: int) -> None:
        """Charge what it cost, in full even above the bound; None is unknown. A second call does nothing."""
        if self._settled:
            return
        self._settled = True
        bound, opened, spent = self._bound, self._opened, nanos or 0
        held = bound.nanos or 0
        _settle(self._plan.usd, held, bound.expected_nanos, spent, opened)
        _settle(self._plan.tokens, bound.tokens, bound.expected_tokens, tokens, opened)
        desk = self._desk
        if spent > held or tokens > bound.tokens or nanos is None:
            desk.unusual(self._plan, over=spent > held or tokens > bound.tokens, unknown=nanos is None)
        if self._version != desk.version:
            desk.charge_newer(self._plan, self._subject, self._started_us, nanos, tokens)

    def release(self) -> None:
        """Nothing was used."""
        self.settle(0, 0)


def _settle(
    accounts: tuple[Account, ...], held: int, expected: int, spent: int, opened: tuple[Account, ...]
) -> None:
    """As `Account.settle`, written out: every attempt comes by here, and a call per account costs more than
    what it does."""
    for account in accounts:
        if account in opened:
            account.settle(held, expected, spent, opened=True)
            continue
        account.held -= held
        account.expected -= expected
        account.settled += spent
        if account.limited:
            free = account.free + held - spent
            account.free = free if free > 0 else 0


def hold_all(accounts: tuple[Account, ...], amount: int, expected: int) -> None:
    """As `Account.hold`, written out likewise."""
    for account in accounts:
        account.free -= amount
        account.held += amount
        account.expected += expected
        account.used = True


class Permit:
    """One running request."""

    __slots__ = ("_opened", "_plan", "_released")

    def __init__(self, plan: Plan, opened: tuple[Account, ...] = ()) -> None:
        self._plan = plan
        self._opened = opened
        self._released = False

    def limits(self) -> list[Left]:
        """What the rolling limits leave, for the head of the answer."""
        return limits_left(self._plan)

    def release(self) -> None:
        """It runs no more; it still counts as a request. A second call does nothing."""
        if self._released:
            return
        self._released = True
        for account in self._plan.concurrency:
            account.settle(1, 0, 0, opened=account in self._opened)


def hold_parts(plan: Plan, bound: Bound) -> list[Part]:
    usd = [Part(account, bound.nanos or 0, bound.expected_nanos) for account in plan.usd]
    return usd + [Part(account, bound.tokens, bound.expected_tokens) for account in plan.tokens]


def permit_parts(plan: Plan) -> list[Part]:
    requests = [Part(account, 1, 1) for account in plan.requests]
    return requests + [Part(account, 1, 0) for account in plan.concurrency]


def permitted(plan: Plan, opened: tuple[Account, ...]) -> Permit:
    """Requests count from now on, whatever becomes of them."""
    for account in plan.requests:
        account.settle(1, 1, 1, opened=account in opened)
    return Permit(plan, opened)


def limits_left(plan: Plan) -> list[Left]:
    """Of each unit the tightest."""
    found = []
    for unit, limits in plan.limited:
        account, limit, resets_us = limits[0] if len(limits) == 1 else min(limits, key=_left)
        found.append(Left(unit, limit, account.left, resets_us))
    return found


def _left(limit: tuple[Account, int, int]) -> int:
    return limit[0].left


def needed_of(parts: Sequence[Part], account: Account) -> int:
    return next(part.amount for part in parts if part.account is account)
