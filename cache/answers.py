"""What the gateway asks of an answer cache, whether it lies in the process or is shared by several.

What is known at once is given at once: `find_now` and `fetch_now` never wait. Where they say PENDING, the
awaited form of the same question answers it. A cache in the process never says PENDING.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Final, Literal, NamedTuple, Protocol

from cache.base import Entry, EntryKey, PartitionKey, WrongPartition
from cache.question import Question

ALIASES_PER_ENTRY = 16
"""Keys that lead to one entry beside its own."""


class Answer(Enum):
    PENDING = "pending"


PENDING: Final = Answer.PENDING
Pending = Literal[Answer.PENDING]


class Hit(NamedTuple):
    entry: Entry
    key: int
    """Which of the keys that were asked for led to it, counted from 0."""


class Near(NamedTuple):
    """A stored question of the same partition that resembles the one asked."""

    entry_id: str
    cosine: float
    text: str


class Kept(NamedTuple):
    """An answer on its way into the cache."""

    partition: PartitionKey
    keys: tuple[EntryKey, ...]
    """Those that lead to it: verbatim, then canonical. At least one."""
    entry: Entry
    question: Question | None
    """None where only its keys shall find it."""
    seen: int
    """`position()` when the request was looked up: an answer that was bought before a purge which concerns
    it is not kept after it."""

    def checked(self) -> Kept:
        """Raises WrongPartition if the question is of another partition, ValueError without a key."""
        if not self.keys:
            raise ValueError("an answer without a key cannot be found again")
        if self.question is not None and self.question.partition != self.partition:
            raise WrongPartition("an answer of one partition with a question of another")
        return self


class Purge(NamedTuple):
    """Which answers to drop: those that match every part that is given; all, where none is.

    An id stands alone, and so does a bound of age or epoch beside tenant and route. Raises ValueError from
    `checked` otherwise.
    """

    entry_id: str = ""
    tenant: str = ""
    route: str = ""
    stored_before_us: int = 0
    epoch_below: int = 0

    def checked(self) -> Purge:
        others = (self.tenant, self.route, self.stored_before_us, self.epoch_below)
        if self.entry_id and any(others):
            raise ValueError("purge: an id stands alone")
        if self.stored_before_us and self.epoch_below:
            raise ValueError("purge: by age or by epoch, not both")
        return self

    def matches(self, entry: Entry) -> bool:
        if self.entry_id:
            return entry.id == self.entry_id
        return (
            (not self.tenant or entry.tenant == self.tenant)
            and (not self.route or entry.route == self.route)
            and (not self.stored_before_us or entry.stored_us < self.stored_before_us)
            and (not self.epoch_below or entry.epoch < self.epoch_below)
        )


class Purged(NamedTuple):
    dropped: int
    """Entries whose space was freed. Later ones may follow where `acknowledged`, none of them is served."""
    acknowledged: bool
    """No process serves what was purged. False: ask again, `cause` says why."""
    cause: str = ""


class StorageUse(NamedTuple):
    """What one tenant's answers occupied, and for how long: booked once per `id`, however often given."""

    id: str
    tenant: str
    byte_seconds: int
    until_us: int


class CacheStatus(NamedTuple):
    shared: bool
    away: str
    """The cause while the shared cache is away, else ''."""
    entries: int
    """In the store, as last heard."""
    tenant_bytes: Mapping[str, int]
    index_bytes: int
    partitions_held: int
    errors: int
    """Commands that failed or came too late, since the start."""


class AnswerCache(Protocol):
    """One event loop's. Nothing here raises for what happens to a server: what fails is a miss."""

    @property
    def shared(self) -> bool: ...

    def position(self) -> int:
        """How far this process has heard of purges; goes into `Kept.seen`."""
        ...

    def find_now(
        self, partition: PartitionKey, keys: Sequence[EntryKey], now_us: int
    ) -> Hit | Pending | None: ...

    async def find(self, partition: PartitionKey, keys: Sequence[EntryKey], now_us: int) -> Hit | None:
        """The entry under the first of these keys that has one."""
        ...

    def nearest(self, question: Question, k: int) -> list[Near]:
        """At most k, the nearest first. Each is a candidate only: whether it is still there, `fetch` says."""
        ...

    def fetch_now(self, partition: PartitionKey, entry_id: str, now_us: int) -> Entry | Pending | None: ...

    async def fetch(self, partition: PartitionKey, entry_id: str, now_us: int) -> Entry | None: ...

    def keep(self, kept: Kept) -> None:
        """Never waits; what cannot be kept is forgotten."""
        ...

    def alias(self, partition: PartitionKey, key: EntryKey, entry_id: str) -> None:
        """From now on this key leads to that entry too, as long as it lives."""
        ...

    async def purge(self, what: Purge) -> Purged: ...

    async def take_storage(self) -> list[StorageUse]:
        """What is to be booked. Given again, unchanged, until `booked` names it."""
        ...

    async def booked(self, ids: Sequence[str]) -> None: ...

    def status(self) -> CacheStatus: ...

    async def start(self) -> None:
        """Opens what there is to open, and begins to follow. Returns soon even where the server is away."""
        ...

    async def aclose(self) -> None: ...
