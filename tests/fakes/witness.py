"""Who came, and how it went: the upstream's own record, to be compared with the ledger."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(slots=True)
class Arrival:
    """One request that reached the upstream whole."""

    marker: str
    """The text of `[id:...]` in the prompt."""
    nth: int
    """1 for the marker's first arrival, 2 for its second: the attempt, seen from here."""
    mode: str
    path: str
    stream: bool
    authorization: str
    began: bool = False
    """A first byte of an answer was written."""
    completed: bool = False
    """The answer was written whole, as this mode means it."""
    client_left: bool = False
    """The other side closed before the answer was whole."""


@dataclass(slots=True)
class Witness:
    arrivals: list[Arrival] = field(default_factory=list)
    _seen: Counter[str] = field(default_factory=Counter)
    _came: defaultdict[str, asyncio.Event] = field(default_factory=lambda: defaultdict(asyncio.Event))

    def arrive(self, marker: str, mode: str, path: str, stream: bool, authorization: str) -> Arrival:
        self._seen[marker] += 1
        arrival = Arrival(marker, self._seen[marker], mode, path, stream, authorization)
        self.arrivals.append(arrival)
        self._came[marker].set()
        return arrival

    async def first_arrival(self, marker: str) -> None:
        """Until something with that marker has arrived."""
        await self._came[marker].wait()

    def of(self, marker: str) -> list[Arrival]:
        return [arrival for arrival in self.arrivals if arrival.marker == marker]

    def attempts(self) -> Iterator[tuple[str, int]]:
        """(marker, attempt) of everything that arrived."""
        return ((arrival.marker, arrival.nth) for arrival in self.arrivals)
