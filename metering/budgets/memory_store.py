"""The shared state in this process: for one gateway, and the plainest statement of what a store does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from metering.budgets.account import SLICE_SHARE
from metering.budgets.periods import US_PER_S
from metering.budgets.store import (
    CORRECTIONS,
    FULL,
    GRANTED,
    KEPT_S,
    UNSEEDED,
    Ask,
    Entry,
    Need,
    Push,
    Reply,
    Request,
    SeedAmount,
    SeedPlan,
    SeedWrite,
)

_NOTHING = Push(0, 0, 0, 0, 0)
_TIDY_EVERY = 4_096
"""Exchanges between two looks for buckets that are over."""


class Clock(Protocol):
    def monotonic(self) -> float: ...
    def wall_ns(self) -> int: ...


@dataclass(slots=True)
class _Bucket:
    end_us: int
    processes: dict[str, Push] = field(default_factory=dict)
    swept: dict[str, int] = field(default_factory=dict)
    """What was charged for a process when it was found dead."""
    seeds: dict[str, SeedAmount] = field(default_factory=dict)
    """The ledger's sums of processes that do not say themselves, and of corrections."""
    announced: tuple[int, int] = (0, 0)
    """Limit, and the highest rung of it that was announced."""


@dataclass(slots=True)
class _Sum:
    """A counter while an exchange is under way."""

    newest: _Bucket
    own: Push
    spent: int = 0
    reserved: int = 0
    unknown: int = 0
    slice: int = 0
    seeded: bool = True
    refused: bool = False

    def lease(self, amount: int, charge: int) -> None:
        self.reserved += amount
        self.own = self.own._replace(leased=self.own.leased + amount, charge=self.own.charge + charge)


