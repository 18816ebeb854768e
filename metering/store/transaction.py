"""A transaction of its own in a ledger's database, for writes that are rare beside events."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

from metering.ledger_url import is_postgresql, sqlite_path
from metering.store.sql import Session
from metering.store.sqlite_session import SqliteSession

BUSY_TIMEOUT_S = 5.0


@contextmanager
def transaction(url: str) -> Iterator[Session]:
    """Committed at the end. Blocks, for some seconds at most. Raises LedgerError of PostgreSQL, and
    sqlite3.Error."""
    if is_postgresql(url):
        from metering.store import pg_transaction  # its driver is loaded only where it is used

        with pg_transaction.transaction(url) as session:
            yield session
        return
    with closing(open_file(url)) as file:
        file.execute("BEGIN IMMEDIATE")
        yield SqliteSession(file)
        file.execute("COMMIT")


def open_file(url: str) -> sqlite3.Connection:
    """Raises sqlite3.Error, also where the file is not there: one that vanished must not come back empty."""
    uri = f"{sqlite_path(url).absolute().as_uri()}?mode=rw"
    return sqlite3.connect(uri, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None)
