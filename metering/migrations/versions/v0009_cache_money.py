"""What hits of the cache avoided, what audits of them cost, and what kept answers occupy.

A hit that was written before has no `avoided_nanos`: it is taken to have avoided its baseline, as it was.
"""

from __future__ import annotations

from alembic import op

revision = "v0009"
down_revision = "v0008"

_MEASURES = (
    "unpriced_hits",
    "cache_audit_nanos",
    "storage_byte_seconds",
    "unpriced_storage_byte_seconds",
)
_STATEMENTS = (
    "ALTER TABLE events ADD COLUMN avoided_nanos BIGINT",
    *(
        f"ALTER TABLE {table} ADD COLUMN {column} BIGINT"
        for table in ("rollup_hourly", "rollup_daily")
        for column in _MEASURES
    ),
    """CREATE TABLE cache_storage (
        id TEXT PRIMARY KEY NOT NULL, at_us BIGINT NOT NULL, tenant TEXT NOT NULL, cost_center TEXT NOT NULL,
        byte_seconds BIGINT NOT NULL, price_version TEXT NOT NULL, list_nanos BIGINT NOT NULL,
        cost_nanos BIGINT NOT NULL
    )""",
    "CREATE INDEX cache_storage_tenant ON cache_storage (tenant, at_us)",
    "CREATE INDEX cache_storage_at ON cache_storage (at_us)",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
