"""Tenants and keys made at run time: what is kept of them, and the contract of the two stores that keep it.

    KeyStoreError
    ├── KeyStoreUnavailable   the store cannot be opened, read or written (away, locked, damaged, missing)
    ├── NameTaken             a tenant or key of that name exists, or existed
    ├── NoSuchName            nothing of that name here
    └── BadName               not a name; or no model has that name

They live in the ledger's database. Names are never used again, since reports of the past name keys by them.
Each change and its row in the audit log are one transaction: there is none without the other.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from typing import Any, cast

from gateway.config import Role
from metering.audit.entry import AuditRow, Author, Entry
from metering.ledger_url import is_postgresql, sqlite_path

TENANT_COLUMNS = "name, cost_center, models, created_us, expires_us, revoked_us"
KEY_COLUMNS = "tenant, name, hash, project, role, models, created_us, expires_us, revoked_us"
HASH_SHOWN = len("sha256:") + 8
READ_TENANTS = f"SELECT {TENANT_COLUMNS} FROM weir_tenants ORDER BY name"
READ_KEYS = f"SELECT {KEY_COLUMNS} FROM weir_keys ORDER BY tenant, name"
READ_VERSION = "SELECT store, changes FROM weir_keys_version"
"""Triggers count every change, one made by hand included, so that a watcher reads one row to know. The random
`store` tells a replaced database from a changed one."""


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


NOTHING = StoredKeys("", (), ())
"""Of a store that was never made."""


class KeyStore(ABC):
    """Every method raises KeyStoreUnavailable when the store cannot be used. Blocking, for a few seconds at
    most; safe in any thread."""

    @abstractmethod
    def create_schema(self) -> None:
        """Makes the tables where they are missing, or brings them up to date. Two processes may start at
        once."""

    @abstractmethod
    def version(self) -> str:
        """Changes whenever a tenant or key does; cheap enough to ask often."""

    @abstractmethod
    def read(self, *, missing_is_empty: bool = False) -> StoredKeys:
        """Everything, at one moment. With `missing_is_empty`, NOTHING where the tables were never made."""

    @abstractmethod
    def close(self) -> None:
        """Lets go of what `version` keeps open. The store can be used again."""

    def add_tenant(self, row: TenantRow, by: Author) -> AuditRow:
        """Raises NameTaken, and BadName for what cannot be kept."""
        values = (
            *(row.name, row.cost_center, dump_models(row.models)),
            *(row.created_us, row.expires_us, row.revoked_us),
        )
        sql = f"INSERT INTO weir_tenants ({TENANT_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)"
        return self._insert(sql, values, by, Entry("tenant.create", f"tenant {row.name}", None, shown(row)))

    def add_key(self, row: KeyRow, by: Author) -> AuditRow:
        """Raises NameTaken, also where another name holds the same key; BadName for what cannot be kept."""
        values = (
            *(row.tenant, row.name, row.hash, row.project, row.role, dump_models(row.models)),
            *(row.created_us, row.expires_us, row.revoked_us),
        )
        sql = f"INSERT INTO weir_keys ({KEY_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
        entry = Entry("key.create", f"key {row.tenant}/{row.name}", None, shown(row))
        return self._insert(sql, values, by, entry)

    def revoke_tenant(self, name: str, now_us: int, by: Author) -> AuditRow:
        """With it every key of the tenant stops working. Raises NoSuchName."""
        update = "revoked_us = coalesce(revoked_us, ?)"
        return self._change(_of_tenant("tenant.revoke", name, update, now_us), by)

    def revoke_key(self, tenant: str, name: str, now_us: int, by: Author) -> AuditRow:
        """Idempotent: the first time counts. Raises NoSuchName."""
        update = "revoked_us = coalesce(revoked_us, ?)"
        return self._change(_of_key("key.revoke", tenant, name, update, now_us), by)

    def expire_tenant(self, name: str, expires_us: int | None, by: Author) -> AuditRow:
        """None takes the expiry away. Raises NoSuchName."""
        return self._change(_of_tenant("tenant.expire", name, "expires_us = ?", expires_us), by)

    def expire_key(self, tenant: str, name: str, expires_us: int | None, by: Author) -> AuditRow:
        """None takes the expiry away. Raises NoSuchName."""
        return self._change(_of_key("key.expire", tenant, name, "expires_us = ?", expires_us), by)

    @abstractmethod
    def _insert(self, sql: str, values: tuple[object, ...], by: Author, entry: Entry) -> AuditRow:
        """`sql` has `?` for values, and neither `?` nor `%` otherwise. Raises NameTaken or BadName."""

    @abstractmethod
    def _change(self, update: Update, by: Author) -> AuditRow:
        """Raises NoSuchName if no row was changed."""


@dataclass(frozen=True, slots=True)
class Update:
    """A change of one row: what it is in the audit log, and its SQL (as in KeyStore._insert)."""

    action: str
    subject: str
    sql: str
    values: tuple[object, ...]
    read: str
    """The row, before and after."""
    read_values: tuple[object, ...]

    def entry(self, before: tuple[object, ...], after: tuple[object, ...]) -> Entry:
        """From rows of `read`."""
        row = _key_row if self.action.startswith("key.") else _tenant_row
        return Entry(self.action, self.subject, shown(row(before)), shown(row(after)))


def _of_tenant(action: str, name: str, update: str, value: int | None) -> Update:
    sql = f"UPDATE weir_tenants SET {update} WHERE name = ?"
    read = f"SELECT {TENANT_COLUMNS} FROM weir_tenants WHERE name = ?"
    return Update(action, f"tenant {name}", sql, (value, name), read, (name,))


def _of_key(action: str, tenant: str, name: str, update: str, value: int | None) -> Update:
    sql = f"UPDATE weir_keys SET {update} WHERE tenant = ? AND name = ?"
    read = f"SELECT {KEY_COLUMNS} FROM weir_keys WHERE tenant = ? AND name = ?"
    return Update(action, f"key {tenant}/{name}", sql, (value, tenant, name), read, (tenant, name))


def shown(row: TenantRow | KeyRow) -> dict[str, Any]:
    """For the audit log: of a key's hash only enough to tell it from others."""
    fields = asdict(row)
    if "hash" in fields:
        fields["hash"] = fields["hash"][:HASH_SHOWN] + "..."
    return fields


