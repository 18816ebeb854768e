"""What is promised, and what one audit found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, NamedTuple, NewType

from cache.base import PartitionKey

Level = Literal["partition", "tenant", "route"]
"""Whose audits are counted together. `partition`: one conversation prefix of those who share. `tenant`: all
of one tenant's on a route. `route`: all tenants'; the only one that mixes them."""

BoundKey = NewType("BoundKey", str)
"""Names the audits that are counted together."""

MILLION = 1_000_000


class Outcome(StrEnum):
    SAME = "same"
    """The kept answer would have served."""
    DIFFERENT = "different"
    UNKNOWN = "unknown"
    """Nothing could tell. Counts as wrong wherever the promise is at stake."""


class Kind(StrEnum):
    SHADOW = "shadow"
    """A hit that would have been served, were the tier armed."""
    SERVED = "served"
    """A served hit, answered afresh too."""
    GREY = "grey"
    """A miss just below the threshold. Says nothing of hits, and counts for no bound."""


class Audit(NamedTuple):
    kind: Kind
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Promise:
    """`wrong_hits_at_most`, in parts per million so that counts stay integers."""

    wrong_ppm: int
    confidence: float = 0.95

    def __post_init__(self) -> None:
        """Raises ValueError for what cannot be promised."""
        if not 1 <= self.wrong_ppm <= MILLION // 2:
            raise ValueError("wrong_hits_at_most lies between 0.000001 and 0.5")
        if not 0.5 <= self.confidence < 1.0:
            raise ValueError("the confidence lies between 0.5 and 1")

    @property
    def rate(self) -> float:
        return self.wrong_ppm / MILLION


def promise_of(wrong_hits_at_most: float, confidence: float = 0.95) -> Promise:
    """Rounds down: never promises less than was asked. Raises ValueError."""
    return Promise(int(wrong_hits_at_most * MILLION + 1e-6), confidence)


def bound_key(level: Level, tenant: str, route: str, partition: PartitionKey, policy: str) -> BoundKey:
    """`policy` names everything that decides which hits there are: threshold, verifier, embedding, canonical
    form. Audits made under another one say nothing of these hits, and have another key."""
    parts: tuple[str, ...]
    match level:
        case "partition":
            parts = ("p", partition.hex())
        case "tenant":
            parts = ("t", _plain(tenant), _plain(route))
        case "route":
            parts = ("r", _plain(route))
    return BoundKey(":".join((*parts, _plain(policy))))


def _plain(name: str) -> str:
    """One name, one spelling, and no colon in it."""
    return name.replace("%", "%25").replace(":", "%3A")
