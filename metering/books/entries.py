"""Later rows of the books: credits, adjustments, late usage, reconciliation and splits of shared costs."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Literal, get_args

from sqlalchemy import Select, select

from metering.books.errors import BadEntry, ClosedMonth
from metering.books.months import BadMonth, first_day
from metering.books.periods import next_open_month
from metering.books.store import BookStore
from metering.books.tables import book_entries, book_periods
from metering.ledger import LedgerReader, Row
from metering.store.ids import id_beside, lowest_id
from metering.store.rollup import insert_into
from metering.store.sql import Session

Kind = Literal["credit", "adjustment", "late", "reconciliation", "split"]
KINDS: tuple[Kind, ...] = get_args(Kind)
MAX_TEXT = 500
LARGEST_NANOS = 10**18
"""A thousand million dollars: sums of many stay within 64 bits."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An amount in nano-dollars on a tenant's account in a month; negative is in the tenant's favour."""

    id: str
    """A ULID (see `entry_id`). An entry whose id is there already is passed over."""
    month: str
    tenant: str
    """'' is the house."""
    cost_center: str
    project: str
    kind: Kind
    category: str
    """vendor, gpu, cache, cache storage, idle, overhead, or ''."""
    amount_nanos: int
    description: str
    reference: str
    """What it follows from: an invoice's digest, `late:2026-10`, `split:2026-10:idle:gpu1`, or ''."""
    created_us: int
    created_by: str
    statement_number: str | None = None
    """The statement that it stands on, once its month is closed."""
    details: str = "{}"
    """A JSON object: of a split its origin and ratio, of late usage the line that it belongs to."""


_COLUMNS = tuple(field.name for field in fields(Entry))


class EntryDesk:
    """Adds and reads entries. Blocks; raises LedgerError."""

    def __init__(self, store: BookStore) -> None:
        self._store = store

    def add(self, entry: Entry) -> bool:
        """Whether it is new. Raises BadEntry and ClosedMonth."""
        return self.add_all([entry]) == 1

    def add_all(self, entries: Sequence[Entry]) -> int:
        """All or none; how many were new. Raises BadEntry and ClosedMonth."""
        for entry in entries:
            check(entry)
        with self._store.transaction() as session:
            return write_entries(session, entries)

    def read(self, *, month: str | None = None, tenant: str | None = None) -> list[Entry]:
        """In the order of their ids, which is that of time."""
        with self._store.transaction() as session:
            return [_entry(row) for row in session.run(_chosen(month, tenant))]


def read_entries(reader: LedgerReader, *, month: str | None = None, tenant: str | None = None) -> list[Entry]:
    """The same for who only reads. Raises LedgerError."""
    return [_entry(row) for row in reader.read(_chosen(month, tenant))[0]]


def write_entries(session: Session, entries: Sequence[Entry]) -> int:
    """In the caller's transaction. Raises ClosedMonth."""
    closed = {str(month) for (month,) in session.run(select(book_periods.c.month))}
    new = 0
    for entry in entries:
        if session.run(select(book_entries.c.id).where(book_entries.c.id == entry.id)):
            continue
        refuse_closed(entry.month, closed)
        session.run(insert_into(session, book_entries).values(**asdict(entry)))
        new += 1
    return new


def refuse_closed(month: str, closed: Collection[str]) -> None:
    """Months close in order: what is older than a closed one takes nothing either. Raises ClosedMonth."""
    following = next_open_month(closed)
    if following is not None and month < following:
        raise ClosedMonth(month, following)


def entry_id(created_us: int, seed: str | None = None) -> str:
    """With a seed, the same for the same time and seed, whoever asks; without, one that nobody else has."""
    digest = secrets.token_bytes(10) if seed is None else hashlib.sha256(seed.encode()).digest()
    return id_beside(lowest_id(created_us), digest)


def check(entry: Entry) -> None:
    """Raises BadEntry."""
    try:
        first_day(entry.month)
    except BadMonth as error:
        raise BadEntry(str(error)) from error
    if entry.kind not in KINDS:
        raise BadEntry(f"kind: {entry.kind!r} is not one of {', '.join(KINDS)}")
    if not -LARGEST_NANOS <= entry.amount_nanos <= LARGEST_NANOS:
        raise BadEntry("amount_nanos: more than a thousand million dollars")
    if not entry.amount_nanos:
        raise BadEntry("amount_nanos: 0 changes nothing")
    for name in ("tenant", "cost_center", "project", "category", "description", "reference", "created_by"):
        text = getattr(entry, name)
        if len(text) > MAX_TEXT or not text.isprintable():
            raise BadEntry(f"{name}: write at most {MAX_TEXT} printable characters, on one line")
    if not entry.description.strip():
        raise BadEntry("description: say what it is for")


def _chosen(month: str | None, tenant: str | None) -> Select[*tuple[object, ...]]:
    table = book_entries.c
    chosen = select(*(table[name] for name in _COLUMNS)).order_by(table.id)
    if month is not None:
        chosen = chosen.where(table.month == month)
    return chosen if tenant is None else chosen.where(table.tenant == tenant)


def _entry(row: Row) -> Entry:
    return Entry(*row)  # type: ignore[arg-type]
