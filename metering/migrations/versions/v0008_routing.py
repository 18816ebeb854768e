"""What a router chose by: enough to choose again under another policy."""

from __future__ import annotations

from alembic import op

revision = "v0008"
down_revision = "v0007"

_COLUMNS = (
    "route_gain BIGINT",
    "route_threshold BIGINT",
    "route_known BIGINT",
    "gain_model TEXT",
    "prompt_tokens_estimate BIGINT",
    "route_needs TEXT",
)


def upgrade() -> None:
    for column in _COLUMNS:
        op.execute(f"ALTER TABLE events ADD COLUMN {column}")
