"""A row of the audit log, and its hash.

The hash is SHA-256 over the text of a JSON array, without spaces and with everything beyond ASCII escaped:
`["weir-audit-1", seq, at_us, who, action, subject, before, after, request_id, prev_hash]`. `before` and
`after` stand in it as the texts that the row holds (or null), so that not even a space can change unseen.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

from metering.ledger import LedgerError

GENESIS = "0" * 64
"""`prev_hash` of the first row."""
_FORMAT = "weir-audit-1"


class AuditUnavailable(LedgerError):
    """A row of the audit log could not be written: the change that it is about must not be made."""


@dataclass(frozen=True, slots=True)
class Author:
    """Who makes a change, and when."""

    who: str
    """`tenant/key`, `admin_key`, `cli:NAME` (a user of the machine) or `gateway:CAUSE`."""
    at_us: int
    """UTC microseconds on the clock of whoever writes."""
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """What is changed. `before` and `after` hold no secret, and of hashes of keys a short prefix at most."""

    action: str
    """THING.VERB, such as `key.revoke`."""
    subject: str
    before: Mapping[str, Any] | None = None
    """None where there was nothing."""
    after: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class AuditRow:
    """As it lies in the ledger; `before` and `after` are JSON texts."""

    seq: int
    at_us: int
    who: str
    action: str
    subject: str
    before: str | None
    after: str | None
    request_id: str
    prev_hash: str
    hash: str


def row_after(last: tuple[int, str] | None, author: Author, entry: Entry) -> AuditRow:
    """The next row of a chain whose last one has this number and hash. Raises ValueError or TypeError for a
    `before` or `after` that JSON cannot hold; dates and Decimals are held as text."""
    seq, prev_hash = last or (0, GENESIS)
    before, after = canonical(entry.before), canonical(entry.after)
    unsealed = AuditRow(
        *(seq + 1, author.at_us, author.who, entry.action, entry.subject, before, after),
        *(author.request_id, prev_hash, ""),
    )
    return replace(unsealed, hash=hash_of(unsealed))


def canonical(value: Mapping[str, Any] | None) -> str | None:
    """One text for one value: names sorted, no spaces, ASCII. Raises ValueError or TypeError."""
    if value is None:
        return None
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False, default=str)


def hash_of(row: AuditRow, seq: int | None = None) -> str:
    """64 hexadecimal digits, whatever stands in `row.hash`. With `seq`, as if that were its number.

    Raises TypeError or ValueError for values that no row was ever written with.
    """
    numbered = [row.seq if seq is None else seq, *fields_of(row)[1:-1]]
    text = json.dumps([_FORMAT, *numbered], separators=(",", ":"), allow_nan=False)
    return sha256(text.encode()).hexdigest()


def fields_of(row: AuditRow) -> tuple[Any, ...]:
    """In the order of the table's columns; the hash comes last."""
    return tuple(getattr(row, name) for name in FIELDS)


FIELDS = ("seq", "at_us", "who", "action", "subject", "before", "after", "request_id", "prev_hash", "hash")
