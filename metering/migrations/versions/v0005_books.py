"""The books: later rows, closed months, statements and their lines.

A month and a tenant's statement in it are unique, so that two who close at once cannot both have closed.
"""

from __future__ import annotations

from alembic import op

revision = "v0005"
down_revision = "v0004"

_STATEMENTS = (
    """CREATE TABLE book_entries (
        id TEXT PRIMARY KEY NOT NULL, month TEXT NOT NULL, tenant TEXT NOT NULL, cost_center TEXT NOT NULL,
        project TEXT NOT NULL, kind TEXT NOT NULL, category TEXT NOT NULL, amount_nanos BIGINT NOT NULL,
        description TEXT NOT NULL, reference TEXT NOT NULL, created_us BIGINT NOT NULL,
        created_by TEXT NOT NULL, statement_number TEXT, details TEXT NOT NULL
    )""",
    "CREATE INDEX book_entries_month ON book_entries (month, tenant)",
    "CREATE INDEX book_entries_kind ON book_entries (kind, reference)",
    """CREATE TABLE book_periods (
        month TEXT PRIMARY KEY NOT NULL, time_zone TEXT NOT NULL, from_us BIGINT NOT NULL,
        until_us BIGINT NOT NULL, statements BIGINT NOT NULL, total_nanos BIGINT NOT NULL,
        total_cents BIGINT NOT NULL, unknown_cost_events BIGINT NOT NULL, closed_us BIGINT NOT NULL,
        closed_by TEXT NOT NULL, digest TEXT NOT NULL
    )""",
    """CREATE TABLE statements (
        number TEXT PRIMARY KEY NOT NULL, month TEXT NOT NULL, tenant TEXT NOT NULL, time_zone TEXT NOT NULL,
        from_us BIGINT NOT NULL, until_us BIGINT NOT NULL, currency TEXT NOT NULL,
        total_nanos BIGINT NOT NULL, total_cents BIGINT NOT NULL, lines BIGINT NOT NULL,
        unknown_cost_events BIGINT NOT NULL, closed_us BIGINT NOT NULL, closed_by TEXT NOT NULL,
        digest TEXT NOT NULL, UNIQUE (month, tenant)
    )""",
    "CREATE INDEX statements_tenant ON statements (tenant, number)",
    """CREATE TABLE statement_lines (
        number TEXT NOT NULL, line BIGINT NOT NULL, kind TEXT NOT NULL, entry_id TEXT NOT NULL,
        tenant TEXT NOT NULL, cost_center TEXT NOT NULL, project TEXT NOT NULL, model TEXT NOT NULL,
        backend TEXT NOT NULL, category TEXT NOT NULL, description TEXT NOT NULL, reference TEXT NOT NULL,
        requests BIGINT NOT NULL, input_uncached_tokens BIGINT NOT NULL, cache_read_tokens BIGINT NOT NULL,
        cache_write_tokens BIGINT NOT NULL, output_tokens BIGINT NOT NULL, reasoning_tokens BIGINT NOT NULL,
        served_from_cache_tokens BIGINT NOT NULL, gpu_ns BIGINT NOT NULL, list_nanos BIGINT,
        amount_nanos BIGINT, cents BIGINT, unknown_cost_events BIGINT NOT NULL,
        PRIMARY KEY (number, line)
    )""",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
