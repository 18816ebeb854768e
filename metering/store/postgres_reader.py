"""Reading a PostgreSQL ledger: a connection per reading, one snapshot, no writing."""

from __future__ import annotations

import psycopg

from metering.ledger import LedgerError, Row, Statement
from metering.ledger_url import without_password
from metering.store.migrate import HEAD, VERSION_QUERY
from metering.store.pg_connection import Patience, connect, deadline
from metering.store.sql import POSTGRESQL, Query, render


class PostgresReader:
    """Any thread may use it. Opens nothing before the first reading."""

    dialect = POSTGRESQL

    def __init__(self, url: str, *, patience: Patience | None = None) -> None:
        self.name = without_password(url)
        self._url = url
        self._patience = patience or Patience()

    def read(self, *statements: Statement | Query) -> list[list[Row]]:
        """See LedgerReader.read."""
        limit_s = self._patience.report_s
        try:
            with connect(self._url, self._patience, limit_s=limit_s) as connection:
                connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
                connection.read_only = True
                with deadline(connection, limit_s + self._patience.slack_s), connection.transaction():
                    self._check(connection)
                    return [_fetch(connection, statement) for statement in statements]
        except psycopg.Error as error:
            raise LedgerError(f"cannot read ledger {self.name}: {error}") from error

    def _check(self, connection: psycopg.Connection[Row]) -> None:
        try:
            found = connection.execute(VERSION_QUERY).fetchone()
        except psycopg.errors.UndefinedTable as error:
            raise LedgerError(f"there is no ledger at {self.name}; start the gateway once") from error
        if found is None or found[0] != HEAD:
            revision = found[0] if found else "none"
            raise LedgerError(
                f"ledger {self.name} has revision {revision}, this program reads {HEAD}; start the gateway "
                "once to bring an older one up to date, or use a newer release"
            )


def _fetch(connection: psycopg.Connection[Row], statement: Statement | Query) -> list[Row]:
    if isinstance(statement, tuple):
        sql, parameters = statement
        cursor = connection.execute(sql.replace("%", "%%").replace("?", "%s").encode(), list(parameters))
    else:
        text, named = render(statement, POSTGRESQL)
        cursor = connection.execute(text.encode(), named)
    return cursor.fetchall()
