"""What desks tell a shared state and what it answers: one exchange, absolute values, idempotent.

For each counter and bucket the state holds, per process, what that process settled in all (never increments),
what it leased, and what is charged if the process dies. So a reply that is lost, a failover that lost writes
and a state that came back empty are all repaired by saying the same again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import NamedTuple, Protocol, runtime_checkable

from metering.budgets.model import Selector, Unit
from metering.budgets.periods import Span

FULL = -1
"""As `Request.previous`: whatever the state thinks of this process, it is told everything again."""
KEPT_S = 2 * 86_400
"""A bucket is kept this long after its end, for attempts that end late and for corrections."""
CORRECTIONS = "corrections"
"""Stands in place of a process for the correction rows of the ledger."""


class StateAway(Exception):
    """The shared state did not answer in time, or not sensibly. The message names the cause."""


class Push(NamedTuple):
    """This process's own figures for one counter and bucket, absolute. Units are the counter's."""

    settled: int
    leased: int
    """Bounds of what is in flight, and the unspent slice."""
    charge: int
    """What to charge in place of `leased` if the process dies."""
    corrected: int
    """Of correction rows that it reported; may be negative."""
    unknown: int
    """Attempts of unknown price."""


class Need(NamedTuple):
    ask: int
    """Position in `Request.asks`."""
    amount: int
    charge: int


class Ask(NamedTuple):
    """One counter, in its newest bucket."""

    family: str
    counter: str
    bucket: Span
    window: tuple[int, ...]
    """First microseconds of the buckets that count, the newest first."""
    limit: int | None
    """None: nothing is refused, and no slice is leased."""
    base: int
    """The limit that the rungs are percents of."""
    rungs: tuple[int, ...]
    """Percents, ascending."""
    slice_cap: int
    """0: no slice."""
    seeds: bool
    """Whether its past is asked of the ledger."""
    cut_us: int
    """From when on this process counted it; 0: from the start of the bucket or of the process."""
    push: Push


class Request(NamedTuple):
    process: str
    number: int
    previous: int
    """The number of the last request that was answered, or FULL."""
    ttl_s: float
    """How long the process is believed alive after this."""
    asks: Sequence[Ask]
    groups: Sequence[Sequence[Need]]
    """Each is granted whole or not at all, in order, after all pushes."""


class Entry(NamedTuple):
    """What the state knows of an ask, grants of this exchange included."""

    spent: int
    reserved: int
    slice: int
    """Leased ahead for this process, beside what the groups were granted."""
    seeded: bool
    rungs_from: int
    rungs_to: int
    """Rungs above the first and up to the second (in percent) were reached, and nobody announced them yet."""
    unknown: int


GRANTED, UNSEEDED = -1, -2


class Reply(NamedTuple):
    known: bool
    """False: the state forgot this process, or took it for dead. Nothing was done; say everything again."""
    replicas: int
    """Processes that are alive."""
    verdicts: Sequence[tuple[int, int]] = ()
    """Per group: (GRANTED, 0); (UNSEEDED, ask); (ask that had no room, 0)."""
    entries: Sequence[Entry] = ()


class SeedAsk(NamedTuple):
    """Sum the ledger's rows that a selector covers and whose `started_us` is in the span.

    `cuts`: of this process, rows that finished from then on are left out; it counts them itself.
    `process`: of this process alone.
    """

    family: str
    selector: Selector
    unit: Unit
    bucket: Span
    cuts: tuple[tuple[str, int], ...] = ()
    process: str | None = None


class SeedAmount(NamedTuple):
    amount: int
    unknown: int
    """Rows whose cost is unknown."""


Seeds = Mapping[tuple[str, ...], Mapping[str, SeedAmount]]
"""Part of `each` (() without) -> process, or CORRECTIONS -> its sum. What is missing is 0."""
Seeder = Callable[[Sequence[SeedAsk]], Awaitable[Sequence[Seeds]]]
"""Answers in the order of the asks. Raises LedgerError if the ledger cannot be read now."""


class SeedPlan(NamedTuple):
    ready: bool
    """False: the state is so young that processes may not have reported yet. Ask again."""
    cuts: Mapping[str, tuple[tuple[str, int], ...]]
    """Family -> process -> from when on it counts by itself."""


class SeedWrite(NamedTuple):
    family: str
    bucket: Span
    amounts: Mapping[str, Mapping[str, SeedAmount]]
    """Counter -> process -> its sum."""


class Store(Protocol):
    """Every method raises StateAway, and waits for nobody longer than a tenth of a second."""

    async def exchange(self, request: Request) -> Reply: ...

    async def seed_plan(self, families: Sequence[str]) -> SeedPlan: ...

    async def seed(self, writes: Sequence[SeedWrite]) -> None:
        """A process's own figures stand above the ledger's; then the buckets are seeded."""
        ...

    async def closed(self, process: str, writes: Sequence[SeedWrite]) -> None:
        """The process is dead and the ledger has all its rows: these are its exact sums."""
        ...

    async def connect(self) -> None:
        """Make sure of the connection, with more patience; never on the road."""
        ...

    async def questions(self) -> list[str]:
        """What is wrong with the state though it answers."""
        ...

    async def aclose(self) -> None: ...


@runtime_checkable
class LocalStore(Protocol):
    """A store in this process, which needs no waiting."""

    def exchange_now(self, request: Request) -> Reply: ...
