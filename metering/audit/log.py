"""Writing to the audit log outside of any other transaction, and changes that are made in two steps."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any

from metering.audit.append import append
from metering.audit.entry import AuditRow, AuditUnavailable, Author, Entry
from metering.ledger import LedgerError
from metering.ledger_url import is_postgresql, open_ledger
from metering.store.transaction import open_file, transaction

_HAS_TABLE = "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE name = 'audit_log')"

Write = Callable[[Entry], AuditRow]
"""Raises AuditUnavailable."""


class AuditLog:
    """In the database of the configuration's `ledger:`. Opens nothing before the first row. For any thread
    and any number of processes."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._table = AuditTable(url)

    def write(self, author: Author, entry: Entry) -> AuditRow:
        """Blocks, for some seconds at most. Raises AuditUnavailable: the change must not be made then."""
        try:
            self._table.make(self._has_table)
            with transaction(self._url) as session:
                return append(session, author, entry)
        except (LedgerError, sqlite3.Error, OSError, UnicodeError) as error:
            raise AuditUnavailable(f"the audit log cannot be written: {error}") from error

    def _has_table(self) -> bool:
        if is_postgresql(self._url):
            from metering.audit import on_postgres  # its driver is loaded only where it is used
            from metering.store import pg_transaction

            with pg_transaction.connected(self._url) as server:
                return on_postgres.has_table(server)
        with closing(open_file(self._url)) as file:
            return has_table(file)


class AuditTable:
    """Whether the table is there, asked until it was seen once."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._seen = False

    def make(self, is_there: Callable[[], bool]) -> None:
        """Brings a ledger up to date that has no audit log yet: a command may be the first of this release to
        use it. Raises LedgerError and what `is_there` raises."""
        if not self._seen and not is_there():
            open_ledger(self._url).close()
        self._seen = True


def has_table(file: sqlite3.Connection) -> bool:
    return bool(file.execute(_HAS_TABLE).fetchone() == (1,))


@contextmanager
def in_two_steps(
    write: Write, action: str, subject: str, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None
) -> Iterator[dict[str, Any]]:
    """For a change that cannot share the audit log's transaction: `ACTION.intent` before it is made, then
    `ACTION.done` with what the body puts into the yielded outcome, or `ACTION.failed`. An intent that nothing
    follows was cut off: whether the change was made must be looked up.

    Raises AuditUnavailable before anything is changed if the intent cannot be written, and after the change
    if its outcome cannot be, with a message that says so.
    """
    intent = write(Entry(f"{action}.intent", subject, before, after))
    outcome: dict[str, Any] = {}
    try:
        yield outcome
    except Exception as error:
        failed = {"intent": intent.seq, "error": f"{type(error).__name__}: {error}"[:1000]}
        try:
            write(Entry(f"{action}.failed", subject, before, failed))
        except AuditUnavailable as lost:
            error.add_note(f"the audit log holds the intent (row {intent.seq}), not this failure: {lost}")
        raise
    try:
        write(Entry(f"{action}.done", subject, before, {**(after or {}), **outcome, "intent": intent.seq}))
    except AuditUnavailable as lost:
        raise AuditUnavailable(
            f"the change was made; the audit log holds its intent (row {intent.seq}), not its outcome: {lost}"
        ) from lost
