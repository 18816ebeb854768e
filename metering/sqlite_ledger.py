"""The ledger in one SQLite file: write-ahead log, so that reports read while the gateway writes.

`synchronous=NORMAL`: a crash of the process loses nothing that `append` returned for; a crash of the
whole machine may lose the last moments, and never damages the file.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from threading import Lock

from metering.event import Event
from metering.ledger import EventRejected, LedgerError, LedgerUnavailable
from metering.rows import COLUMNS, to_row
from metering.schema import migrate

_CHUNK_SIZES = (1, 8, 32, 128)
"""Rows per statement. One statement inserts many rows because SQLite gives up Python's lock around each:
row by row beside a busy event loop, every single row waits a switch interval (5 ms) to get it back."""

_DATA_ERRORS = (
    sqlite3.IntegrityError,
    sqlite3.DataError,
    sqlite3.ProgrammingError,  # a value of a type that no column can hold
    OverflowError,
    UnicodeEncodeError,
)


class SqliteLedger:
    """Made on any thread, used by one at a time. Raises LedgerError if the file cannot be opened."""

    def __init__(self, path: Path | str, *, busy_timeout_s: float = 5.0) -> None:
        self.path = Path(path)
        self._lock = Lock()
        self._connection = _open(self.path, busy_timeout_s)
        self._closed = False

    def append(self, events: Sequence[Event]) -> int:
        """See Ledger.append."""
        with self._lock:
            if self._closed:
                raise LedgerUnavailable(f"ledger {self.path} is closed")
            try:
                return self._insert(events)
            except _DATA_ERRORS as error:
                raise EventRejected(f"ledger {self.path} cannot hold this: {error}") from error
            except sqlite3.Error as error:
                raise LedgerUnavailable(f"ledger {self.path}: {error}") from error

    def close(self) -> None:
        with self._lock:
            self._closed = True
            self._connection.close()

    def _insert(self, events: Sequence[Event]) -> int:
        chunk = _CHUNK_SIZES[-1]
        if len(events) <= chunk:  # one statement is a transaction of its own
            return self._insert_chunk(events) if events else 0
        with _transaction(self._connection):
            starts = range(0, len(events), chunk)
            return sum(self._insert_chunk(events[start : start + chunk]) for start in starts)

    def _insert_chunk(self, events: Sequence[Event]) -> int:
        """Filled up to a prepared size with copies of the last row, which its own unique id keeps out."""
        rows = [to_row(event) for event in events]
        size = next(size for size in _CHUNK_SIZES if size >= len(rows))
        rows.extend(rows[-1:] * (size - len(rows)))
        return self._connection.execute(_INSERT[size], tuple(chain.from_iterable(rows))).rowcount


def _insert_sql(rows: int) -> str:
    """`OR IGNORE` would also swallow a missing value; only a known id may be passed over."""
    one = f"({','.join('?' * len(COLUMNS))})"
    values = ",".join([one] * rows)
    return f"INSERT INTO events ({','.join(COLUMNS)}) VALUES {values} ON CONFLICT (id) DO NOTHING"


_INSERT = {size: _insert_sql(size) for size in _CHUNK_SIZES}


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # a full disk rolls back by itself
            connection.execute("ROLLBACK")
        raise


def _open(path: Path, busy_timeout_s: float) -> sqlite3.Connection:
    try:
        connection = sqlite3.connect(
            path, timeout=busy_timeout_s, isolation_level=None, check_same_thread=False
        )
    except sqlite3.Error as error:
        raise LedgerError(f"cannot open ledger {path}: {error}; does its folder exist?") from error
    try:
        _prepare(connection, path)
    except sqlite3.Error as error:
        connection.close()
        raise LedgerError(f"cannot use ledger {path}: {error}") from error
    except LedgerError:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    migrate(connection, str(path))
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise LedgerError(f"ledger {path} needs a write-ahead log, and its file system gives `{mode}`")
    connection.execute("PRAGMA synchronous = NORMAL")
