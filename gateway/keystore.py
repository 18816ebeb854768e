"""Tenants and keys made at run time, in the ledger's SQLite file.

    KeyStoreError
    ├── KeyStoreUnavailable   the file cannot be opened, read or written (locked, damaged, full, missing)
    ├── NameTaken             a tenant or key of that name exists, or existed
    ├── NoSuchName            nothing of that name here
    └── BadName               not a name; or no model has that name

Each operation opens its own short connection (about 0.2 ms): the gateway, the CLI and an operator's
`sqlite3` may work on one file at a time, and a restored backup is seen at once. Names are never used again,
since reports of the past name keys by them.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from gateway.config import Role
from metering.schema import APPLICATION_ID

BUSY_TIMEOUT_S = 2.0

# The triggers count every change, one made by hand included, so that a watcher reads one row to know.
# The random id tells a replaced file from a changed one.
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


class KeyStoreError(Exception): ...


class KeyStoreUnavailable(KeyStoreError): ...


class NameTaken(KeyStoreError): ...


class NoSuchName(KeyStoreError): ...


class BadName(KeyStoreError): ...


@dataclass(frozen=True, slots=True)
class TenantRow:
    """Times are UTC microseconds."""

    name: str
    cost_center: str = ""
    models: tuple[str, ...] | None = None
    created_us: int = 0
    expires_us: int | None = None
    revoked_us: int | None = None


@dataclass(frozen=True, slots=True)
class KeyRow:
    """Times are UTC microseconds."""

    tenant: str
    name: str
    hash: str
    """`sha256:` and 64 hexadecimal digits."""
    project: str = ""
    role: Role = "tenant"
    models: tuple[str, ...] | None = None
    created_us: int = 0
    expires_us: int | None = None
    revoked_us: int | None = None


@dataclass(frozen=True, slots=True)
class StoredKeys:
    """Everything in the store at one moment."""

    version: str
    tenants: tuple[TenantRow, ...]
    keys: tuple[KeyRow, ...]


class KeyStore:
    """Every method raises KeyStoreUnavailable when the file cannot be used. Blocking; safe in any thread."""

    def __init__(self, path: str | Path, *, busy_timeout_s: float = BUSY_TIMEOUT_S) -> None:
        self._path = Path(path)
        self._busy_timeout_s = busy_timeout_s

    def create_schema(self) -> None:
        """Makes the file and the tables where they are missing, in a ledger's file or in what becomes one:
        never in another program's database."""
        with self._connect("rwc") as db:
            _claim(db)
            db.execute("PRAGMA journal_mode = WAL")
            db.executescript(_SCHEMA + _TRIGGERS)
            db.execute("INSERT OR IGNORE INTO weir_keys_version VALUES (1, ?, 0)", (secrets.token_hex(8),))
            db.commit()

    @property
    def path(self) -> Path:
        return self._path

    def version(self) -> str:
        """Changes whenever a tenant or key does; cheap enough to ask often."""
        with self._connect() as db:
            return _version(db)

    def read(self) -> StoredKeys:
        with self._connect() as db:
            db.execute("BEGIN")  # one moment for all three
            version = _version(db)
            tenants = db.execute("SELECT * FROM weir_tenants ORDER BY name").fetchall()
            keys = db.execute("SELECT * FROM weir_keys ORDER BY tenant, name").fetchall()
            return StoredKeys(version, tuple(map(_tenant_row, tenants)), tuple(map(_key_row, keys)))

    def add_tenant(self, row: TenantRow) -> None:
        """Raises NameTaken."""
        values = (
            row.name,
            row.cost_center,
            _dump(row.models),
            row.created_us,
            row.expires_us,
            row.revoked_us,
        )
        self._insert("INSERT INTO weir_tenants VALUES (?, ?, ?, ?, ?, ?)", values, f"tenant {row.name}")

    def add_key(self, row: KeyRow) -> None:
        """Raises NameTaken, also where another name holds the same key."""
        values = (
            *(row.tenant, row.name, row.hash, row.project, row.role, _dump(row.models)),
            *(row.created_us, row.expires_us, row.revoked_us),
        )
        what = f"key {row.tenant}/{row.name}"
        self._insert("INSERT INTO weir_keys VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", values, what)

    def revoke_tenant(self, name: str, now_us: int) -> None:
        """With it every key of the tenant stops working. Raises NoSuchName."""
        sql = "UPDATE weir_tenants SET revoked_us = coalesce(revoked_us, ?) WHERE name = ?"
        self._change(sql, (now_us, name), f"tenant {name}")

    def revoke_key(self, tenant: str, name: str, now_us: int) -> None:
        """Idempotent: the first time counts. Raises NoSuchName."""
        sql = "UPDATE weir_keys SET revoked_us = coalesce(revoked_us, ?) WHERE tenant = ? AND name = ?"
        self._change(sql, (now_us, tenant, name), f"key {tenant}/{name}")

    def expire_tenant(self, name: str, expires_us: int | None) -> None:
        """None takes the expiry away. Raises NoSuchName."""
        self._change(
            "UPDATE weir_tenants SET expires_us = ? WHERE name = ?", (expires_us, name), f"tenant {name}"
        )

    def expire_key(self, tenant: str, name: str, expires_us: int | None) -> None:
        """None takes the expiry away. Raises NoSuchName."""
        sql = "UPDATE weir_keys SET expires_us = ? WHERE tenant = ? AND name = ?"
        self._change(sql, (expires_us, tenant, name), f"key {tenant}/{name}")

    def _insert(self, sql: str, values: tuple[object, ...], what: str) -> None:
        with self._connect() as db:
            try:
                db.execute(sql, values)
            except sqlite3.IntegrityError as error:
                if error.sqlite_errorname == "SQLITE_CONSTRAINT_CHECK":
                    raise BadName(f"{what}: not a hash, a role or a list of models ({error})") from error
                raise NameTaken(f"{what} {_why_taken(error)}") from error
            db.commit()

    def _change(self, sql: str, values: tuple[object, ...], what: str) -> None:
        with self._connect() as db:
            if db.execute(sql, values).rowcount == 0:
                raise NoSuchName(f"{what} is not in the key store")
            db.commit()

    @contextmanager
    def _connect(self, mode: str = "rw") -> Iterator[sqlite3.Connection]:
        # Mode rw never creates: a file that vanished must not come back empty, with every key unknown.
        uri = f"{self._path.absolute().as_uri()}?mode={mode}"
        try:
            with closing(sqlite3.connect(uri, uri=True, timeout=self._busy_timeout_s)) as db:
                yield db
        except (sqlite3.DatabaseError, json.JSONDecodeError, OSError) as error:
            raise KeyStoreUnavailable(f"the key store {self._path}: {error}") from error


