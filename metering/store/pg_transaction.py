"""Rare transactions on PostgreSQL: a connection each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

import psycopg

from metering.ledger import LedgerUnavailable
from metering.ledger_url import without_password
from metering.store.pg_connection import Patience, PostgresSession, connect, deadline
from metering.store.sql import Row

PATIENCE = Patience()


@contextmanager
def transaction(url: str) -> Iterator[PostgresSession]:
    """Committed at the end. Raises LedgerError."""
    with connected(url) as connection:
        connection.isolation_level = psycopg.IsolationLevel.READ_COMMITTED  # see audit.append
        with connection.transaction():
            yield PostgresSession(connection)


@contextmanager
def connected(url: str) -> Iterator[psycopg.Connection[Row]]:
    """In autocommit, and closed at the end. Raises LedgerError."""
    limit_s = PATIENCE.statement_s
    try:
        with (
            closing(connect(url, PATIENCE, limit_s=limit_s)) as connection,
            deadline(connection, limit_s + PATIENCE.slack_s),
        ):
            yield connection
    except psycopg.Error as error:
        raise LedgerUnavailable(f"ledger {without_password(url)}: {error}") from error
