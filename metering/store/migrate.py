"""Bringing a ledger's tables up to date with Alembic, inside a transaction of the caller's."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from metering.ledger import LedgerError

HEAD = "v0009"
"""The newest revision of metering/migrations/versions."""
REVISIONS = ("v0001", "v0002", "v0003", "v0004", "v0005", "v0006", "v0007", "v0008", HEAD)
VERSION_QUERY = "SELECT version_num FROM alembic_version"
_FOLDER = Path(__file__).resolve().parents[1] / "migrations"


def current_revision(connection: Connection, name: str) -> str | None:
    """None for a database without a ledger. Raises LedgerError if a newer release made it."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(text(VERSION_QUERY)).scalar()
    if found is not None and found not in REVISIONS:
        known = ", ".join(REVISIONS)
        raise LedgerError(
            f"ledger {name} has revision {found}, this program knows {known}; use a newer release"
        )
    return found


def upgrade(connection: Connection, name: str, *, stamped: str | None = None) -> None:
    """To HEAD, from wherever it is. `stamped` is where a ledger stands that is older than Alembic's table.

    The caller's transaction must keep others out: two processes may start at once. Raises LedgerError.
    """
    if current_revision(connection, name) == HEAD:
        return
    from alembic import command  # only once per release: the import takes longer than opening a ledger
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    if stamped is not None:
        command.stamp(config, stamped)
    command.upgrade(config, HEAD)
