"""Answers that were compared with another tier's, and what clients said of theirs."""

from __future__ import annotations

from alembic import op

revision = "v0007"
down_revision = "v0006"


def _statements(blob: str) -> tuple[str, ...]:
    return (
        f"""CREATE TABLE quality_verdicts (
            id TEXT PRIMARY KEY NOT NULL, at_us BIGINT NOT NULL,
            request_id TEXT NOT NULL, event_id TEXT NOT NULL, tenant TEXT NOT NULL, route TEXT NOT NULL,
            served TEXT NOT NULL, served_tier TEXT NOT NULL, served_model TEXT NOT NULL,
            other_tier TEXT NOT NULL, other_model TEXT NOT NULL,
            gain DOUBLE PRECISION, threshold DOUBLE PRECISION, known BIGINT, model_version TEXT NOT NULL,
            verdict TEXT NOT NULL, small_good DOUBLE PRECISION, large_good DOUBLE PRECISION,
            method TEXT NOT NULL, judge_model TEXT NOT NULL, cost_nanos BIGINT, reading {blob}
        )""",
        "CREATE INDEX quality_verdicts_at ON quality_verdicts (at_us)",
        """CREATE TABLE feedback (
            tenant TEXT NOT NULL, key TEXT NOT NULL, request_id TEXT NOT NULL, at_us BIGINT NOT NULL,
            score DOUBLE PRECISION NOT NULL, comment TEXT NOT NULL,
            PRIMARY KEY (tenant, key, request_id)
        )""",
        "CREATE INDEX feedback_at ON feedback (at_us)",
    )


def upgrade() -> None:
    for statement in _statements("BYTEA" if op.get_bind().dialect.name == "postgresql" else "BLOB"):
        op.execute(statement)