class MemoryStore:
    """Several desks may share one, on one event loop; each is a process with a lease, as in Redis."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._alive: dict[str, tuple[float, int]] = {}
        """Process -> until when, number of its last exchange."""
        self._closed: set[str] = set()
        self._buckets: dict[tuple[str, int], _Bucket] = {}
        self._born: dict[str, int] = {}
        """Family -> since when the state counts it."""
        self._seeded: set[tuple[str, int]] = set()
        self._cuts: dict[str, dict[str, int]] = {}
        self._exchanges = 0

    async def exchange(self, request: Request) -> Reply:
        return self.exchange_now(request)

    def exchange_now(self, request: Request) -> Reply:
        now = self._clock.monotonic()
        until, number = self._alive.get(request.process, (now, FULL))
        if request.previous != FULL and (until <= now or number != request.previous):
            return Reply(known=False, replicas=0)
        self._alive[request.process] = (now + request.ttl_s, request.number)
        self._tidy()
        sums = [self._open(request.process, ask) for ask in request.asks]
        verdicts = [self._grant(request.asks, sums, group) for group in request.groups]
        entries = [self._finish(request.process, ask, it) for ask, it in zip(request.asks, sums, strict=True)]
        replicas = sum(until > now for until, _ in self._alive.values())
        return Reply(True, replicas, verdicts, entries)

    async def seed_plan(self, families: Sequence[str]) -> SeedPlan:
        return SeedPlan(True, {family: tuple(self._cuts.get(family, {}).items()) for family in families})

    async def seed(self, writes: Sequence[SeedWrite]) -> None:
        for write in writes:
            for counter, sums in write.amounts.items():
                self._seed(write, counter, sums)
            self._seeded.add((write.family, write.bucket.start_us))

    async def closed(self, process: str, writes: Sequence[SeedWrite]) -> None:
        self._closed.add(process)
        self._alive.pop(process, None)
        exact = {
            (counter, write.bucket.start_us): sums[process]
            for write in writes
            for counter, sums in write.amounts.items()
        }
        for at, sum_ in exact.items():
            bucket = self._buckets.get(at)
            if bucket is not None:
                known = bucket.processes.get(process, _NOTHING)
                bucket.processes[process] = Push(sum_.amount, 0, 0, known.corrected, sum_.unknown)
                bucket.seeds.pop(process, None)
        for at, bucket in self._buckets.items():
            charged = bucket.swept.pop(process, 0)
            if charged and at not in exact:
                own = bucket.processes[process]
                bucket.processes[process] = own._replace(settled=own.settled - charged)

    async def connect(self) -> None:
        """There is nothing to connect to."""

    async def questions(self) -> list[str]:
        return []

    async def aclose(self) -> None:
        """There is nothing to close."""

    def _open(self, process: str, ask: Ask) -> _Sum:
        """Take the push, and sum the counter up without it."""
        self._born.setdefault(ask.family, self._now_us())
        if ask.cut_us:
            self._cuts.setdefault(ask.family, {})[process] = ask.cut_us
        newest = self._bucket(ask.counter, ask.bucket.start_us, ask.bucket.end_us)
        newest.processes[process] = ask.push
        newest.swept.pop(process, None)
        if not ask.cut_us:
            newest.seeds.pop(process, None)
        found = _Sum(newest, ask.push)
        for start_us in ask.window:
            bucket = self._buckets.get((ask.counter, start_us))
            if bucket is not None:
                self._sweep(bucket)
                self._add(found, bucket)
            if ask.seeds and not self._is_seeded(ask.family, start_us):
                found.seeded = False
        return found

    def _add(self, found: _Sum, bucket: _Bucket) -> None:
        for push in bucket.processes.values():
            found.spent += push.settled + push.corrected
            found.reserved += push.leased
            found.unknown += push.unknown
        for seed in bucket.seeds.values():
            found.spent += seed.amount
            found.unknown += seed.unknown

    def _grant(self, asks: Sequence[Ask], sums: Sequence[_Sum], group: Sequence[Need]) -> tuple[int, int]:
        for need in group:
            it, limit = sums[need.ask], asks[need.ask].limit
            if not it.seeded:
                return UNSEEDED, need.ask
            if limit is not None and it.spent + it.reserved + need.amount > limit:
                it.refused = True
                return need.ask, 0
        for need in group:
            sums[need.ask].lease(need.amount, need.charge)
        return GRANTED, 0

    def _finish(self, process: str, ask: Ask, it: _Sum) -> Entry:
        if ask.limit is not None and it.seeded and not it.refused:
            remaining = ask.limit - it.spent - it.reserved
            it.slice = max(0, min(ask.slice_cap, remaining // SLICE_SHARE))
            it.lease(it.slice, it.slice)
        it.newest.processes[process] = it.own
        reached = max((rung for rung in ask.rungs if 0 < rung * ask.base <= it.spent * 100), default=0)
        announced = self._announced(ask)
        if reached > announced:
            it.newest.announced = (ask.base, reached)
        return Entry(
            it.spent, it.reserved, it.slice, it.seeded, announced, max(announced, reached), it.unknown
        )

    def _announced(self, ask: Ask) -> int:
        buckets = (self._buckets.get((ask.counter, start_us)) for start_us in ask.window)
        marks = (bucket.announced for bucket in buckets if bucket is not None)
        return max((rung for base, rung in marks if base == ask.base), default=0)

    def _sweep(self, bucket: _Bucket) -> None:
        """What the dead leased is free, and what they are taken to have used is spent: once."""
        now = self._clock.monotonic()
        for process, push in list(bucket.processes.items()):
            if self._alive.get(process, (now, 0))[0] > now:
                continue
            if push == _NOTHING:
                del bucket.processes[process]
            elif push.leased or push.charge:
                charge = 0 if process in self._closed else push.charge
                bucket.processes[process] = push._replace(settled=push.settled + charge, leased=0, charge=0)
                bucket.swept[process] = bucket.swept.get(process, 0) + charge

    def _is_seeded(self, family: str, start_us: int) -> bool:
        return start_us >= self._born[family] or (family, start_us) in self._seeded

    def _seed(self, write: SeedWrite, counter: str, sums: Mapping[str, SeedAmount]) -> None:
        bucket = self._bucket(counter, write.bucket.start_us, write.bucket.end_us)
        cuts = self._cuts.get(write.family, {})
        for process, amount in sums.items():
            if process == CORRECTIONS:
                reported = sum(push.corrected for push in bucket.processes.values())
                bucket.seeds[process] = SeedAmount(amount.amount - reported, amount.unknown)
            elif process not in bucket.processes or process in cuts:
                bucket.seeds[process] = amount

    def _bucket(self, counter: str, start_us: int, end_us: int) -> _Bucket:
        found = self._buckets.get((counter, start_us))
        if found is None:
            found = self._buckets[counter, start_us] = _Bucket(end_us)
        return found

    def _tidy(self) -> None:
        self._exchanges += 1
        if self._exchanges % _TIDY_EVERY:
            return
        oldest_us = self._now_us() - KEPT_S * US_PER_S
        self._buckets = {at: it for at, it in self._buckets.items() if it.end_us > oldest_us}

    def _now_us(self) -> int:
        return self._clock.wall_ns() // 1_000
