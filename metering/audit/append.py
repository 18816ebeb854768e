"""Adding a row to the chain, in the transaction that makes the change where both lie in one database."""

from __future__ import annotations

from sqlalchemy import func, insert, select

from metering.audit.entry import AuditRow, Author, Entry, row_after
from metering.store.sql import POSTGRESQL, Session
from metering.store.tables import audit_log

AUDIT_LOCK = 0x5745495200000006
"""Advisory, until the end of the transaction: one writer at a time, over all processes."""


def append(session: Session, author: Author, entry: Entry) -> AuditRow:
    """The last thing a transaction does before its commit, so that its writers never wait for each other in a
    circle. SQLite: the transaction began IMMEDIATE. PostgreSQL: it is READ COMMITTED, to see the row that was
    committed while it waited. If neither held, the unique `seq` and `prev_hash` would refuse the fork.

    Raises the driver's errors, and ValueError or TypeError (see `row_after`).
    """
    if session.dialect is POSTGRESQL:
        session.run(select(func.pg_advisory_xact_lock(AUDIT_LOCK)))
    newest = select(audit_log.c.seq, audit_log.c.hash).order_by(audit_log.c.seq.desc()).limit(1)
    found = session.run(newest)
    row = row_after((found[0][0], found[0][1]) if found else None, author, entry)
    values = {column.name: getattr(row, column.name) for column in audit_log.columns}
    session.run(insert(audit_log).values(**values))
    return row
