"""SQLite's write-ahead log, switched on by several processes at once."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable

PAUSE_S = 0.01
_BUSY = "SQLITE_BUSY"


def write_ahead(
    connection: sqlite3.Connection,
    patience_s: float,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> str:
    """The file's mode afterwards: `wal`, or what its file system allows.

    Two connections that switch at the same time would each wait for the other's lock. SQLite then refuses one
    at once, whatever its busy timeout, so that one asks again. Raises sqlite3.OperationalError when the file
    is still busy after `patience_s`."""
    deadline_s = clock() + patience_s
    while True:
        try:
            return str(connection.execute("PRAGMA journal_mode = WAL").fetchone()[0])
        except sqlite3.OperationalError as error:
            if not error.sqlite_errorname.startswith(_BUSY) or clock() >= deadline_s:
                raise
        sleep(PAUSE_S)
