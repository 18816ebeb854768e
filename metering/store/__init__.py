"""What the ledger keeps, on SQLite and on PostgreSQL: tables, rollups, GPU shares, retention."""
