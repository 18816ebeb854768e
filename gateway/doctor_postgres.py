"""What `weir doctor` asks of a ledger on PostgreSQL. Nothing is written."""

from __future__ import annotations

from contextlib import closing

import psycopg

from metering.ledger import LedgerError
from metering.store.migrate import HEAD, REVISIONS, VERSION_QUERY
from metering.store.pg_connection import Patience, connect, deadline, shown

OLDEST_SERVER = 13


def examine_ledger(url: str) -> tuple[bool, str]:
    """Whether a gateway can work with it, and why."""
    patience = Patience()
    try:
        with (
            closing(connect(url, patience, limit_s=patience.statement_s)) as db,
            deadline(db, patience.statement_s + patience.slack_s),
        ):
            found = db.execute(
                "SELECT to_regclass('alembic_version') IS NOT NULL, pg_is_in_recovery()"
            ).fetchall()
            (made, standby) = found[0]
            row = db.execute(VERSION_QUERY).fetchone() if made else None
            server = db.info.server_version // 10_000
    except LedgerError:  # libpq quotes what it cannot read, which may be the password
        return False, "its address cannot be read"
    except psycopg.Error as error:
        return False, f"{shown(url)}: {error}"
    ok, detail = _judge(server, standby, row[0] if row else None)
    return ok, f"{shown(url)}: {detail}"


def _judge(server: int, standby: bool, revision: str | None) -> tuple[bool, str]:
    if server < OLDEST_SERVER:
        return False, f"PostgreSQL {server}, but {OLDEST_SERVER} or later is needed"
    if standby:
        return False, f"PostgreSQL {server}, a standby that takes no writes"
    if revision is None:
        return True, f"PostgreSQL {server}; its tables come with the first start"
    if revision not in REVISIONS:
        return False, f"PostgreSQL {server}, revision {revision}; use a newer release"
    return True, f"PostgreSQL {server}, revision {revision}{'' if revision == HEAD else f' (becomes {HEAD})'}"
