"""Reading a SQLite ledger, from this process or another, while its writer writes."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from metering.ledger import LedgerError, Row, Statement
from metering.periods import LOCAL_PERIOD, local_period
from metering.schema import check_readable
from metering.store.sql import SQLITE, Query, render


class SqliteReader:
    """Opens a connection per reading, so any thread may use it and none is held between readings."""

    dialect = SQLITE

    def __init__(self, path: Path | str, *, busy_timeout_s: float = 5.0) -> None:
        self.path = Path(path)
        self._busy_timeout_s = busy_timeout_s

    def read(self, *statements: Statement | Query) -> list[list[Row]]:
        """See LedgerReader.read. The file is never created, nor written to."""
        try:
            with self._snapshot() as connection:
                return [_fetch(connection, statement) for statement in statements]
        except sqlite3.Error as error:
            raise LedgerError(f"cannot read ledger {self.path}: {error}") from error

    @contextmanager
    def _snapshot(self) -> Iterator[sqlite3.Connection]:
        if not self.path.exists():
            raise LedgerError(f"there is no ledger at {self.path}")
        # `mode=ro` could not join a write-ahead log that nobody has open; query_only forbids the rest.
        url = f"{self.path.absolute().as_uri()}?mode=rw"
        with closing(
            sqlite3.connect(url, uri=True, timeout=self._busy_timeout_s, isolation_level=None)
        ) as it:
            it.create_function(LOCAL_PERIOD, 3, local_period, deterministic=True)
            it.execute("PRAGMA query_only = ON")
            it.execute("BEGIN")
            check_readable(it, str(self.path))
            yield it


def _fetch(connection: sqlite3.Connection, statement: Statement | Query) -> list[Row]:
    sql, parameters = statement if isinstance(statement, tuple) else render(statement, SQLITE)
    return connection.execute(sql, parameters).fetchall()
