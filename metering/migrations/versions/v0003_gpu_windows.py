"""What closing GPU windows needs: who saw which backend up, clocks, weights, and what a window was made of.

A share's key takes the cost centre in: two cost centres of one tenant may pay for the same idle time. The
index is partial: rows of vendors do not carry it.
"""

from __future__ import annotations

from alembic import op

revision = "v0003"
down_revision = "v0002"

_OLD_SHARE = (
    "backend, window_start_us, line, event_id, tenant, cost_center, project, key, model, gpu_ns, nanos, "
    "method"
)
_SHARE_KEY = "PRIMARY KEY (backend, window_start_us, line, event_id, tenant, cost_center)"
_SQLITE = (
    "DROP INDEX gpu_shares_start",
    "DROP INDEX gpu_shares_event",
    "ALTER TABLE gpu_shares RENAME TO gpu_shares_before",
    f"""CREATE TABLE gpu_shares (
        backend TEXT NOT NULL, window_start_us BIGINT NOT NULL, line TEXT NOT NULL, event_id TEXT NOT NULL,
        tenant TEXT NOT NULL, cost_center TEXT NOT NULL, project TEXT NOT NULL, key TEXT NOT NULL,
        model TEXT NOT NULL, gpu_ns BIGINT NOT NULL, nanos BIGINT NOT NULL, method TEXT NOT NULL,
        mark TEXT NOT NULL DEFAULT '', {_SHARE_KEY}
    )""",
    f"INSERT INTO gpu_shares ({_OLD_SHARE}) SELECT {_OLD_SHARE} FROM gpu_shares_before",
    "DROP TABLE gpu_shares_before",
    "CREATE INDEX gpu_shares_start ON gpu_shares (window_start_us)",
    "CREATE INDEX gpu_shares_event ON gpu_shares (event_id)",
)
_POSTGRESQL = (
    "ALTER TABLE gpu_shares ADD COLUMN mark TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE gpu_shares DROP CONSTRAINT gpu_shares_pkey",
    f"ALTER TABLE gpu_shares ADD {_SHARE_KEY}",
)
_BOTH = (
    "ALTER TABLE gpu_windows ADD COLUMN digest TEXT NOT NULL DEFAULT ''",
    """CREATE TABLE gpu_up (
        backend TEXT NOT NULL, process TEXT NOT NULL, up_us BIGINT NOT NULL,
        ready_us BIGINT, seen_us BIGINT NOT NULL, down_us BIGINT,
        PRIMARY KEY (backend, process, up_us)
    )""",
    """CREATE TABLE gpu_clocks (
        process TEXT NOT NULL, from_us BIGINT NOT NULL, ahead_us BIGINT NOT NULL,
        PRIMARY KEY (process, from_us)
    )""",
    """CREATE TABLE gpu_weights (
        backend TEXT NOT NULL, from_us BIGINT NOT NULL,
        prefill_ns_per_token BIGINT NOT NULL, decode_ns_per_token BIGINT NOT NULL,
        prefill_ns_per_kilocontext BIGINT NOT NULL, decode_ns_per_kilocontext BIGINT NOT NULL,
        method TEXT NOT NULL, PRIMARY KEY (backend, from_us)
    )""",
    "CREATE INDEX events_gpu ON events (backend, finished_us, started_us) WHERE gpu_ns IS NOT NULL",
)


def upgrade() -> None:
    sqlite = op.get_context().dialect.name == "sqlite"
    for statement in (*(_SQLITE if sqlite else _POSTGRESQL), *_BOTH):
        op.execute(statement)
