"""A Session over a SQLite connection in autocommit, whose transactions are the caller's."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Table
from sqlalchemy.engine.interfaces import Dialect

from metering.store.rollup import digest_of
from metering.store.sql import SQLITE, Query, Row, render, render_creation, render_many


class SqliteSession:
    dialect: Dialect = SQLITE

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        connection.create_function("weir_group_id", -1, digest_of, deterministic=True)

    def run(self, query: Query) -> list[Row]:
        return self._connection.execute(*render(query, SQLITE)).fetchall()

    def make_temporary(self, table: Table) -> None:
        self._connection.execute(render_creation(table, SQLITE))

    def run_many(self, query: Query, rows: Sequence[Mapping[str, Any]]) -> None:
        if rows:
            self._connection.executemany(*render_many(query, SQLITE, rows))
