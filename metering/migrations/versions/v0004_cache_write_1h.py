"""Cache writes that a vendor keeps for an hour: a part of `cache_write_tokens`, priced differently."""

from __future__ import annotations

from alembic import op

revision = "v0004"
down_revision = "v0003"


def upgrade() -> None:
    op.execute("ALTER TABLE events ADD COLUMN cache_write_1h_tokens BIGINT")
