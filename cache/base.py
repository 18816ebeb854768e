"""What the gateway asks of an answer cache, and what it stores."""

from __future__ import annotations

from typing import NamedTuple, NewType, Protocol

PartitionKey = NewType("PartitionKey", bytes)
"""Who may share answers, and everything but the last word that an answer depends on, hashed under a secret
of the process. The only way to name an entry: no store takes a key without it."""

EntryKey = NewType("EntryKey", bytes)
"""The request itself, hashed under its partition."""


class WrongPartition(ValueError):
    """What belongs to one partition was brought to another, or it is nothing that has a partition."""


class Entry(NamedTuple):
    """One whole answer, stored once in its non-streamed form whichever way it was made."""

    id: str
    """Shown to the client in the hit header, for purging."""
    tenant: str
    body: bytes
    """The non-streamed JSON answer."""
    served_model: str
    backend: str
    input_tokens: int
    output_tokens: int
    usage_known: bool
    """False where the upstream reported no usage: the counts are then estimates."""
    stored_us: int
    """UTC microseconds."""
    expires_us: int
    stand_in: bool
    route: str = ""
    """The model or virtual model by the name that the client gave, for purging."""
    epoch: int = 0
    """Of what the answer was made from, as the operator counts it; an older one can be purged."""
    cache_read_tokens: int = 0
    """Part of `input_tokens`, as is the next: what buying the answer again costs depends on them."""
    cache_write_tokens: int = 0
    cache_write_1h_tokens: int = 0
    """Part of `cache_write_tokens`."""
    reasoning_tokens: int = 0
    """Part of `output_tokens`."""
    service_tier: str = ""
    """As the vendor named it; '' is the standard one."""
    took_us: int = 0
    """How long buying it took, for prices by the second."""


class AnswerStore(Protocol):
    """Bounded by bytes; forgets the least recently used first. Never raises for being full."""

    def get(self, partition: PartitionKey, key: EntryKey, now_us: int) -> Entry | None: ...

    def put(self, partition: PartitionKey, key: EntryKey, entry: Entry) -> None: ...

    def purge_tenant(self, tenant: str) -> int:
        """Drops a tenant's entries; returns how many."""
        ...

    @property
    def bytes_used(self) -> int: ...

    def __len__(self) -> int: ...
