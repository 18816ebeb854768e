"""Identical requests at the same time: one goes out, the others wait for its answer.

Identical means the same entry key in the same partition. A waiter waits no longer than it was told to. When
the first one fails or leaves, the one that has waited longest goes out in its place; when the answer turns
out not to be one for others, all go out by themselves.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from enum import Enum
from types import TracebackType
from typing import Generic, NamedTuple, TypeVar

from cache.base import EntryKey, PartitionKey

T = TypeVar("T")
Place = tuple[PartitionKey, EntryKey]


class Outcome(Enum):
    ANSWERED = "answered"
    LEADS = "leads"
    """The first has failed or left: this one goes out, and the others wait for it."""
    ALONE = "alone"
    """Waited too long, or the answer is not for others: goes out, and nobody waits for it."""


class Landed(NamedTuple, Generic[T]):
    outcome: Outcome
    answer: T | None = None


class _Flight(Generic[T]):
    def __init__(self) -> None:
        self.waiting: OrderedDict[asyncio.Future[Landed[T]], None] = OrderedDict()


class SingleFlight(Generic[T]):
    """Bounded: beyond `max_flights` places, or `max_waiting` waiters at one, a request goes out alone."""

    def __init__(self, max_flights: int = 10_000, max_waiting: int = 1_000) -> None:
        self._max_flights, self._max_waiting = max_flights, max_waiting
        self._flights: dict[Place, _Flight[T]] = {}

    def __len__(self) -> int:
        return len(self._flights)

    def enter(self, partition: PartitionKey, key: EntryKey) -> Turn[T]:
        """Whether to go out or to wait is in the turn. Use it with `with`: a turn that leads and ends without
        a word about its answer has failed."""
        place = (partition, key)
        flight = self._flights.get(place)
        if flight is None:
            if len(self._flights) >= self._max_flights:
                return Turn(self, place, None, Outcome.ALONE)
            flight = self._flights[place] = _Flight()
            return Turn(self, place, flight, Outcome.LEADS)
        if len(flight.waiting) >= self._max_waiting:
            return Turn(self, place, None, Outcome.ALONE)
        return Turn(self, place, flight, None)

    def _end(self, place: Place, flight: _Flight[T], landed: Landed[T]) -> None:
        if self._flights.get(place) is flight:
            del self._flights[place]
        for waiter in flight.waiting:
            if not waiter.done():
                waiter.set_result(landed)
        flight.waiting.clear()

    def _pass_on(self, place: Place, flight: _Flight[T]) -> None:
        while flight.waiting:
            waiter, _ = flight.waiting.popitem(last=False)
            if not waiter.done():
                waiter.set_result(Landed(Outcome.LEADS))
                return
        self._end(place, flight, Landed(Outcome.ALONE))


class Turn(Generic[T]):
    def __init__(
        self, flights: SingleFlight[T], place: Place, flight: _Flight[T] | None, outcome: Outcome | None
    ) -> None:
        self._flights, self._place, self._flight = flights, place, flight
        self.leads = outcome is Outcome.LEADS
        self._handed_over = False
        self.waits = outcome is None
        """Then `wait` says how it ended; otherwise go out at once."""

    def hand_over(self) -> None:
        """There is an answer, and `answer` or `release` will be said of it after this turn's `with`: whoever
        comes in between waits as well."""
        self._handed_over = True

    async def wait(self, within_s: float) -> Landed[T]:
        """At most that long. After LEADS this turn leads."""
        flight = self._flight
        assert self.waits
        assert flight is not None
        self.waits = False
        waiter: asyncio.Future[Landed[T]] = asyncio.get_running_loop().create_future()
        flight.waiting[waiter] = None
        try:
            async with asyncio.timeout(within_s):
                landed = await waiter
        except TimeoutError:
            landed = Landed(Outcome.ALONE) if waiter.cancelled() else waiter.result()
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.result().outcome is Outcome.LEADS:
                self._flights._pass_on(self._place, flight)
            raise
        finally:
            flight.waiting.pop(waiter, None)
        self.leads = landed.outcome is Outcome.LEADS
        return landed

    def answer(self, answer: T) -> None:
        """To everybody who waits. Nothing if this turn does not lead."""
        self._finish(Landed(Outcome.ANSWERED, answer))

    def release(self) -> None:
        """The answer is not one for others: they go out by themselves."""
        self._finish(Landed(Outcome.ALONE))

    def _finish(self, landed: Landed[T]) -> None:
        if self.leads and self._flight is not None:
            self.leads = False
            self._flights._end(self._place, self._flight, landed)

    def __enter__(self) -> Turn[T]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.leads and self._flight is not None and not self._handed_over:
            self.leads = False
            self._flights._pass_on(self._place, self._flight)
