"""The meter: GPU time, corrections, hourly rollups, retention; and PostgreSQL.

SQLite's events are copied into a table with a sequence number that neither VACUUM nor a deletion can give
twice. PostgreSQL's events are partitioned by month of their id, which is a ULID and starts with its time:
the primary key then is the id alone, so that it is unique across all partitions, and ranges of text compare
as bytes. metering/store/partitions.py makes the partitions.
"""

from __future__ import annotations

from alembic import op

revision = "v0002"
down_revision = "v0001"

_OLD = (
    "id, request_id, attempt, started_us, finished_us, tenant, cost_center, project, key, tags, api, "
    "requested_model, route, tier, reason, backend, served_model, outcome, status, error, stream, "
    "input_uncached_tokens, cache_read_tokens, cache_write_tokens, output_tokens, reasoning_tokens, "
    "provenance, price_version, list_nanos, cost_nanos, baseline_nanos, cache_status, queue_us, "
    "first_token_us, total_us, overhead_us, stand_in"
)
_COLUMNS = """
    request_id TEXT NOT NULL,
    attempt BIGINT NOT NULL,
    started_us BIGINT NOT NULL,
    finished_us BIGINT NOT NULL,
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
    status BIGINT NOT NULL,
    error TEXT NOT NULL,
    stream BIGINT NOT NULL,
    input_uncached_tokens BIGINT,
    cache_read_tokens BIGINT,
    cache_write_tokens BIGINT,
    output_tokens BIGINT,
    reasoning_tokens BIGINT,
    provenance TEXT,
    price_version TEXT NOT NULL,
    list_nanos BIGINT,
    cost_nanos BIGINT,
    baseline_nanos BIGINT,
    cache_status TEXT NOT NULL,
    queue_us BIGINT NOT NULL,
    first_token_us BIGINT,
    total_us BIGINT NOT NULL,
    overhead_us BIGINT NOT NULL,
    stand_in BIGINT NOT NULL,
    process TEXT NOT NULL,
    prefill_us BIGINT,
    decode_us BIGINT,
    gpu_ns BIGINT,
    gpu_nanos BIGINT,
    kind TEXT NOT NULL,
    corrects TEXT NOT NULL
"""
_SQLITE = (
    "DROP INDEX events_started",
    "DROP INDEX events_tenant_started",
    "DROP INDEX events_request",
    "ALTER TABLE events RENAME TO events_before",
    f"CREATE TABLE events (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, {_COLUMNS})",
    f"INSERT INTO events ({_OLD}, process, kind, corrects) SELECT {_OLD}, '', "
    "CASE WHEN outcome = 'cached' THEN 'hit' ELSE 'attempt' END, '' FROM events_before ORDER BY rowid",
    "DROP TABLE events_before",
)
_POSTGRESQL = (
    f'CREATE TABLE events (id TEXT COLLATE "C" NOT NULL, {_COLUMNS}, seq BIGINT NOT NULL, PRIMARY KEY (id)) '
    "PARTITION BY RANGE (id)",
    "CREATE INDEX events_seq ON events (seq)",
    "CREATE TABLE rollup_pending (seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY)",
)
_INDEXES = (
    "CREATE INDEX events_started ON events (started_us)",
    "CREATE INDEX events_tenant_started ON events (tenant, started_us)",
    "CREATE INDEX events_request ON events (request_id)",
)
_SUMS = """
    group_id {bytes} NOT NULL,
    events BIGINT, requests BIGINT, attempts BIGINT, hits BIGINT, corrections BIGINT,
    input_uncached_tokens BIGINT, cache_read_tokens BIGINT, cache_write_tokens BIGINT,
    output_tokens BIGINT, reasoning_tokens BIGINT, served_from_cache_tokens BIGINT,
    list_nanos BIGINT, cost_nanos BIGINT, baseline_nanos BIGINT,
    saved_by_cache_nanos BIGINT, saved_by_route_nanos BIGINT,
    unknown_cost_events BIGINT, counted_cost_nanos BIGINT, estimated_cost_nanos BIGINT,
    stand_in_events BIGINT, provisional_gpu_ns BIGINT, provisional_gpu_nanos BIGINT,
    gpu_ns BIGINT, gpu_nanos BIGINT
"""
_BOTH = (
    """CREATE TABLE rollup_groups (
        group_id {bytes} NOT NULL PRIMARY KEY,
        tenant TEXT NOT NULL, cost_center TEXT NOT NULL, project TEXT NOT NULL, key TEXT NOT NULL,
        api TEXT NOT NULL, requested_model TEXT NOT NULL, served_model TEXT NOT NULL, route TEXT NOT NULL,
        tier TEXT NOT NULL, backend TEXT NOT NULL, outcome TEXT NOT NULL, cache_status TEXT NOT NULL,
        provenance TEXT NOT NULL, stand_in BIGINT NOT NULL, category TEXT NOT NULL, line TEXT NOT NULL,
        tags TEXT NOT NULL
    )""",
    f"CREATE TABLE rollup_hourly (hour_us BIGINT NOT NULL, {_SUMS}, PRIMARY KEY (hour_us, group_id))",
    f"CREATE TABLE rollup_daily (day_us BIGINT NOT NULL, {_SUMS}, PRIMARY KEY (day_us, group_id))",
    """CREATE TABLE gpu_windows (
        backend TEXT NOT NULL, window_start_us BIGINT NOT NULL, window_end_us BIGINT NOT NULL,
        gpu_count BIGINT NOT NULL, capacity_ns BIGINT NOT NULL, capacity_nanos BIGINT NOT NULL,
        method TEXT NOT NULL, PRIMARY KEY (backend, window_start_us)
    )""",
    """CREATE TABLE gpu_shares (
        backend TEXT NOT NULL, window_start_us BIGINT NOT NULL, line TEXT NOT NULL, event_id TEXT NOT NULL,
        tenant TEXT NOT NULL, cost_center TEXT NOT NULL, project TEXT NOT NULL, key TEXT NOT NULL,
        model TEXT NOT NULL, gpu_ns BIGINT NOT NULL, nanos BIGINT NOT NULL, method TEXT NOT NULL,
        PRIMARY KEY (backend, window_start_us, line, event_id, tenant)
    )""",
    "CREATE INDEX gpu_shares_start ON gpu_shares (window_start_us)",
    "CREATE INDEX gpu_shares_event ON gpu_shares (event_id)",
    "CREATE TABLE ledger_state (name TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL)",
)


def upgrade() -> None:
    sqlite = op.get_context().dialect.name == "sqlite"
    for statement in (*(_SQLITE if sqlite else _POSTGRESQL), *_INDEXES):
        op.execute(statement)
    for statement in _BOTH:
        op.execute(statement.format(bytes="BLOB" if sqlite else "BYTEA"))
