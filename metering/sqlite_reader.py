"""Reading a SQLite ledger, from this process or another, while its writer writes."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

from metering.ledger import LedgerError, Row, Statement
from metering.schema import check_readable


class SqliteReader:
    """Opens a connection per reading, so any thread may use it and none is held between readings."""

    period_expressions: Mapping[str, str] = {
        "day": "date(started_us / 1000000, 'unixepoch')",
        "month": "strftime('%Y-%m', started_us / 1000000, 'unixepoch')",
    }

    def __init__(self, path: Path | str, *, busy_timeout_s: float = 5.0) -> None:
        self.path = Path(path)
        self._busy_timeout_s = busy_timeout_s

    def read(self, *statements: Statement) -> list[list[Row]]:
        """See LedgerReader.read. The file is never created, nor written to."""
        try:
            with self._snapshot() as connection:
                return [connection.execute(sql, parameters).fetchall() for sql, parameters in statements]
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
            it.execute("PRAGMA query_only = ON")
            it.execute("BEGIN")
            check_readable(it, str(self.path))
            yield it
