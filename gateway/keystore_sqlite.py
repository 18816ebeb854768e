"""Tenants and keys in the ledger's SQLite file.

Each operation opens its own short connection (about 0.2 ms): the gateway, the CLI and an operator's
`sqlite3` may work on one file at a time, and a restored backup is seen at once.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

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
from metering.audit.append import append
from metering.audit.entry import AuditRow, Author, Entry
from metering.audit.log import AuditTable, has_table
from metering.ledger import LedgerError
from metering.schema import APPLICATION_ID
from metering.store.sqlite_session import SqliteSession
from metering.store.write_ahead import write_ahead

BUSY_TIMEOUT_S = 2.0

_SCHEMA = """
CREATE TABLE IF NOT EXISTS weir_tenants (
  name TEXT PRIMARY KEY NOT NULL, cost_center TEXT NOT NULL,
  models TEXT CHECK (models IS NULL OR json_type(models) = 'array'),
  created_us INTEGER NOT NULL, expires_us INTEGER, revoked_us INTEGER
) STRICT;
CREATE TABLE IF NOT EXISTS weir_keys (
  tenant TEXT NOT NULL, name TEXT NOT NULL,
  hash TEXT NOT NULL UNIQUE CHECK (
    length(hash) = 71 AND hash GLOB 'sha256:*' AND hash NOT GLOB 'sha256:*[^0-9a-f]*'),
  project TEXT NOT NULL,
  role TEXT NOT NULL CHECK (role IN ('admin', 'finance', 'tenant')),
  models TEXT CHECK (models IS NULL OR json_type(models) = 'array'),
  created_us INTEGER NOT NULL, expires_us INTEGER, revoked_us INTEGER,
  PRIMARY KEY (tenant, name)
) STRICT;
CREATE TABLE IF NOT EXISTS weir_keys_version (
  one INTEGER PRIMARY KEY CHECK (one = 1), store TEXT NOT NULL, changes INTEGER NOT NULL
) STRICT;
"""
_TRIGGER = """
CREATE TRIGGER IF NOT EXISTS {table}_{verb} AFTER {verb} ON {table}
BEGIN UPDATE weir_keys_version SET changes = changes + 1; END;
"""
_TRIGGERS = "".join(
    _TRIGGER.format(table=table, verb=verb)
    for table in ("weir_tenants", "weir_keys")
    for verb in ("insert", "update", "delete")
)
_MADE = "SELECT count(*) FROM sqlite_master WHERE name = 'weir_keys_version'"


class SqliteKeyStore(KeyStore):
    def __init__(self, path: str | Path, *, busy_timeout_s: float = BUSY_TIMEOUT_S) -> None:
        self.path = Path(path)
        self._busy_timeout_s = busy_timeout_s
        self._audit = AuditTable(f"sqlite:///{self.path}")

    def create_schema(self) -> None:
        """Makes the file too, or goes into a ledger's: never into another program's database."""
        with self._connect("rwc") as db:
            _claim(db)
            write_ahead(db, self._busy_timeout_s)
            db.executescript(_SCHEMA + _TRIGGERS)
            db.execute("INSERT OR IGNORE INTO weir_keys_version VALUES (1, ?, 0)", (secrets.token_hex(8),))
            db.commit()

    def version(self) -> str:
        with self._connect() as db:
            return _version(db)

    def read(self, *, missing_is_empty: bool = False) -> StoredKeys:
        if missing_is_empty and not self.path.exists():
            return NOTHING
        with self._connect() as db:
            db.execute("BEGIN")  # one moment for all of it
            if missing_is_empty and db.execute(_MADE).fetchone() == (0,):
                return NOTHING
            version = _version(db)
            return stored_keys(version, db.execute(READ_TENANTS).fetchall(), db.execute(READ_KEYS).fetchall())

    def close(self) -> None:
        """Nothing stays open."""

    def _insert(self, sql: str, values: tuple[object, ...], by: Author, entry: Entry) -> AuditRow:
        what = entry.subject
        with self._changing() as db:
            try:
                db.execute(sql, values)
            except sqlite3.IntegrityError as error:
                if error.sqlite_errorname == "SQLITE_CONSTRAINT_CHECK":
                    raise not_valid(what, error) from error
                raise name_taken(what, key_exists="hash" in str(error)) from error
            except UnicodeEncodeError as error:
                raise BadName(f"{what}: {error}") from error
            return append(SqliteSession(db), by, entry)

    def _change(self, update: Update, by: Author) -> AuditRow:
        with self._changing() as db:
            before = db.execute(update.read, update.read_values).fetchone()
            if before is None:
                raise no_such_name(update.subject)
            db.execute(update.sql, update.values)
            after = db.execute(update.read, update.read_values).fetchone()
            return append(SqliteSession(db), by, update.entry(before, after))

    @contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        """One transaction, committed at the end."""
        with self._connect() as db:
            self._audit.make(lambda: has_table(db))
            db.execute("BEGIN IMMEDIATE")  # the audit log's chain has one writer at a time
            yield db
            db.commit()

    @contextmanager
    def _connect(self, mode: str = "rw") -> Iterator[sqlite3.Connection]:
        # Mode rw never creates: a file that vanished must not come back empty, with every key unknown.
        uri = f"{self.path.absolute().as_uri()}?mode={mode}"
        try:
            with closing(sqlite3.connect(uri, uri=True, timeout=self._busy_timeout_s)) as db:
                yield db
        except (sqlite3.DatabaseError, LedgerError, json.JSONDecodeError, OSError) as error:
            raise KeyStoreUnavailable(f"the key store {self.path}: {error}") from error


def _claim(db: sqlite3.Connection) -> None:
    db.execute("BEGIN IMMEDIATE")  # another process may be claiming it at this moment
    found = db.execute("PRAGMA application_id").fetchone()[0]
    tables = db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if found != APPLICATION_ID:
        if found or tables:
            raise sqlite3.DatabaseError("this is a database of another program; name another file")
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    db.commit()


def _version(db: sqlite3.Connection) -> str:
    row = db.execute(READ_VERSION).fetchone()
    if row is None:
        raise sqlite3.DatabaseError("its version row is gone")
    return f"{row[0]}:{row[1]}"