def open_key_store(ledger_url: str) -> KeyStore:
    """In the database of the configuration's `ledger:`; opens nothing yet. Raises LedgerError for an address
    that it does not understand."""
    if is_postgresql(ledger_url):
        from gateway.keystore_postgres import PostgresKeyStore  # its driver is loaded only where it is used

        return PostgresKeyStore(ledger_url)
    from gateway.keystore_sqlite import SqliteKeyStore

    return SqliteKeyStore(sqlite_path(ledger_url))


def not_valid(what: str, why: object) -> BadName:
    return BadName(f"{what}: not a hash, a role or a list of models ({why})")


def name_taken(what: str, *, key_exists: bool) -> NameTaken:
    """`key_exists`: it is not the name but the key's hash that is there already."""
    return NameTaken(
        f"{what} {'holds a key that another name already has' if key_exists else 'exists, or existed'}"
    )


def no_such_name(what: str) -> NoSuchName:
    return NoSuchName(f"{what} is not in the key store")


def dump_models(models: tuple[str, ...] | None) -> str | None:
    return None if models is None else json.dumps(models)


def stored_keys(
    version: str, tenants: list[tuple[object, ...]], keys: list[tuple[object, ...]]
) -> StoredKeys:
    """From rows of READ_TENANTS and READ_KEYS. Raises json.JSONDecodeError for damaged models."""
    return StoredKeys(version, tuple(map(_tenant_row, tenants)), tuple(map(_key_row, keys)))


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
