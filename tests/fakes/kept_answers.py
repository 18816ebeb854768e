"""Entries and questions for tests of the answer cache: small, and the same for the same words."""

from __future__ import annotations

import hashlib

import numpy as np

from cache.answers import Kept
from cache.base import Entry, EntryKey, PartitionKey
from cache.question import Floats, Question

NOW_US = 1_767_225_600_000_000
HOUR_US = 3_600_000_000


def partition(name: str) -> PartitionKey:
    return PartitionKey(hashlib.sha256(b"partition " + name.encode()).digest())


def key(words: str, of: PartitionKey = PartitionKey(b"")) -> EntryKey:  # noqa: B008 - bytes
    return EntryKey(hashlib.sha256(of + words.encode()).digest())


def vector(words: str) -> Floats:
    seed = int.from_bytes(hashlib.sha256(words.encode()).digest()[:8], "big")
    drawn = np.random.default_rng(seed).standard_normal(256, dtype=np.float32)
    return np.asarray(drawn / np.linalg.norm(drawn), np.float32)


def question(words: str, of: PartitionKey) -> Question:
    return Question(of, words, vector(words))


def entry(
    id: str,
    *,
    tenant: str = "acme",
    body: bytes = b"{}",
    route: str = "auto",
    epoch: int = 0,
    stored_us: int = NOW_US,
    ttl_us: int = HOUR_US,
) -> Entry:
    return Entry(
        id=id,
        tenant=tenant,
        body=body,
        served_model="small",
        backend="gpu1",
        input_tokens=3,
        output_tokens=5,
        usage_known=True,
        stored_us=stored_us,
        expires_us=stored_us + ttl_us,
        stand_in=False,
        route=route,
        epoch=epoch,
    )


def kept(words: str, entry: Entry, of: PartitionKey, *, seen: int = 0, asks: bool = True) -> Kept:
    """Found by its words verbatim, by their small letters, and by its neighbours."""
    keys = key(words, of), key("~" + words.lower(), of)
    return Kept(of, keys, entry, question(words, of) if asks else None, seen)
