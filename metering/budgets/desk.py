"""The budget desk: reserve the most an attempt can cost, settle what it did cost. Lives on the event loop.

Nothing here waits for the network while the lease of this process covers a need; see docs/budgets.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from metering.budgets.account import Account
from metering.budgets.holds import Hold, Permit, hold_all, hold_parts, limits_left, permit_parts, permitted
from metering.budgets.link import Link
from metering.budgets.model import ACTIONS, Action, Bound, Budget, BudgetUse, Left, Standing, Subject
from metering.budgets.periods import US_PER_S
from metering.budgets.reserving import Reserver
from metering.budgets.roster import Plan, Roster
from metering.budgets.seeding import Seeding
from metering.budgets.store import KEPT_S, Entry, Seeder, Store

__all__ = ["BudgetDesk", "Hold", "Permit"]

TTL_S = 5.0
TICK_S = 0.25
PROBE_S = (0.1, 1.0)
"""How long after a failure the state is looked for again: at first, and at most."""
REFRESH_S = 1.0
"""How old the view of what other processes spent may grow."""
FORGET_S = 60.0


class Clock(Protocol):
    def monotonic(self) -> float: ...
    def wall_ns(self) -> int: ...


class BudgetDesk:
    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        process: str,
        seeder: Seeder | None = None,
        on_state: Callable[[str | None], None] = lambda _cause: None,
        on_notify: Callable[[Standing, int, Action], None] = lambda _standing, _percent, _action: None,
        ttl_s: float = TTL_S,
        tick_s: float = TICK_S,
    ) -> None:
        """`process` is unique to this start of this process, and the one in the ledger's rows. `on_state`
        hears once of every change: the cause when the state is away, None when it is back."""
        self.on_notify = on_notify
        self.on_state = on_state
        self.overruns = 0
        """Attempts that cost more than their bound."""
        self.version = 0
        self._clock = clock
        self._tick_s = tick_s
        self._roster = Roster()
        self._active: set[Account] = set()
        """Those that a tick looks at."""
        self._link = Link(
            store,
            process=process,
            ttl_s=ttl_s,
            known=self._roster.accounts,
            on_entry=self._heard,
            on_state=self._state_changed,
        )
        self._seeding = Seeding(store, seeder, clock)
        self._reserver = Reserver(self._link, self._seeding, self._roster.families)
        self._probe_at, self._probe_wait_s = 0.0, PROBE_S[0]
        self._refreshed_at = self._forgot_at = clock.monotonic()

    # --- the road ---

    def try_hold(self, subject: Subject, bound: Bound, now_us: int) -> Hold | None:
        """At once, from what is leased; None: `hold` must ask the state. Raises Refused."""
        plan = self._roster.plan(subject, now_us)
        nanos, tokens = bound.nanos or 0, bound.tokens
        for account in plan.usd:
            if account.free < nanos:
                return self._hold_now(plan, subject, bound, now_us)
        for account in plan.tokens:
            if account.free < tokens:
                return self._hold_now(plan, subject, bound, now_us)
        hold_all(plan.usd, nanos, bound.expected_nanos)
        hold_all(plan.tokens, tokens, bound.expected_tokens)
        return Hold(self, plan, subject, bound, now_us)

    async def hold(self, subject: Subject, bound: Bound, now_us: int) -> Hold:
        """Within 250 ms, whatever the state does. Raises Refused."""
        held = self.try_hold(subject, bound, now_us)
        if held is not None:
            return held
        plan = self._roster.plan(subject, now_us)
        opened = await self._reserver.soon(hold_parts(plan, bound), now_us)
        return Hold(self, plan, subject, bound, now_us, opened)

    def try_permit(self, subject: Subject, now_us: int) -> Permit | None:
        """One request more, at once; None: `permit` must ask the state. Raises Refused."""
        plan = self._roster.plan(subject, now_us)
        for account in plan.permit:
            if account.free < 1:
                return self._permit_now(plan, now_us)
        for account in plan.requests:
            account.hold(1, 1)
            account.settle(1, 1, 1, opened=False)
        for account in plan.concurrency:
            account.hold(1, 0)
        return Permit(plan)

    async def permit(self, subject: Subject, now_us: int) -> Permit:
        """Within 250 ms, whatever the state does. Raises Refused."""
        permit = self.try_permit(subject, now_us)
        if permit is not None:
            return permit
        plan = self._roster.plan(subject, now_us)
        opened = await self._reserver.soon(permit_parts(plan), now_us)
        return permitted(plan, opened)

    def action(self, subject: Subject, now_us: int) -> Action | None:
        """The strongest rung that any of the subject's budgets reached."""
        strongest: Action | None = None
        for account in self._roster.plan(subject, now_us).accounts:
            action = account.action
            if action is not None and (strongest is None or ACTIONS.index(action) > ACTIONS.index(strongest)):
                strongest = action
        return strongest

    # --- what is known ---

    def uses(self, subject: Subject, now_us: int) -> tuple[BudgetUse, ...]:
        """How far each budget of money or tokens over the subject is spent, what is under way aside, and how
        far its calendar period has run. Asks nobody."""
        found = []
        for account, period in self._roster.plan(subject, now_us).spending:
            limit = account.budget.limit
            elapsed = None
            if period is not None:
                elapsed = (now_us - period.start_us) / (period.end_us - period.start_us)
            found.append(BudgetUse(account.spent / limit if limit else 1.0, elapsed))
        return tuple(found)

    def limits(self, subject: Subject, now_us: int) -> list[Left]:
        """What the subject's rolling limits on requests and tokens leave, the tightest of each unit."""
        return limits_left(self._roster.plan(subject, now_us))

    def standings(self, now_us: int) -> list[Standing]:
        """Of every budget; of each counter of `each` that this process touched in its period."""
        away = self._link.away is not None
        return [account.standing(away) for account in self._roster.current(now_us)]

    @property
    def away(self) -> str | None:
        """Why the state cannot be reached, None if it can."""
        return self._link.away

    # --- changes ---

    def use(self, budgets: Sequence[Budget]) -> None:
        """From now on these. What changed only in its name, limit, ladder or policy keeps its counters."""
        now_us = self._now_us()
        self._roster.use(budgets, now_us)
        self.version += 1
        self._active.update(self._roster.current(now_us))

    def correct(self, subject: Subject, started_us: int, nanos: int | None, tokens: int) -> None:
        """A correction row that is in the ledger: what was spent in the period of `started_us` differs by
        this much (None: nothing)."""
        forgotten_us = self._now_us() - KEPT_S * US_PER_S
        for family in self._roster.covering(subject, self._now_us()):
            amount = (nanos or 0) if family.budget.unit == "usd" else tokens
            if amount and family.budget.unit in ("usd", "tokens"):
                bucket = family.budget.bucket(started_us)
                if bucket.end_us >= forgotten_us:
                    account = family.account(family.budget.selector.part(subject), bucket)
                    account.corrected += amount
                    self._active.add(account)

    async def closed(self, process: str) -> bool:
        """That process is dead, and the ledger has all its rows: they replace what was charged for it when it
        died. False: not now, try again."""
        now_us = self._now_us()
        return await self._seeding.close(process, self._roster.families.values(), now_us)

    # --- upkeep ---

    async def run(self) -> None:
        """Until cancelled: what is settled is told, the lease renewed, and state that is away looked for."""
        while True:
            await self.tick()
            wait_s = self._tick_s
            if self._link.away is not None:
                wait_s = min(wait_s, max(0.0, self._probe_at - self._clock.monotonic()))
            await asyncio.sleep(wait_s)

    async def tick(self) -> None:
        now, now_us = self._clock.monotonic(), self._now_us()
        if self._link.away is not None:
            await self._look_for_state(now)
        if self._link.away is None:
            await self._tell(now, now_us)
            self._seeding.start(self._roster.current(now_us), self._roster.families)
        if now - self._forgot_at >= FORGET_S:
            self._forgot_at = now
            self._roster.forget(now_us)

    async def seeded(self) -> None:
        """Once what is being asked of the ledger now has been answered."""
        await self._seeding.finished()

    async def aclose(self) -> None:
        """Tell the state what is settled, give back what is leased, and leave."""
        if self._link.away is None:
            for account in self._active:
                account.drop_slice()
            await self._link.push([account for account in self._active if account.push() != account.pushed])
        self._seeding.cancel()
        await self._link.aclose()

    async def _tell(self, now: float, now_us: int) -> None:
        refresh = now - self._refreshed_at >= REFRESH_S
        if refresh:
            self._refreshed_at = now
            self._active.update(self._roster.current(now_us))
        telling = []
        for account in list(self._active):
            account.trim()
            if refresh or account.push() != account.pushed:
                telling.append(account)
        await self._link.push(telling)
        self._active = {account for account in self._active if not account.is_idle}

    async def _look_for_state(self, now: float) -> None:
        if now < self._probe_at:
            return
        if not await self._link.come_back():
            self._probe_at = self._clock.monotonic() + self._probe_wait_s
            self._probe_wait_s = min(2 * self._probe_wait_s, PROBE_S[1])

    def _state_changed(self, cause: str | None) -> None:
        self._probe_wait_s = PROBE_S[0]
        self._probe_at = self._clock.monotonic() + PROBE_S[0]
        self.on_state(cause)

    def _heard(self, account: Account, entry: Entry) -> None:
        self._active.add(account)
        if entry.rungs_to > entry.rungs_from:
            standing = account.standing(away=False)
            for percent, action in account.budget.ladder:
                if entry.rungs_from < percent <= entry.rungs_to:
                    self.on_notify(standing, percent, action)

    # --- reserving ---

    def _hold_now(self, plan: Plan, subject: Subject, bound: Bound, now_us: int) -> Hold | None:
        if self._link.is_local and self._reserver.now(hold_parts(plan, bound), now_us):
            return Hold(self, plan, subject, bound, now_us)
        return None

    def _permit_now(self, plan: Plan, now_us: int) -> Permit | None:
        if self._link.is_local and self._reserver.now(permit_parts(plan), now_us):
            return permitted(plan, ())
        return None

    # --- what settling rarely needs ---

    def unusual(self, plan: Plan, *, over: bool, unknown: bool) -> None:
        """An attempt that cost more than its bound, or nobody knows what."""
        self.overruns += over
        if unknown:
            for account in plan.usd:
                account.unknown += 1
        self._active.update(plan.usd, plan.tokens)

    def charge_newer(
        self, plan: Plan, subject: Subject, started_us: int, nanos: int | None, tokens: int
    ) -> None:
        """Budgets that came after the hold count it too."""
        known = {account.family for account in plan.accounts}
        for family in self._roster.covering(subject, self._now_us()):
            if family.key in known or family.budget.unit not in ("usd", "tokens"):
                continue
            bucket = family.budget.bucket(started_us)
            account = family.account(family.budget.selector.part(subject), bucket)
            account.settled += (nanos or 0) if family.budget.unit == "usd" else tokens
            account.unknown += family.budget.unit == "usd" and nanos is None
            self._active.add(account)

    def _now_us(self) -> int:
        return self._clock.wall_ns() // 1_000
