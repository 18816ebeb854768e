"""The audit log: every change made through management, as a chain of rows in the ledger's database."""
