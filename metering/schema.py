"""What makes a SQLite file a ledger of Weir, of which version, and how it is brought up to date."""

from __future__ import annotations

import sqlite3

from sqlalchemy import Connection, create_engine
from sqlalchemy.pool import StaticPool

from metering.ledger import LedgerError
from metering.store.migrate import REVISIONS, upgrade

APPLICATION_ID = 0x57454952  # "WEIR": tells our file from any other SQLite database
VERSION = len(REVISIONS)
"""A file's `user_version` is how many of the revisions it has; releases before Alembic's table knew one."""


def migrate(connection: sqlite3.Connection, path: str) -> None:
    """Bring the file to this version, in one transaction that no other process can share.

    The connection is in autocommit. Raises LedgerError, leaving the file alone, if it is newer than this
    program or not a ledger.
    """
    if _version_of(connection, path) == VERSION:
        return
    engine = create_engine(
        "sqlite://", creator=lambda: connection, poolclass=StaticPool, skip_autocommit_rollback=True
    )
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as shared:
        connection.execute("BEGIN IMMEDIATE")
        try:
            _upgrade(connection, shared, path)
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")
    connection.isolation_level = None  # the engine gave back what it takes for the default


def _upgrade(connection: sqlite3.Connection, shared: Connection, path: str) -> None:
    found = _version_of(connection, path)  # again: another process may have been first
    if found == VERSION:
        return
    upgrade(shared, path, stamped=REVISIONS[found - 1] if found == 1 else None)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {VERSION}")


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
