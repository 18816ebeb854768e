"""Writing comparisons and feedback: a transaction each, since they are rare beside events."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

from metering.ledger import LedgerUnavailable
from metering.ledger_url import is_postgresql, sqlite_path
from metering.quality.rows import FeedbackRow, VerdictRow, put_feedback, put_verdict
from metering.store.sql import Session
from metering.store.sqlite_session import SqliteSession

BUSY_TIMEOUT_S = 5.0


class QualityLedger:
    """In the database of the configuration's `ledger:`, which the gateway has brought up to date. Opens
    nothing before the first row. For any thread. Every method blocks and raises LedgerError."""

    def __init__(self, url: str) -> None:
        self._url = url

    def write_verdict(self, row: VerdictRow) -> None:
        with self._transaction() as session:
            put_verdict(session, row)

    def write_feedback(self, row: FeedbackRow) -> None:
        with self._transaction() as session:
            put_feedback(session, row)

    @contextmanager
    def _transaction(self) -> Iterator[Session]:
        """Committed at the end."""
        if is_postgresql(self._url):
            from metering.audit import on_postgres  # its driver is loaded only where it is used

            with on_postgres.transaction(self._url) as session:
                yield session
            return
        # Mode rw never creates: a file that vanished must not come back empty.
        uri = f"{sqlite_path(self._url).absolute().as_uri()}?mode=rw"
        try:
            with closing(
                sqlite3.connect(uri, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None)
            ) as file:
                file.execute("BEGIN IMMEDIATE")
                yield SqliteSession(file)
                file.execute("COMMIT")
        except sqlite3.Error as error:
            raise LedgerUnavailable(f"ledger {self._url}: {error}") from error
