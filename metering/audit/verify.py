"""Whether the audit log is what was written: the first row that is not, and what is wrong with it.

Whoever can write to the database can also make every hash anew from some row on. What they cannot change is a
head (number and hash of the newest row) that was noted elsewhere: with it, such a forgery and a cut-off tail
are found as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sqlalchemy import func, select

from metering.audit.entry import GENESIS, AuditRow, hash_of
from metering.audit.read import COLUMNS, row_of
from metering.ledger import LedgerReader
from metering.store.tables import audit_log

PAGE_ROWS = 2000
_MOVED_AT_MOST = 64
"""How far a renumbered row is looked for: to tell what was done, not whether something was."""
_HEAD = re.compile(r"(?:(\d{1,18}):)?([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Head:
    """The newest row at some time."""

    seq: int | None
    """None: only the hash was noted."""
    hash: str

    def __str__(self) -> str:
        return self.hash if self.seq is None else f"{self.seq}:{self.hash}"


NO_ROWS = Head(0, GENESIS)


class BadHead(ValueError):
    """What was given as a head is none."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The first thing that is wrong."""

    seq: int
    """The row's number; of a row that is gone, the number that it had."""
    kind: str
    """changed, removed, inserted, truncated or rewritten."""
    detail: str


@dataclass(frozen=True, slots=True)
class Verdict:
    rows: int
    """How many were found good, from the first one on."""
    head: Head
    """The last good row."""
    finding: Finding | None

    @property
    def ok(self) -> bool:
        return self.finding is None


def parse_head(text: str) -> Head:
    """`42:HASH` or `HASH`, as `weir audit head` prints it. Raises BadHead."""
    match = _HEAD.fullmatch(text.strip().lower())
    if match is None:
        raise BadHead("head: write SEQ:HASH or HASH (64 hexadecimal digits), as `weir audit head` prints it")
    head = Head(None if match[1] is None else int(match[1]), match[2])
    if (head.seq == 0) != (head.hash == GENESIS) and head.seq is not None:
        raise BadHead(f"head: {text.strip()}: only an empty log has the number 0 and a hash of zeros")
    return head


def verify(reader: LedgerReader, head: Head | None = None) -> Verdict:
    """Reads the whole log, a page at a time. Blocks. Raises LedgerError."""
    verdict = check(_rows(reader), head)
    if verdict.ok:
        last = verdict.head.seq or 0
        ((count,),) = reader.read(select(func.count()).where(audit_log.c.seq <= last))[0]
        if count != last:  # two rows of one number, which a page's end kept apart
            extra = Finding(last, "inserted", f"there are {count} rows numbered up to {last}")
            return Verdict(verdict.rows, verdict.head, extra)
    return verdict


def check(rows: Iterable[AuditRow], noted: Head | None = None) -> Verdict:
    """`rows` in the order of their numbers."""
    last, met = NO_ROWS, noted is None or noted.hash == GENESIS
    count = 0
    for row in rows:
        finding = _wrong(row, count + 1, last)
        if finding is None and noted is not None and noted.seq == row.seq and noted.hash != row.hash:
            detail = f"row {row.seq} has the hash {row.hash}, and {noted.hash} was noted: it was written anew"
            finding = Finding(row.seq, "rewritten", detail)
        if finding is not None:
            return Verdict(count, last, finding)
        count, last = count + 1, Head(row.seq, row.hash)
        met = met or (noted is not None and noted.hash == row.hash)
    return Verdict(count, last, None if met or noted is None else _not_met(noted, count))


def head_of(reader: LedgerReader) -> Head:
    """The newest row, as it stands there; NO_ROWS of an empty log. Blocks. Raises LedgerError."""
    it = audit_log.c
    (rows,) = reader.read(select(it.seq, it.hash).order_by(it.seq.desc()).limit(1))
    return Head(int(rows[0][0] or 0), str(rows[0][1])) if rows else NO_ROWS


def _rows(reader: LedgerReader) -> Iterator[AuditRow]:
    """Rows are only added, so pages need not be of one moment."""
    seq = audit_log.c.seq
    statement = select(*COLUMNS).order_by(seq).limit(PAGE_ROWS)
    (found,) = reader.read(statement)
    while found:
        page = [row_of(row) for row in found]
        yield from page
        (found,) = reader.read(statement.where(seq > page[-1].seq)) if len(page) == PAGE_ROWS else ([],)


def _wrong(row: AuditRow, expected: int, last: Head) -> Finding | None:
    if type(row.seq) is not int:
        return Finding(expected, "changed", f"where row {expected} should be, the number is {row.seq!r}")
    if row.seq < expected:
        return Finding(row.seq, "inserted", f"a row numbered {row.seq} stands where row {expected} should be")
    if row.seq > expected:
        gone = f"row {expected} is" if row.seq == expected + 1 else f"rows {expected} to {row.seq - 1} are"
        return Finding(expected, "removed", f"{gone} gone: row {row.seq} comes after row {expected - 1}")
    if not _is_own_hash(row, row.seq):
        return _renumbered(row) or Finding(
            row.seq, "changed", f"row {row.seq} does not fit its hash: something in it was changed"
        )
    if row.prev_hash != last.hash:
        before = f"row {row.seq - 1}" if row.seq > 1 else "the beginning"
        detail = f"row {row.seq} does not follow {before}: one of them was replaced"
        return Finding(row.seq, "changed", detail)
    return None


def _renumbered(row: AuditRow) -> Finding | None:
    """Rows that were numbered anew after some were put in or taken out."""
    for by in range(1, _MOVED_AT_MOST):
        if _is_own_hash(row, row.seq - by):
            detail = f"row {row.seq} was row {row.seq - by}: {by} before it did not stand there"
            return Finding(row.seq - by, "inserted", detail)
        if _is_own_hash(row, row.seq + by):
            detail = f"row {row.seq} was row {row.seq + by}: {by} before it are gone"
            return Finding(row.seq, "removed", detail)
    return None


def _is_own_hash(row: AuditRow, seq: int) -> bool:
    try:
        return hash_of(row, seq) == row.hash
    except (TypeError, ValueError):  # a value of a type that was never written
        return False


def _not_met(noted: Head, count: int) -> Finding:
    if noted.seq is None:
        detail = f"no row has the hash {noted.hash} that was noted: the tail was cut off, or written anew"
        return Finding(count + 1, "truncated", detail)
    if noted.seq == count + 1:
        gone = f"row {noted.seq} is gone"
    else:
        gone = f"rows {count + 1} to {noted.seq} are gone"
    return Finding(count + 1, "truncated", f"{gone}: row {noted.seq} was noted, and the log ends at {count}")
