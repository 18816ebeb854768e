"""A Session over a SQLite connection in autocommit, whose transactions are the caller's."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.engine.interfaces import Dialect

from metering.store.sql import SQLITE, Query, Row, render, render_many


class SqliteSession:
    dialect: Dialect = SQLITE

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def run(self, query: Query) -> list[Row]:
        return self._connection.execute(*render(query, SQLITE)).fetchall()

    def run_many(self, query: Query, rows: Sequence[Mapping[str, Any]]) -> None:
        if rows:
            self._connection.executemany(*render_many(query, SQLITE, rows))
