"""Looking at the audit log."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, or_, select

from metering.audit.entry import FIELDS, AuditRow
from metering.ledger import LedgerReader, Row
from metering.store.tables import audit_log

MAX_ROWS = 1000
COLUMNS = [audit_log.c[name] for name in FIELDS]


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """Which rows. Times are UTC microseconds, `until_us` left out; None: any."""

    from_us: int | None = None
    until_us: int | None = None
    who: str | None = None
    action: str | None = None
    """`key.revoke`, or `key` for all that begin with `key.`."""
    subject: str | None = None
    limit: int = 100
    after: int | None = None
    """`seq` of the last row of the page before."""
    newest_first: bool = False


def audit_rows(reader: LedgerReader, query: AuditQuery) -> list[AuditRow]:
    """Up to `limit` rows (1 to MAX_ROWS), by their numbers. Blocks. Raises ValueError and LedgerError."""
    if not 1 <= query.limit <= MAX_ROWS:
        raise ValueError(f"limit must be between 1 and {MAX_ROWS}, not {query.limit}")
    seq = audit_log.c.seq
    order = seq.desc() if query.newest_first else seq.asc()
    statement = select(*COLUMNS).where(*_conditions(query)).order_by(order).limit(query.limit)
    (rows,) = reader.read(statement)
    return [row_of(row) for row in rows]


def _conditions(query: AuditQuery) -> list[ColumnElement[bool]]:
    it = audit_log.c
    conditions: list[ColumnElement[bool]] = []
    if query.from_us is not None:
        conditions.append(it.at_us >= query.from_us)
    if query.until_us is not None:
        conditions.append(it.at_us < query.until_us)
    if query.who is not None:
        conditions.append(it.who == query.who)
    if query.subject is not None:
        conditions.append(it.subject == query.subject)
    if query.action is not None:
        part = it.action.startswith(f"{query.action}.", autoescape=True)
        conditions.append(or_(it.action == query.action, part))
    if query.after is not None:
        conditions.append(it.seq < query.after if query.newest_first else it.seq > query.after)
    return conditions


def row_of(row: Row) -> AuditRow:
    """From a row of COLUMNS, whatever somebody made of it."""
    return AuditRow(*row)  # type: ignore[arg-type]
