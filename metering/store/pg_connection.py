"""A connection to PostgreSQL that can never hold a thread up for ever.

The server limits statements and locks itself, but a frozen server limits nothing: its kernel still
acknowledges what is sent. So a deadline of our own shuts the socket, which ends whatever waits on it.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from sqlalchemy import Table
from sqlalchemy.engine.interfaces import Dialect

from metering.ledger import LedgerError
from metering.ledger_url import without_password
from metering.store.sql import POSTGRESQL, Query, Row, render, render_creation, render_many

APPLICATION = "weir"


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the ledger waits for PostgreSQL, in seconds."""

    connect_s: int = 3
    statement_s: float = 5.0
    """For one batch, one rollup, or one step of a migration."""
    report_s: float = 60.0
    slack_s: float = 1.0
    """By how much the socket is left open longer than the server is given, so that its own error arrives."""


def connect(url: str, patience: Patience, *, limit_s: float) -> psycopg.Connection[Row]:
    """In autocommit; statements end after `limit_s`. Raises psycopg.Error; LedgerError for a bad address."""
    milliseconds = int(limit_s * 1000)
    options = f"-c statement_timeout={milliseconds} -c lock_timeout={milliseconds} -c timezone=UTC"
    try:
        return psycopg.connect(
            url,
            autocommit=True,
            connect_timeout=patience.connect_s,
            application_name=APPLICATION,
            options=f"{options} -c idle_in_transaction_session_timeout={milliseconds}",
            keepalives_idle=10,
            keepalives_interval=5,
            keepalives_count=3,
        )
    except psycopg.ProgrammingError as error:
        raise LedgerError(f"ledger {without_password(url)}: {error}") from error


@contextmanager
def deadline(connection: psycopg.Connection[Row], seconds: float) -> Iterator[None]:
    """What is waiting on the connection when time is up gets psycopg.OperationalError."""
    watch = threading.Timer(seconds, _shut, (connection,))
    watch.daemon = True
    watch.start()
    try:
        yield
    finally:
        watch.cancel()


def _shut(connection: psycopg.Connection[Row]) -> None:
    try:
        with socket.fromfd(connection.fileno(), socket.AF_INET, socket.SOCK_STREAM) as half:
            half.shutdown(socket.SHUT_RDWR)
    except (OSError, psycopg.Error):
        return  # closed in the meantime: nobody waits


class PostgresSession:
    """A Session inside a transaction of the caller's."""

    dialect: Dialect = POSTGRESQL

    def __init__(self, connection: psycopg.Connection[Row]) -> None:
        self._connection = connection

    def run(self, query: Query) -> list[Row]:
        sql, parameters = render(query, POSTGRESQL)
        cursor = self._connection.execute(sql.encode(), parameters)
        return cursor.fetchall() if cursor.description else []

    def make_temporary(self, table: Table) -> None:
        self._connection.execute("SET LOCAL client_min_messages = error")  # it is there already, as a rule
        self._connection.execute(render_creation(table, POSTGRESQL).encode())

    def run_many(self, query: Query, rows: Sequence[Mapping[str, Any]]) -> None:
        if rows:
            sql, parameters = render_many(query, POSTGRESQL, rows)
            with self._connection.cursor() as cursor:
                cursor.executemany(sql.encode(), parameters)
