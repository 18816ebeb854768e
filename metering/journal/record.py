"""One record: how it lies in a segment, and how records are found again, whatever happened to the bytes.

    2 bytes  marker F7 9E; F7 never occurs in UTF-8, so no payload can look like the start of a record
    1 byte   kind
    1 byte   encoding of the payload
    4 bytes  length of the payload
    4 bytes  CRC-32 of the payload, started from kind, encoding and length, so that it covers them too
    n bytes  payload: the JSON array [event id, body]

Numbers are little-endian. Segments start as zeroes, and twelve zeroes are no record: nothing was written yet.
"""

from __future__ import annotations

import json
import mmap
from collections.abc import Iterator
from struct import Struct
from typing import Any, NamedTuple
from zlib import crc32

import orjson

OPEN, CLOSE, HIT, ASIDE = 1, 2, 3, 4
"""OPEN: an attempt is about to be sent. CLOSE: its row. HIT: a row that had no open record. ASIDE: the
attempt is over and its row lies in quarantine, because no segment could hold it."""
ROWS = frozenset({CLOSE, HIT})
ENDS = frozenset({CLOSE, HIT, ASIDE})
KIND_NAMES = {OPEN: "open", CLOSE: "close", HIT: "hit", ASIDE: "aside"}

_FAST, _ODD = 0, 1  # JSON by orjson; JSON by the standard library, for what orjson refuses to write
_SEED = 0x57454952  # a marker before zeroes must not pass for an empty record
_MARKER = b"\xf7\x9e"
_PREFIX = Struct("<2sBBII")
PREFIX_BYTES = _PREFIX.size
_NO_RECORD = bytes(PREFIX_BYTES)

Bytes = bytes | mmap.mmap


class Record(NamedTuple):
    offset: int
    end: int
    kind: int
    encoding: int
    payload: bytes


class Damage(NamedTuple):
    """Bytes from `offset` up to `end` of a segment that are no good record, and why."""

    offset: int
    end: int
    what: str


def encode(kind: int, event_id: str, body: Any) -> bytes:
    """The whole record. Never raises for the body's sake: a value that JSON has no word for is kept as text,
    and the ledger is left to reject it, so that the row is set aside with its cause and not lost here."""
    encoding = _FAST
    try:
        payload = orjson.dumps((event_id, body))
    except TypeError:
        payload, encoding = json.dumps((event_id, body), default=repr).encode(), _ODD
    size = len(payload)
    checksum = crc32(payload, _seed(kind, encoding, size))
    return _PREFIX.pack(_MARKER, kind, encoding, size, checksum) + payload


def decode(record: Record) -> tuple[str, Any]:
    """(event id, body). Raises ValueError if the payload is not what `encode` writes."""
    loads = orjson.loads if record.encoding == _FAST else json.loads
    decoded = loads(record.payload)
    if not (isinstance(decoded, list) and len(decoded) == 2 and isinstance(decoded[0], str)):
        raise ValueError("payload is not [event id, body]")
    return decoded[0], decoded[1]


def scan(data: Bytes, start: int, end: int) -> Iterator[Record | Damage]:
    """Everything between `start`, where a record begins, and `end`, in order. Bytes that are no record are
    damage, up to the next good record; zeroes to the end are not damage but the part not yet written."""
    at = start
    while at < end:
        record = read_at(data, at, end)
        if record is not None:
            yield record
            at = record.end
            continue
        following = _next_good(data, at + 1, end)
        if following is None:
            written = len(data[at:end].rstrip(b"\0"))
            if written:
                yield Damage(at, at + written, f"torn tail: {_what_is_wrong(data, at, end)}")
            return
        yield Damage(at, following, _what_is_wrong(data, at, end))
        at = following


def skim_rows(data: Bytes, at: int, end: int, found: list[Record], limit: int) -> int:
    """Add rows to `found`, up to `limit` in all: `scan` for good records alone, and at half its cost.

    Returns where it stopped: at the end, or at what is no good record, which is for `scan` to judge."""
    unpack, last = _PREFIX.unpack_from, end - PREFIX_BYTES
    while at <= last and len(found) < limit:
        marker, kind, encoding, size, checksum = unpack(data, at)
        body = at + PREFIX_BYTES
        following = body + size
        if marker != _MARKER or following > end or not _covered(kind, encoding):
            break
        payload = data[body:following]
        if crc32(payload, _seed(kind, encoding, size)) != checksum:
            break
        if kind in ROWS:
            found.append(Record(at, following, kind, encoding, payload))
        at = following
    return at


def read_at(data: Bytes, at: int, end: int) -> Record | None:
    """The record that begins exactly there, if it is whole and its checksum holds."""
    body = at + PREFIX_BYTES
    if body > end:
        return None
    marker, kind, encoding, size, checksum = _PREFIX.unpack_from(data, at)
    if marker != _MARKER or body + size > end or not _covered(kind, encoding):
        return None
    payload = data[body : body + size]
    if crc32(payload, _seed(kind, encoding, size)) != checksum:
        return None
    return Record(at, body + size, kind, encoding, payload)


def _covered(kind: int, encoding: int) -> bool:
    """The checksum's seed has four bits for the kind and one for the encoding: no others are ever written,
    and what has more would pass for what has not."""
    return kind < 16 and encoding < 2


def _seed(kind: int, encoding: int, size: int) -> int:
    return (_SEED ^ kind << 28 ^ encoding << 27 ^ size) & 0xFFFFFFFF


def _next_good(data: Bytes, at: int, end: int) -> int | None:
    """Where the next good record begins, at `at` or later."""
    while (at := data.find(_MARKER, at, end)) >= 0:
        if read_at(data, at, end) is not None:
            return at
        at += 1
    return None


def _what_is_wrong(data: Bytes, at: int, end: int) -> str:
    head = data[at : min(at + PREFIX_BYTES, end)]
    if head == _NO_RECORD[: len(head)]:
        return "zeroes where a record should begin"
    if not head.startswith(_MARKER):
        return "no record begins here"
    if len(head) < PREFIX_BYTES or at + PREFIX_BYTES + _PREFIX.unpack(head)[3] > end:
        return "the record is longer than what is left of the segment"
    if not _covered(head[2], head[3]):
        return "no kind of record"
    return "the checksum does not hold"
