"""The audit log: every change made through management, as a chain of rows in the ledger's database."""

from __future__ import annotations

from metering.audit.append import append
from metering.audit.entry import AuditRow, AuditUnavailable, Author, Entry
from metering.audit.log import AuditLog, in_two_steps

__all__ = ["AuditLog", "AuditRow", "AuditUnavailable", "Author", "Entry", "append", "in_two_steps"]
