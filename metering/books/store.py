"""One transaction at a time on the books, on either database: whoever comes second waits.

What is read in a transaction is of one moment, the ledger's rows included: what is frozen is what was there.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from metering.ledger import LedgerError, LedgerUnavailable, Row, Statement
from metering.ledger_url import is_postgresql, open_ledger, sqlite_path, without_password
from metering.periods import LOCAL_PERIOD, local_period
from metering.schema import migrate
from metering.store.migrate import HEAD, VERSION_QUERY
from metering.store.sql import Query, Session
from metering.store.sqlite_session import SqliteSession

if TYPE_CHECKING:
    import psycopg
    from sqlalchemy.engine.interfaces import Dialect

    from metering.store.pg_connection import Patience

BOOKS_LOCK = 0x5745495200000005
"""Advisory: held by who writes to the books. The locks of ledger and key store have the numbers before."""
_BUSY_S = 30.0


class BookStore(Protocol):
    def transaction(self) -> AbstractContextManager[Session]:
        """Committed at its end, rolled back by an exception. Blocks. Raises LedgerError."""
        ...


class SessionReader:
    """A transaction as a LedgerReader: what it has written itself is seen."""

    def __init__(self, session: Session) -> None:
        self._session = session

    @property
    def dialect(self) -> Dialect:
        return self._session.dialect

    def read(self, *statements: Statement | Query) -> list[list[Row]]:
        """Statements of SQLAlchemy only. Raises TypeError for text."""
        return [self._session.run(_described(statement)) for statement in statements]


def _described(statement: Statement | Query) -> Query:
    if isinstance(statement, tuple):
        raise TypeError("a transaction of the books takes SQLAlchemy's statements, no text")
    return statement


def open_books(url: str) -> BookStore:
    """The books in the ledger at this address. Opens nothing yet. Raises LedgerError for a bad address."""
    return PostgresBooks(url) if is_postgresql(url) else SqliteBooks(sqlite_path(url))


class SqliteBooks:
    """A connection for each transaction, beside the ledger's writer."""

    def __init__(self, path: Path | str, *, busy_timeout_s: float = _BUSY_S) -> None:
        self.path = Path(path)
        self._busy_timeout_s = busy_timeout_s

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """See BookStore.transaction. The file is never created."""
        if not self.path.exists():
            raise LedgerError(f"there is no ledger at {self.path}; start the gateway once")
        try:
            with closing(
                sqlite3.connect(self.path, timeout=self._busy_timeout_s, isolation_level=None)
            ) as connection:
                migrate(connection, str(self.path))
                connection.execute("PRAGMA synchronous = FULL")
                connection.create_function(LOCAL_PERIOD, 3, local_period, deterministic=True)
                with _immediate(connection):
                    yield SqliteSession(connection)
        except sqlite3.Error as error:
            raise LedgerUnavailable(f"ledger {self.path}: {error}") from error


@contextmanager
def _immediate(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


class PostgresBooks:
    def __init__(self, url: str, *, patience: Patience | None = None) -> None:
        """Raises LedgerError for what is no address."""
        from metering.store.pg_connection import Patience

        try:
            self.name = without_password(url)
        except ValueError as error:
            raise LedgerError(f"the ledger's address cannot be read: {error}") from error
        self._url = url
        self._patience = patience or Patience()

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """See BookStore.transaction. The lock is taken before the snapshot: what the last one wrote is in
        it."""
        import psycopg

        from metering.store.pg_connection import PostgresSession, connect, deadline

        limit_s = self._patience.report_s
        try:
            with (
                connect(self._url, self._patience, limit_s=limit_s) as connection,
                deadline(connection, 2 * limit_s + self._patience.slack_s),
            ):
                self._bring_up_to_date(connection)
                connection.execute("SELECT pg_advisory_lock(%s)", (BOOKS_LOCK,))
                connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
                with connection.transaction():
                    yield PostgresSession(connection)
        except psycopg.Error as error:
            raise LedgerUnavailable(f"ledger {self.name}: {error}") from error

    def _bring_up_to_date(self, connection: psycopg.Connection[Row]) -> None:
        """A ledger of an older release has no books yet. What is newer is refused."""
        ((made,),) = connection.execute("SELECT to_regclass('alembic_version')::text").fetchall()
        if made is None or connection.execute(VERSION_QUERY).fetchall() != [(HEAD,)]:
            open_ledger(self._url, patience=self._patience).close()
