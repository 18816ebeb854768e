"""Reserving all that a request needs, or saying why not: asked of the state, opened while it is away."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from metering.budgets.account import Account
from metering.budgets.holds import needed_of
from metering.budgets.link import Answer, Link, Part
from metering.budgets.roster import Family
from metering.budgets.seeding import Seeding

HOLD_S = 0.22
"""A hold is decided within this, whatever state and ledger do."""
SEED_WAIT_S = 0.1
"""Of which it waits for the ledger's sums."""


class Reserver:
    def __init__(self, link: Link, seeding: Seeding, families: Mapping[str, Family]) -> None:
        self._link = link
        self._seeding = seeding
        self._families = families

    def now(self, parts: Sequence[Part], now_us: int) -> bool:
        """False: something must be asked of the ledger first."""
        answer, account = self._link.ask_now(parts)
        if answer is Answer.FULL and account is not None:
            raise account.refused(needed_of(parts, account), now_us)
        return answer is Answer.GRANTED

    async def soon(self, parts: Sequence[Part], now_us: int) -> tuple[Account, ...]:
        """The accounts among them that were opened: held beyond the lease. Raises Refused."""
        until = asyncio.get_running_loop().time() + HOLD_S
        opened: list[Part] = []
        asked: set[Account] = set()
        try:
            while True:
                rest = [part for part in parts if part not in opened]
                answer, account = await self._link.ask(rest, until)
                if answer is Answer.AWAY:
                    opened += self._open(rest, now_us)
                elif answer is Answer.FULL and account is not None:
                    raise account.refused(needed_of(parts, account), now_us)
                elif answer is Answer.UNSEEDED and account is not None:
                    if account in asked or not await self._seeding.wait_for(
                        account, self._families, SEED_WAIT_S
                    ):
                        scarce = [it for it in rest if it.account is account and account.free < it.amount]
                        opened += self._open(scarce, now_us)
                    asked.add(account)
                    continue
                return tuple(part.account for part in opened)
        except BaseException:
            for part in opened:
                part.account.settle(part.amount, part.charge, 0, opened=True)
            raise

    def _open(self, parts: Sequence[Part], now_us: int) -> list[Part]:
        """While the state is away: from the lease, then up to this process's share of the exposure."""
        opened = [part for part in parts if part.account.free < part.amount]
        for account, amount, _ in opened:
            room = account.room_while_away(self._link.replicas)
            if room < amount:
                raise account.refused(amount, now_us, "away")
        for part in parts:
            if part in opened:
                part.account.open(part.amount, part.charge)
            else:
                part.account.hold(part.amount, part.charge)
        return opened
