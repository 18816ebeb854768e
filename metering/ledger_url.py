"""From the configuration's `ledger:` to a ledger."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from metering.ledger import Books, LedgerError, LedgerReader

if TYPE_CHECKING:
    from metering.store.pg_connection import Patience

_SQLITE = "sqlite:///"
_POSTGRESQL = ("postgresql://", "postgres://")


def open_ledger(url: str, *, patience: Patience | None = None) -> Books:
    """For writing. SQLite: by one process at a time. Raises LedgerError; a PostgreSQL server that is away is
    no error, but LedgerUnavailable when something is written."""
    # Each is loaded only where it is used: SQLAlchemy and a driver take a good part of a second.
    if is_postgresql(url):
        from metering.store.postgres import PostgresLedger

        return PostgresLedger(url, patience=patience)
    from metering.sqlite_ledger import SqliteLedger

    return SqliteLedger(sqlite_path(url))


def open_reader(url: str) -> LedgerReader:
    """For reports; opens nothing yet. Raises LedgerError for an address it does not understand."""
    if is_postgresql(url):
        from metering.store.postgres_reader import PostgresReader

        return PostgresReader(url)
    from metering.sqlite_reader import SqliteReader

    return SqliteReader(sqlite_path(url))


def without_password(url: str) -> str:
    """The address as it may be shown: of PostgreSQL's host and database alone. Raises ValueError if it is no
    address at all."""
    if not is_postgresql(url):
        return url
    parts = urlsplit(url)
    return f"postgresql://{parts.netloc.rpartition('@')[2]}{parts.path}"


def is_postgresql(url: str) -> bool:
    return url.startswith(_POSTGRESQL)


def sqlite_path(url: str) -> Path:
    """`sqlite:///weir.db` is relative to the working directory, `sqlite:////var/lib/weir.db` absolute.

    Raises LedgerError for any other address.
    """
    path = url.removeprefix(_SQLITE)
    if path == url or not path or path.endswith("/"):
        raise LedgerError(
            f"ledger {url!r}: write sqlite:///relative.db or sqlite:////absolute.db, or postgresql://host/database"
        )
    return Path(path)
