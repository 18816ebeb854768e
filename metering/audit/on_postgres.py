"""Whether a PostgreSQL ledger has its audit log yet."""

from __future__ import annotations

import psycopg

from metering.store.sql import Row

_HAS_TABLE = b"SELECT to_regclass('audit_log') IS NOT NULL"


def has_table(connection: psycopg.Connection[Row]) -> bool:
    return connection.execute(_HAS_TABLE).fetchone() == (True,)
