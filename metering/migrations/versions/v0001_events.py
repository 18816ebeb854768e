"""The events of the first releases, which knew SQLite only."""

from __future__ import annotations

from alembic import op

revision = "v0001"
down_revision = None

EVENTS = """
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


def upgrade() -> None:
    if op.get_context().dialect.name != "sqlite":
        return
    op.execute(EVENTS)
    op.execute("CREATE INDEX events_started ON events (started_us)")
    op.execute("CREATE INDEX events_tenant_started ON events (tenant, started_us)")
    op.execute("CREATE INDEX events_request ON events (request_id)")
