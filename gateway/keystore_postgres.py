"""Tenants and keys in the ledger's PostgreSQL database, for any number of gateways.

`version`, which is asked often, keeps one connection and makes it anew when it is lost; everything else is
rare and opens its own, so that nobody waits behind anybody. Each wait has an end, with a frozen server too.
"""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

import psycopg

from gateway.keystore import (
    NOTHING,
    READ_KEYS,
    READ_TENANTS,
    READ_VERSION,
    BadName,
    KeyStore,
    KeyStoreUnavailable,
    StoredKeys,
    Update,
    name_taken,
    no_such_name,
    not_valid,
    stored_keys,
)
from gateway.keystore_revisions import REVISIONS
from metering.audit.append import append
from metering.audit.entry import AuditRow, Author, Entry
from metering.audit.log import AuditTable
from metering.audit.on_postgres import has_table
from metering.ledger import LedgerError, LedgerUnavailable
from metering.ledger_url import without_password
from metering.store.pg_connection import Patience, PostgresSession, connect, deadline
from metering.store.sql import Row

PATIENCE = Patience(connect_s=2, statement_s=2.0, slack_s=0.5)
SCHEMA_LOCK = 0x5745495200000004
"""Advisory: held while the tables are made. The ledger's own locks have the numbers before."""
_MADE = b"""
SELECT EXISTS (SELECT FROM pg_class WHERE relname = 'weir_keys_version' AND pg_table_is_visible(oid))
"""
"""Not to_regclass: it may answer from what the session remembers of the time before it waited for a lock."""
_Connection = psycopg.Connection[Row]


class PostgresKeyStore(KeyStore):
    def __init__(self, url: str, *, patience: Patience = PATIENCE) -> None:
        """Raises LedgerError for what is not an address at all."""
        try:
            self.name = without_password(url)
        except ValueError as error:
            raise LedgerError(f"the ledger's address cannot be read: {error}") from error
        self._url = url
        self._patience = patience
        self._audit = AuditTable(url)
        self._turn = threading.Lock()
        self._kept: _Connection | None = None

    def create_schema(self) -> None:
        with self._connect() as db:
            if _revision(db) == len(REVISIONS):
                return
            db.isolation_level = psycopg.IsolationLevel.READ_COMMITTED  # sees what was made during the wait
            with db.transaction():
                db.execute("SELECT pg_advisory_xact_lock(%s)", (SCHEMA_LOCK,))
                _bring_up_to_date(db)

    def version(self) -> str:
        with self._turn, self._errors():
            try:
                if self._kept is None:
                    self._kept = self._open()
                with self._until_deadline(self._kept):
                    return _version(self._kept)
            except psycopg.Error:
                self._drop()
                raise

    def read(self, *, missing_is_empty: bool = False) -> StoredKeys:
        with self._connect() as db:
            db.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ  # one moment for all of it
            db.read_only = True
            with db.transaction():
                if missing_is_empty and not _made(db):
                    return NOTHING
                version = _version(db)
                tenants = db.execute(READ_TENANTS.encode()).fetchall()
                return stored_keys(version, tenants, db.execute(READ_KEYS.encode()).fetchall())

    def close(self) -> None:
        with self._turn:
            self._drop()

    def _insert(self, sql: str, values: tuple[object, ...], by: Author, entry: Entry) -> AuditRow:
        what = entry.subject
        with self._changing() as db:
            try:
                db.execute(_placed(sql), values)
            except psycopg.errors.CheckViolation as error:
                raise not_valid(what, error.diag.message_primary) from error
            except psycopg.errors.UniqueViolation as error:
                raise name_taken(what, key_exists=error.diag.constraint_name == "weir_keys_hash") from error
            except (psycopg.DataError, UnicodeEncodeError) as error:
                raise BadName(f"{what}: {error}") from error
            return append(PostgresSession(db), by, entry)

    def _change(self, update: Update, by: Author) -> AuditRow:
        with self._changing() as db:
            before = db.execute(_placed(f"{update.read} FOR UPDATE"), update.read_values).fetchone()
            if before is None:
                raise no_such_name(update.subject)
            db.execute(_placed(update.sql), update.values)
            after = db.execute(_placed(update.read), update.read_values).fetchone()
            assert after is not None  # it is locked
            return append(PostgresSession(db), by, update.entry(before, after))

    @contextmanager
    def _changing(self) -> Iterator[_Connection]:
        """One transaction, committed at the end."""
        with self._errors():
            self._audit.make(self._has_audit_log)
        with self._connect() as db:
            db.isolation_level = psycopg.IsolationLevel.READ_COMMITTED  # see metering.audit.append
            with db.transaction():
                yield db

    def _has_audit_log(self) -> bool:
        with self._connect() as db:
            return has_table(db)

    @contextmanager
    def _connect(self) -> Iterator[_Connection]:
        with self._errors(), closing(self._open()) as db, self._until_deadline(db):
            yield db

    def _open(self) -> _Connection:
        return connect(self._url, self._patience, limit_s=self._patience.statement_s)

    @contextmanager
    def _until_deadline(self, db: _Connection) -> Iterator[None]:
        with deadline(db, self._patience.statement_s + self._patience.slack_s):
            yield

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except LedgerUnavailable as error:  # the audit log's table could not be looked for
            raise KeyStoreUnavailable(f"the key store {self.name}: {error}") from error
        except LedgerError as error:  # libpq quotes what it cannot read, which may be the password
            raise KeyStoreUnavailable(f"the key store {self.name}: its address cannot be read") from error
        except (psycopg.Error, json.JSONDecodeError) as error:
            raise KeyStoreUnavailable(f"the key store {self.name}: {error}") from error

    def _drop(self) -> None:
        if self._kept is not None:
            self._kept.close()
            self._kept = None


def _placed(sql: str) -> bytes:
    return sql.replace("?", "%s").encode()


def _made(db: _Connection) -> bool:
    return db.execute(_MADE).fetchone() == (True,)


def _revision(db: _Connection) -> int:
    """0 where there are no tables. Raises psycopg.DatabaseError if a newer release made them."""
    if not _made(db):
        return 0
    row = db.execute("SELECT revision FROM weir_keys_version").fetchone()
    if row is None:
        raise psycopg.DatabaseError("its version row is gone")
    found = int(row[0])
    if found > len(REVISIONS):
        raise psycopg.DatabaseError(
            f"it has revision {found}, this program knows {len(REVISIONS)}; use a newer release"
        )
    return found


def _bring_up_to_date(db: _Connection) -> None:
    found = _revision(db)
    for statements in REVISIONS[found:]:
        for statement in statements:
            db.execute(statement.encode())
    if found == 0:
        first = "INSERT INTO weir_keys_version (one, store, changes, revision) VALUES (1, %s, 0, 0)"
        db.execute(first, (secrets.token_hex(8),))
    db.execute("UPDATE weir_keys_version SET revision = %s", (len(REVISIONS),))


def _version(db: _Connection) -> str:
    row = db.execute(READ_VERSION.encode()).fetchone()
    if row is None:
        raise psycopg.DatabaseError("its version row is gone")
    return f"{row[0]}:{row[1]}"
