"""The ledger in one SQLite file: write-ahead log, so that reports read while the gateway writes.

`synchronous=FULL`: what `append` returned for survives a crash of the whole machine. Batches are few (the
journal's shipper sends several a second), and a journal's segment is deleted once its rows are here.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from threading import Lock

from metering.event import Event
from metering.gpu.work import Weights
from metering.ledger import EventRejected, LedgerError, LedgerUnavailable, Row
from metering.rows import COLUMNS, storable, to_row
from metering.schema import migrate
from metering.storage_price import StorageCharge
from metering.store.due import RollupDue
from metering.store.retention import check_retained, delete_older, first_whole_us, retained_from_us
from metering.store.rollup import rebuild, roll_up
from metering.store.shares import GpuShare, GpuWindow, replace_window
from metering.store.sqlite_session import SqliteSession
from metering.store.storage import write_storage
from metering.store.up_times import ClockSetting, UpTime, write_clock, write_up_times, write_weights
from metering.store.write_ahead import write_ahead

_CHUNK_SIZES = (1, 8, 32, 64, 128)
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

    def __init__(
        self, path: Path | str, *, busy_timeout_s: float = 5.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.path = Path(path)
        self._lock = Lock()
        self._connection = _open(self.path, busy_timeout_s)
        self._closed = False
        self._due = RollupDue(clock)
        self.session = SqliteSession(self._connection)
        self._retained_from_us = retained_from_us(self.session)

    def append(self, events: Sequence[Event]) -> int:
        """See Ledger.append."""
        return self.append_rows([to_row(event) for event in events])

    def append_rows(self, rows: Sequence[Row]) -> int:
        """See Ledger.append_rows."""
        rows = [storable(row) for row in rows]
        with self._lock, self._errors():
            check_retained(rows, self._retained_from_us)
            new = self._insert(rows)
            if self._due.after(new):
                self._roll_up()
            return new

    def roll_up(self) -> None:
        """See Books.roll_up."""
        with self._lock, self._errors():
            self._roll_up()

    def rebuild_rollups(self) -> None:
        """See Books.rebuild_rollups."""
        with self._lock, self._errors(), _transaction(self._connection):
            rebuild(self.session, first_whole_us(self._retained_from_us))

    def drop_before(self, until_us: int) -> int:
        """See Books.drop_before: row by row. Returns how many."""
        with self._lock, self._errors():
            self._roll_up()
            with _transaction(self._connection):
                gone = delete_older(self.session, until_us)
            self._retained_from_us = max(until_us, self._retained_from_us)
            return gone

    def write_window(self, window: GpuWindow, shares: Sequence[GpuShare]) -> None:
        """See Books.write_window."""
        with self._lock, self._errors(), _transaction(self._connection):
            replace_window(self.session, window, shares)

    def write_storage(self, charges: Sequence[StorageCharge]) -> int:
        """See Books.write_storage."""
        with self._lock, self._errors(), _transaction(self._connection):
            return write_storage(self.session, charges)

    def write_up_times(self, rows: Sequence[UpTime]) -> None:
        """See Books.write_up_times."""
        with self._lock, self._errors(), _transaction(self._connection):
            write_up_times(self.session, rows)

    def write_clock(self, row: ClockSetting) -> None:
        """See Books.write_clock."""
        with self._lock, self._errors():
            write_clock(self.session, row)

    def write_weights(self, backend: str, from_us: int, weights: Weights) -> None:
        """See Books.write_weights."""
        with self._lock, self._errors():
            write_weights(self.session, backend, from_us, weights)

    def server_clock_us(self) -> int | None:
        """See Books.server_clock_us: a file has no clock."""
        return None

    def _roll_up(self) -> None:
        more = True
        while more:
            with _transaction(self._connection):
                more = roll_up(self.session)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        if self._closed:
            raise LedgerUnavailable(f"ledger {self.path} is closed")
        try:
            yield
        except _DATA_ERRORS as error:
            raise EventRejected(f"ledger {self.path} cannot hold this: {error}") from error
        except sqlite3.Error as error:
            raise LedgerUnavailable(f"ledger {self.path}: {error}") from error

    def close(self) -> None:
        with self._lock:
            self._closed = True
            self._connection.close()

    def _insert(self, rows: Sequence[Row]) -> int:
        chunk = _CHUNK_SIZES[-1]
        if len(rows) <= chunk:  # one statement is a transaction of its own
            return self._insert_chunk(rows) if rows else 0
        with _transaction(self._connection):
            starts = range(0, len(rows), chunk)
            return sum(self._insert_chunk(rows[start : start + chunk]) for start in starts)

    def _insert_chunk(self, rows: Sequence[Row]) -> int:
        """Filled up to a prepared size with copies of the last row, which its own unique id keeps out."""
        size = next(size for size in _CHUNK_SIZES if size >= len(rows))
        filled = [*rows, *([rows[-1]] * (size - len(rows)))]
        return self._connection.execute(_INSERT[size], tuple(chain.from_iterable(filled))).rowcount


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
        _prepare(connection, path, busy_timeout_s)
    except sqlite3.Error as error:
        connection.close()
        raise LedgerError(f"cannot use ledger {path}: {error}") from error
    except LedgerError:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, path: Path, busy_timeout_s: float) -> None:
    migrate(connection, str(path))
    mode = write_ahead(connection, busy_timeout_s)
    if mode != "wal":
        raise LedgerError(f"ledger {path} needs a write-ahead log, and its file system gives `{mode}`")
    connection.execute("PRAGMA synchronous = FULL")
