"""A desk's line to the state: one exchange at a time, the needs of one turn together.

The steps are written once, as generators that yield requests; a state in this process answers them at once, a
remote one across the network.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Generator, Iterable, Sequence
from enum import Enum
from typing import NamedTuple, TypeVar

from metering.budgets.account import Account
from metering.budgets.store import (
    FULL,
    GRANTED,
    UNSEEDED,
    Ask,
    Entry,
    LocalStore,
    Need,
    Reply,
    Request,
    StateAway,
    Store,
)

MAX_GROUPS = 256
"""Holds that travel together."""
CHUNK = 200
"""Accounts that are pushed together."""

T = TypeVar("T")
Steps = Generator[Request, Reply, T]


class Part(NamedTuple):
    """What one hold needs of one account."""

    account: Account
    amount: int
    charge: int
    """If this process dies."""


class Answer(Enum):
    GRANTED = "granted"
    FULL = "full"
    UNSEEDED = "unseeded"
    AWAY = "away"


class Verdict(NamedTuple):
    answer: Answer
    account: Account | None = None
    """The one that had no room, or no past."""


_GRANTED, _AWAY = Verdict(Answer.GRANTED), Verdict(Answer.AWAY)


class _Waiting(NamedTuple):
    parts: Sequence[Part]
    done: asyncio.Future[Verdict]


class Trip:
    """One exchange. What is leased already is taken at once; what is scarce is given up and asked for anew,
    so that a remainder that is too small for anybody does not lie about."""

    def __init__(self, groups: Sequence[Sequence[Part]], extra: Collection[Account]) -> None:
        totals: dict[Account, int] = {}
        for part in (part for group in groups for part in group):
            totals[part.account] = totals.get(part.account, 0) + part.amount
        scarce = [account for account, total in totals.items() if account.free < total]
        for account in scarce:
            account.free = 0
        self.accounts = list(dict.fromkeys([*scarce, *extra]))
        place = {account: position for position, account in enumerate(scarce)}
        self._groups = groups
        self._taken = [[part for part in group if part.account not in place] for group in groups]
        self._asked = [[part for part in group if part.account in place] for group in groups]
        for part in (part for group in self._taken for part in group):
            part.account.hold(part.amount, part.charge)
        self.asks: list[Ask] = [account.ask(lease=account in place) for account in self.accounts]
        self.needs = [
            [Need(place[part.account], part.amount, part.charge) for part in group] for group in self._asked
        ]

    def undo(self) -> None:
        for part in (part for group in self._taken for part in group):
            part.account.unhold(part.amount, part.charge)

    def apply(self, reply: Reply) -> list[Verdict]:
        granted: dict[Account, tuple[int, int]] = {}
        verdicts = []
        for position, (code, ask) in enumerate(reply.verdicts):
            if code == GRANTED:
                for part in self._asked[position]:
                    amount, charge = granted.get(part.account, (0, 0))
                    granted[part.account] = amount + part.amount, charge + part.charge
                    part.account.free += part.amount
                    part.account.hold(part.amount, part.charge)
                verdicts.append(_GRANTED)
                continue
            for part in self._taken[position]:
                part.account.unhold(part.amount, part.charge)
            unseeded = code == UNSEEDED
            account = self.accounts[ask if unseeded else code]
            verdicts.append(Verdict(Answer.UNSEEDED if unseeded else Answer.FULL, account))
        for account, sent, entry in zip(self.accounts, self.asks, reply.entries, strict=True):
            account.learn(entry, sent.push, *granted.get(account, (0, 0)))
        return verdicts


class Link:
    def __init__(
        self,
        store: Store,
        *,
        process: str,
        ttl_s: float,
        known: Callable[[], Iterable[Account]],
        on_entry: Callable[[Account, Entry], None],
        on_state: Callable[[str | None], None],
    ) -> None:
        self._store = store
        self._local: LocalStore | None = store if isinstance(store, LocalStore) else None
        self._process = process
        self._ttl_s = ttl_s
        self._known = known
        """All accounts there are."""
        self._on_entry = on_entry
        self._on_state = on_state
        self._number = 0
        self._answered = FULL
        self._line = asyncio.Lock()
        self._waiting: list[_Waiting] = []
        self._pumping: asyncio.Task[None] | None = None
        self.away: str | None = None
        """The cause, while the state is away."""
        self.replicas: int | None = None
        """Processes that were alive when the state was last seen; None: it never was."""

    @property
    def is_local(self) -> bool:
        return self._local is not None

    def ask_now(self, parts: Sequence[Part]) -> Verdict:
        """Of a state in this process."""
        assert self._local is not None
        steps = self._trip([parts], ())
        try:
            request = next(steps)
            while True:
                request = steps.send(self._local.exchange_now(request))
        except StopIteration as end:
            verdicts: list[Verdict] = end.value
            return verdicts[0]

    async def ask(self, parts: Sequence[Part], until: float) -> Verdict:
        """All parts or none. Needs that come while an exchange is under way share the next one. What is not
        answered by `until` (the event loop's time) is answered as if the state were away."""
        if self.away is not None:
            return _AWAY
        done: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(parts, done))
        if self._pumping is None:
            self._pumping = asyncio.create_task(self._pump())
        try:
            async with asyncio.timeout_at(until):
                return await done
        except TimeoutError:
            return done.result() if _answered(done) else _AWAY
        except asyncio.CancelledError:
            if _answered(done) and done.result().answer is Answer.GRANTED:
                _give_back(parts)  # whoever asked was cancelled before hearing of it
            raise

    async def push(self, accounts: Sequence[Account]) -> bool:
        """Tell the state of these, and that this process lives. False: it is away."""
        try:
            for chunk in _chunks(accounts):
                await self._drive(self._trip((), chunk))
        except StateAway:
            return False
        return True

    async def come_back(self) -> bool:
        """Look whether the state is there, and tell it everything. False: still away."""
        try:
            await self._store.connect()
            await self._drive(self._resend())
        except StateAway:
            return False
        self.away = None
        for account in self._known():
            account.opened = 0
        self._on_state(None)
        return True

    async def aclose(self) -> None:
        if self._pumping is not None:
            self._pumping.cancel()
        for waiting in self._waiting:
            waiting.done.cancel()
        await self._store.aclose()

    async def _pump(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:MAX_GROUPS], self._waiting[MAX_GROUPS:]
                await self._answer(batch)
        finally:
            self._pumping = None

    async def _answer(self, batch: Sequence[_Waiting]) -> None:
        try:
            verdicts = await self._drive(self._trip([waiting.parts for waiting in batch], ()))
        except StateAway:
            batch, self._waiting = [*batch, *self._waiting], []
            verdicts = [_AWAY] * len(batch)
        for waiting, verdict in zip(batch, verdicts, strict=True):
            if not waiting.done.done():
                waiting.done.set_result(verdict)
            elif verdict.answer is Answer.GRANTED:  # whoever asked has left
                _give_back(waiting.parts)

    async def _drive(self, steps: Steps[T]) -> T:
        async with self._line:
            try:
                request = next(steps)
                while True:
                    request = steps.send(await self._store.exchange(request))
            except StopIteration as end:
                result: T = end.value
                return result
            except StateAway as error:
                self._answered = FULL
                if self.away is None:
                    self.away = str(error)
                    self._on_state(self.away)
                raise
            finally:
                steps.close()

    def _trip(self, groups: Sequence[Sequence[Part]], extra: Collection[Account]) -> Steps[list[Verdict]]:
        while True:
            if self._answered == FULL:
                yield from self._resend()
            trip = Trip(groups, extra)
            try:
                reply = yield self._request(trip)
            except GeneratorExit:
                trip.undo()
                raise
            if reply.known:
                return self._heard(trip, reply)
            trip.undo()
            self._answered = FULL

    def _resend(self) -> Steps[None]:
        """Everything, after the state forgot this process. What was leased ahead is void, what is in flight
        is not."""
        accounts = [account for account in self._known() if account.says_something()]
        for account in accounts:
            account.drop_slice()
        self._answered = FULL
        for chunk in _chunks(accounts):
            trip = Trip((), chunk)
            reply = yield self._request(trip)
            if not reply.known:
                raise StateAway("the state lost what it was told a moment ago")
            self._heard(trip, reply)

    def _heard(self, trip: Trip, reply: Reply) -> list[Verdict]:
        self._answered = self._number
        self.replicas = max(1, reply.replicas)
        verdicts = trip.apply(reply)
        for account, entry in zip(trip.accounts, reply.entries, strict=True):
            self._on_entry(account, entry)
        return verdicts

    def _request(self, trip: Trip) -> Request:
        self._number += 1
        return Request(self._process, self._number, self._answered, self._ttl_s, trip.asks, trip.needs)


def _answered(done: asyncio.Future[Verdict]) -> bool:
    return done.done() and not done.cancelled()


def _give_back(parts: Sequence[Part]) -> None:
    for part in parts:
        part.account.unhold(part.amount, part.charge)


def _chunks(accounts: Sequence[Account]) -> list[Sequence[Account]]:
    """At least one: an exchange without accounts says that this process lives."""
    return [accounts[start : start + CHUNK] for start in range(0, max(1, len(accounts)), CHUNK)]
