"""Alembic's history of the ledger. A revision that was released is never edited: add one."""
