"""The SQLite ledger's tables, as a list of migrations, and how a file is brought up to date."""

from __future__ import annotations

import sqlite3

from metering.ledger import LedgerError

APPLICATION_ID = 0x57454952  # "WEIR": tells our file from any other SQLite database

_EVENTS = """
CREATE TABLE events (
    id TEXT NOT NULL UNIQUE,
    request_id TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    started_us INTEGER NOT NULL,
    finished_us INTEGER NOT NULL,
    tenant TEXT NOT NULL,
    cost_center TEXT NOT NULL,
    project TEXT NOT NULL,
    key TEXT NOT NULL,
    tags TEXT NOT NULL,
    api TEXT NOT NULL,
    requested_model TEXT NOT NULL,
    route TEXT NOT NULL,
    tier TEXT NOT NULL,
    reason TEXT NOT NULL,
    backend TEXT NOT NULL,
    served_model TEXT NOT NULL,
    outcome TEXT NOT NULL,
    status INTEGER NOT NULL,
    error TEXT NOT NULL,
    stream INTEGER NOT NULL,
    input_uncached_tokens INTEGER,
    cache_read_tokens INTEGER,
    cache_write_tokens INTEGER,
    output_tokens INTEGER,
    reasoning_tokens INTEGER,
    provenance TEXT,
    price_version TEXT NOT NULL,
    list_nanos INTEGER,
    cost_nanos INTEGER,
    baseline_nanos INTEGER,
    cache_status TEXT NOT NULL,
    queue_us INTEGER NOT NULL,
    first_token_us INTEGER,
    total_us INTEGER NOT NULL,
    overhead_us INTEGER NOT NULL,
    stand_in INTEGER NOT NULL
)"""

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        _EVENTS,
        "CREATE INDEX events_started ON events (started_us)",
        "CREATE INDEX events_tenant_started ON events (tenant, started_us)",
        "CREATE INDEX events_request ON events (request_id)",
    ),
)
"""Applied in order; a file's `user_version` is how many it has. Never edit one that was released: add one."""

VERSION = len(MIGRATIONS)


def migrate(connection: sqlite3.Connection, path: str) -> None:
    """Bring the file to this version, in one transaction.

    Raises LedgerError, leaving the file alone, if it is newer than this program or not a ledger.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        found = _version_of(connection, path)
        for statements in MIGRATIONS[found:]:
            for statement in statements:
                connection.execute(statement)
        if found < VERSION:
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {VERSION}")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def check_readable(connection: sqlite3.Connection, path: str) -> None:
    """Raises LedgerError unless the file is a ledger of exactly this version."""
    found = _version_of(connection, path)
    if found < VERSION:
        raise LedgerError(
            f"ledger {path} has schema version {found}, this program reads {VERSION}; "
            "start the gateway once to bring it up to date"
        )


def _version_of(connection: sqlite3.Connection, path: str) -> int:
    """0 for an empty file."""
    application: int = connection.execute("PRAGMA application_id").fetchone()[0]
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    tables: int = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if application != APPLICATION_ID and (application or version or tables):
        raise LedgerError(f"{path} is a SQLite database, but not a ledger of Weir; name another file")
    if version > VERSION:
        raise LedgerError(
            f"ledger {path} has schema version {version}, this program knows {VERSION}; use a newer release"
        )
    return version