def _claim(db: sqlite3.Connection) -> None:
    found = db.execute("PRAGMA application_id").fetchone()[0]
    tables = db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if found == APPLICATION_ID:
        return
    if found or tables:
        raise sqlite3.DatabaseError("this is a database of another program; name another file")
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")


def _version(db: sqlite3.Connection) -> str:
    row = db.execute("SELECT store, changes FROM weir_keys_version").fetchone()
    if row is None:
        raise sqlite3.DatabaseError("its version row is gone")
    return f"{row[0]}:{row[1]}"


def _why_taken(error: sqlite3.IntegrityError) -> str:
    return "holds a key that another name already has" if "hash" in str(error) else "exists, or existed"


def _dump(models: tuple[str, ...] | None) -> str | None:
    return None if models is None else json.dumps(models)


def _load(models: str | None) -> tuple[str, ...] | None:
    return None if models is None else tuple(map(str, json.loads(models)))


def _tenant_row(row: tuple[object, ...]) -> TenantRow:
    name, cost_center, models, created, expires, revoked = cast(
        "tuple[str, str, str | None, int, int, int]", row
    )
    return TenantRow(name, cost_center, _load(models), created, expires, revoked)


def _key_row(row: tuple[object, ...]) -> KeyRow:
    tenant, name, key_hash, project, role, models, created, expires, revoked = cast(
        "tuple[str, str, str, str, Role, str | None, int, int, int]", row
    )
    return KeyRow(tenant, name, key_hash, project, role, _load(models), created, expires, revoked)
