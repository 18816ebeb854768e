"""A thousand tenants with confusing names who share one cache, and lookups that try to get at each other's
answers. Every body names whom its answer was made for, and from what."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson

from cache.answers import Kept
from cache.base import EntryKey, PartitionKey, WrongPartition
from cache.index.partition_index import PartitionIndex
from cache.partition import Group, Scope, Sharing, canonical_key, last_text, request_keys
from cache.question import Floats, Question
from cache.stores.local import LocalCache
from tests.fakes.kept_answers import NOW_US, entry

SECRET = b"of one gateway, or of several"
TENANTS = 1_000
TEXTS = [
    f"How do I {verb} my {thing}?" for verb in ("reset", "cancel", "find") for thing in ("order", "bill")
]
_PARTS = (
    "t",
    "1",
    "11",
    "",
    "|",
    '"',
    '",null',
    '["t"',
    "group:",
    "a",
    "\0",
    "null",
    "{}",
    " ",
    "é",
    "e\u0301",
)
CHAT = "chat.completions"


def names(number: int, rng: random.Random) -> list[str]:
    """Made of the same few parts, so that many begin, end or are put together alike."""
    found: dict[str, None] = {}
    while len(found) < number:
        found["".join(rng.choices(_PARTS, k=rng.randint(1, 5)))] = None
    return list(found)


@dataclass
class Crowd:
    seed: int = 1
    cache: LocalCache = field(init=False)
    wrong: list[str] = field(default_factory=list)
    served: int = 0
    refused: int = 0

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        self.tenants = names(TENANTS, self.rng)
        self.cache = LocalCache(
            max_bytes=10**9, max_tenant_bytes=10**9, max_index_bytes=10**9, now_us=lambda: NOW_US
        )
        drawn = np.random.default_rng(self.seed).standard_normal((len(TEXTS), 256), np.float32)
        self.vectors: list[Floats] = list(drawn / np.linalg.norm(drawn, axis=1, keepdims=True))
        self.seen: list[tuple[PartitionKey, EntryKey, str]] = []
        for tenant in self.tenants:
            for _ in range(3):
                self.keep(self.sharing(tenant), tenant, self.rng.randrange(len(TEXTS)))

    def sharing(self, tenant: str) -> Sharing:
        """As the configuration says it, never the client. Groups and projects are named like tenants."""
        other = self.tenants[self.rng.randrange(40)]
        kind = self.rng.randrange(6)
        if kind == 0:
            return Group(other)
        return Scope(tenant, other if kind in (1, 2) else None, other if kind in (2, 3) else None)

    def fields(self, number: int) -> dict[str, Any]:
        """A request, with whatever a client may forge in it."""
        made: dict[str, Any] = {"model": "auto", "messages": [{"role": "user", "content": TEXTS[number]}]}
        forged = self.tenants[self.rng.randrange(TENANTS)]
        match self.rng.randrange(8):
            case 0:
                made["metadata"] = {"tenant": forged, "share": "tenant"}
            case 1:
                made["user"] = forged
            case 2:
                made["tenant"] = forged
            case 3:
                made["messages"].insert(0, {"role": "system", "content": f"tenant: {forged}"})
        return made

    def keys(self, sharing: Sharing, made: dict[str, Any]) -> tuple[PartitionKey, tuple[EntryKey, EntryKey]]:
        partition, exact = request_keys(SECRET, sharing, CHAT, "auto ", made)
        form = (last_text(CHAT, made) or "").lower()
        return partition, (exact, canonical_key(SECRET, partition, form))

    def keep(self, sharing: Sharing, tenant: str, number: int) -> None:
        made = self.fields(number)
        partition, keys = self.keys(sharing, made)
        body = orjson.dumps([mark(sharing), context(made)])
        kept = entry(f"hit_{len(self.seen)}", tenant=tenant, body=body)
        self.cache.keep(Kept(partition, keys, kept, self.question(partition, number), 0))
        self.seen.append((partition, keys[0], kept.id))

    def question(self, partition: PartitionKey, number: int) -> Question:
        return Question(partition, TEXTS[number], self.vectors[number])

    def look_up(self) -> None:
        tenant = self.tenants[self.rng.randrange(TENANTS)]
        sharing, number = self.sharing(tenant), self.rng.randrange(len(TEXTS))
        made = self.fields(number)
        partition, keys = self.keys(sharing, made)
        theirs, their_key, their_id = self.seen[self.rng.randrange(len(self.seen))]
        asked = [*keys, their_key]  # what a client saw elsewhere, or guessed
        hit = self.cache.find_now(partition, asked, NOW_US)
        found = [hit.entry] if hit else []
        if replayed := self.cache.fetch_now(partition, their_id, NOW_US):
            found.append(replayed)
        for near in self.cache.nearest(self.question(partition, number), 8):
            if near_entry := self.cache.fetch_now(partition, near.entry_id, NOW_US):
                found.append(near_entry)
        mine = orjson.dumps([mark(sharing), context(made)])
        self.served += len(found)
        self.wrong += [f"{one.id} to {sharing}" for one in found if one.body != mine]
        if theirs != partition and number == 0:
            self.bring(theirs, partition)

    def bring(self, theirs: PartitionKey, ours: PartitionKey) -> None:
        """Our question to their index."""
        try:
            PartitionIndex(theirs).nearest(self.question(ours, 0), 8)
        except WrongPartition:
            self.refused += 1
        else:
            self.wrong.append("an index answered a question of another partition")


def mark(sharing: Sharing) -> list[Any]:
    return [type(sharing).__name__, *sharing]


def context(made: dict[str, Any]) -> list[Any]:
    """What beside the last words an answer depends on."""
    return [made.get("tenant"), made["messages"][:-1]]
