"""From the configuration's `ledger:` to a ledger."""

from __future__ import annotations

from pathlib import Path

from metering.ledger import LedgerError
from metering.sqlite_ledger import SqliteLedger
from metering.sqlite_reader import SqliteReader

_SQLITE = "sqlite:///"


def open_ledger(url: str) -> SqliteLedger:
    """For the one process that writes. Raises LedgerError."""
    return SqliteLedger(sqlite_path(url))


def open_reader(url: str) -> SqliteReader:
    """For reports; opens nothing yet. Raises LedgerError for an address it does not understand."""
    return SqliteReader(sqlite_path(url))


def sqlite_path(url: str) -> Path:
    """`sqlite:///weir.db` is relative to the working directory, `sqlite:////var/lib/weir.db` absolute.

    Raises LedgerError for any other address.
    """
    path = url.removeprefix(_SQLITE)
    if path == url or not path or path.endswith("/"):
        raise LedgerError(f"ledger {url!r}: write sqlite:///relative.db or sqlite:////absolute.db")
    return Path(path)
