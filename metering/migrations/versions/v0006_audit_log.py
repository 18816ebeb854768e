"""The audit log: a chain of hashes over every change that was made through management."""

from __future__ import annotations

from alembic import op

revision = "v0006"
down_revision = "v0005"


def upgrade() -> None:
    op.execute(
        """CREATE TABLE audit_log (
            seq BIGINT NOT NULL PRIMARY KEY, at_us BIGINT NOT NULL,
            who TEXT NOT NULL, action TEXT NOT NULL, subject TEXT NOT NULL,
            before TEXT, after TEXT, request_id TEXT NOT NULL,
            prev_hash TEXT NOT NULL UNIQUE, hash TEXT NOT NULL UNIQUE
        )"""
    )
