"""Run by Alembic: the connection and its transaction are the caller's (metering/store/migrate.py)."""

from __future__ import annotations

from alembic import context

context.configure(
    connection=context.config.attributes["connection"], target_metadata=None, transactional_ddl=False
)
context.run_migrations()
