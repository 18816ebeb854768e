"""Writing comparisons and feedback: a transaction each, since they are rare beside events."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from metering.ledger import LedgerUnavailable
from metering.quality.rows import FeedbackRow, VerdictRow, put_feedback, put_verdict
from metering.store.sql import Session
from metering.store.transaction import transaction


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
        try:
            with transaction(self._url) as session:
                yield session
        except sqlite3.Error as error:
            raise LedgerUnavailable(f"ledger {self._url}: {error}") from error
