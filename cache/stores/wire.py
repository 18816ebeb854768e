"""How answers and what finds them are written in Redis."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
import orjson

from cache.answers import Kept, Purge
from cache.base import Entry, EntryKey, PartitionKey
from cache.index.rows import DIMENSIONS
from cache.question import Question

KEY_BYTES = 32
_VECTOR_BYTES = 2 * DIMENSIONS
ENTRY_OVERHEAD_BYTES = 1_900
"""What Redis needs around an entry's contents with two keys, the log aside."""


class Record(NamedTuple):
    """What a process needs to find an entry, but not to serve it."""

    keys: tuple[EntryKey, ...]
    question: Question | None


def tag(partition: PartitionKey) -> str:
    return urlsafe_b64encode(partition).decode().rstrip("=")


def untag(text: str) -> PartitionKey:
    return PartitionKey(urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def key_tag(key: EntryKey) -> str:
    return urlsafe_b64encode(key).decode().rstrip("=")


def tenant_tag(secret: bytes, tenant: str) -> str:
    """Names of tenants stand in no key's name."""
    digest = blake2b(tenant.encode(), digest_size=16, key=secret, person=b"weir tenant").digest()
    return urlsafe_b64encode(digest).decode().rstrip("=")


def who(tenant: str, route: str) -> str:
    return orjson.dumps([tenant, route]).decode()


def pack_record(kept: Kept) -> bytes:
    """Number of keys, the keys, 1 and the vector in half precision or 0, the text."""
    head = bytes([len(kept.keys)]) + b"".join(kept.keys)
    if kept.question is None:
        return head + b"\0"
    vector = kept.question.vector.astype("<f2").tobytes()
    return head + b"\1" + vector + kept.question.text.encode("utf-8", "surrogatepass")


def unpack_record(partition: PartitionKey, packed: bytes) -> Record:
    """Raises ValueError for what is no record."""
    at = 1 + KEY_BYTES * packed[0] if packed else 0
    if not packed or len(packed) <= at:
        raise ValueError("a record that was cut")
    keys = tuple(EntryKey(packed[start : start + KEY_BYTES]) for start in range(1, at, KEY_BYTES))
    if not packed[at]:
        return Record(keys, None)
    half = np.frombuffer(packed, "<f2", DIMENSIONS, at + 1)
    text = packed[at + 1 + _VECTOR_BYTES :].decode("utf-8", "surrogatepass")
    return Record(keys, Question(partition, text, half.astype(np.float32)))


def pack_entry(entry: Entry) -> bytes:
    """All but the body."""
    return orjson.dumps((*entry[:2], *entry[3:]))


def unpack_entry(meta: bytes, body: bytes) -> Entry:
    """Raises ValueError for what is no entry."""
    fields = orjson.loads(meta)
    if not isinstance(fields, list) or len(fields) != len(Entry._fields) - 1:
        raise ValueError("an entry of another version")
    return Entry._make([*fields[:2], body, *fields[2:]])


def pack_purge(what: Purge) -> bytes:
    return orjson.dumps(what._asdict())


def unpack_purge(text: bytes) -> Purge:
    """Raises ValueError, TypeError for what is no purge."""
    return Purge(**orjson.loads(text))


def pairs(flat: Sequence[bytes]) -> list[tuple[bytes, bytes]]:
    return list(zip(flat[::2], flat[1::2], strict=True))
