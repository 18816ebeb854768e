"""Tenants and keys of the configuration file and of the key store, as one directory.

A name lives in one of the two: what the file says is changed in the file. Keys made in the store may belong
to a tenant of the file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Literal

from gateway.clock import Clock
from gateway.config import GatewaySettings, KeySettings, Role, TenantSettings
from gateway.keystore import (
    BadName,
    KeyRow,
    KeyStore,
    KeyStoreUnavailable,
    NameTaken,
    NoSuchName,
    StoredKeys,
    TenantRow,
    open_key_store,
)
from gateway.tenants import Caller, KeyRecord, KeyRegistry, allowed_models, digest_of, make_key
from metering.audit.entry import AuditRow, Author
from metering.ledger import LedgerError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")
Source = Literal["file", "store"]


@dataclass(frozen=True, slots=True)
class TenantView:
    """Times are UTC microseconds."""

    name: str
    cost_center: str
    models: tuple[str, ...] | None
    source: Source
    created_us: int | None
    expires_us: int | None
    revoked_us: int | None


@dataclass(frozen=True, slots=True)
class KeyView:
    """All there is to see of a key: not its secret, and not its hash. Times are UTC microseconds."""

    tenant: str
    name: str
    project: str
    role: Role
    models: tuple[str, ...] | None
    source: Source
    created_us: int | None
    expires_us: int | None
    revoked_us: int | None


class KeyDirectory:
    """Lists and changes. Blocking. Every method raises KeyStoreError (see keystore.py)."""

    def __init__(
        self,
        store: KeyStore,
        settings: Callable[[], GatewaySettings],
        clock: Clock,
        *,
        missing_is_empty: bool = False,
        on_change: Callable[[AuditRow], None] = lambda row: None,
    ) -> None:
        """`missing_is_empty` is for the CLI, which may run before the first gateway made the tables; to a
        running gateway missing ones are a failure. `on_change` hears of each change, once it is made."""
        self._on_change = on_change
        self._store = store
        self._missing_is_empty = missing_is_empty
        self._settings = settings
        self._clock = clock

    def tenants(self) -> list[TenantView]:
        of_file = [
            TenantView(name, tenant.cost_center, tenant.models, "file", None, None, None)
            for name, tenant in self._settings().tenants.items()
        ]
        of_store = [
            TenantView(t.name, t.cost_center, t.models, "store", t.created_us, t.expires_us, t.revoked_us)
            for t in self._read().tenants
        ]
        return of_file + of_store

    def keys(self, tenant: str | None = None) -> list[KeyView]:
        views = [*map(_view, self._read().keys)]
        views += [
            KeyView(name, k.name, k.project, k.role, k.models, "file", None, expiry_us(k.expires), None)
            for name, settings in self._settings().tenants.items()
            for k in settings.keys
        ]
        chosen = [view for view in views if tenant in (None, view.tenant)]
        return sorted(chosen, key=lambda view: (view.tenant, view.name))

    def create_tenant(
        self,
        name: str,
        *,
        cost_center: str = "",
        models: tuple[str, ...] | None = None,
        expires_us: int | None = None,
        by: Author,
    ) -> TenantView:
        _check_name("tenant", name)
        if name in self._settings().tenants:
            raise NameTaken(f"tenant {name} stands in the configuration file")
        self._check_models(models)
        self._store.create_schema()
        now_us = self._now_us()
        row = TenantRow(name, cost_center, models, now_us, expires_us)
        self._on_change(self._store.add_tenant(row, by))
        return TenantView(name, cost_center, models, "store", now_us, expires_us, None)

    def create_key(
        self,
        tenant: str,
        name: str,
        *,
        project: str = "",
        role: Role = "tenant",
        models: tuple[str, ...] | None = None,
        expires_us: int | None = None,
        by: Author,
    ) -> tuple[str, KeyView]:
        """The key itself, to be shown this once, and what is kept of it."""
        _check_name("key", name)
        self._check_models(models)
        self._store.create_schema()
        in_file = self._settings().tenants.get(tenant)
        if in_file is None:
            self._check_stored_tenant(tenant)
        elif any(key.name == name for key in in_file.keys):
            raise NameTaken(f"key {tenant}/{name} stands in the configuration file")
        plain, key_hash = make_key()
        row = KeyRow(tenant, name, key_hash, project, role, models, self._now_us(), expires_us)
        self._on_change(self._store.add_key(row, by))
        return plain, _view(row)

    def revoke_key(self, tenant: str, name: str, *, by: Author) -> None:
        self._refuse_file_key(tenant, name)
        self._on_change(self._store.revoke_key(tenant, name, self._now_us(), by))

    def expire_key(self, tenant: str, name: str, expires_us: int | None, *, by: Author) -> None:
        self._refuse_file_key(tenant, name)
        self._on_change(self._store.expire_key(tenant, name, expires_us, by))

    def revoke_tenant(self, name: str, *, by: Author) -> None:
        self._refuse_file_tenant(name)
        self._on_change(self._store.revoke_tenant(name, self._now_us(), by))

    def expire_tenant(self, name: str, expires_us: int | None, *, by: Author) -> None:
        self._refuse_file_tenant(name)
        self._on_change(self._store.expire_tenant(name, expires_us, by))

    def _read(self) -> StoredKeys:
        return self._store.read(missing_is_empty=self._missing_is_empty)

    def _check_stored_tenant(self, tenant: str) -> None:
        row = next((row for row in self._store.read().tenants if row.name == tenant), None)
        if row is None:
            raise NoSuchName(f"there is no tenant {tenant}; create it first")
        if row.revoked_us is not None:
            raise NoSuchName(f"tenant {tenant} was revoked")

    def _check_models(self, models: tuple[str, ...] | None) -> None:
        settings = self._settings()
        known = {*settings.models, *settings.concrete_models}
        for model in models or ():
            if model not in known:
                raise BadName(f"no model or virtual model is named {model}")

    def _refuse_file_key(self, tenant: str, name: str) -> None:
        in_file = self._settings().tenants.get(tenant)
        if in_file is not None and any(key.name == name for key in in_file.keys):
            raise NameTaken(f"key {tenant}/{name} stands in the configuration file: change it there")

    def _refuse_file_tenant(self, name: str) -> None:
        if name in self._settings().tenants:
            raise NameTaken(f"tenant {name} stands in the configuration file: change it there")

    def _now_us(self) -> int:
        return self._clock.wall_ns() // 1000


def build_registry(
    settings: GatewaySettings, stored: StoredKeys | None, *, unreadable: str = ""
) -> tuple[KeyRegistry, tuple[str, ...]]:
    """The registry of both, and what stands in both. In a conflict the file wins, except against a
    revocation: nothing that was revoked comes back to life."""
    records = list(_file_records(settings.tenants))
    if stored is None:
        return KeyRegistry(records, unreadable=unreadable), ()
    conflicts = [f"tenant {row.name}" for row in stored.tenants if row.name in settings.tenants]
    names = {(record.caller.tenant, record.caller.key) for record in records}
    digests = {record.digest for record in records}
    tenants = {row.name: row for row in stored.tenants}
    for row in stored.keys:
        record = _stored_record(row, settings.tenants.get(row.tenant), tenants.get(row.tenant))
        clash = (row.tenant, row.name) in names or record.digest in digests
        if clash:
            conflicts.append(f"key {row.tenant}/{row.name}")
        if not clash or row.revoked_us is not None:
            records.append(record)
    return KeyRegistry(records), tuple(conflicts)


def _file_records(tenants: Mapping[str, TenantSettings]) -> Iterator[KeyRecord]:
    for name, tenant in tenants.items():
        for key in tenant.keys:
            yield KeyRecord(digest_of(key.hash), _file_caller(name, tenant, key), expiry_us(key.expires))


def _file_caller(name: str, tenant: TenantSettings, key: KeySettings) -> Caller:
    models = allowed_models(tenant.models, key.models)
    return Caller(name, tenant.cost_center, key.project, key.name, key.role, models, _fixed(key))


def _fixed(key: KeySettings) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(key.tags.items()))


def _stored_record(row: KeyRow, in_file: TenantSettings | None, in_store: TenantRow | None) -> KeyRecord:
    """The tenant's own end is the end of its keys."""
    tenant = in_file or in_store
    cost_center = tenant.cost_center if tenant else ""
    models = allowed_models(tenant.models if tenant else None, row.models)
    caller = Caller(row.tenant, cost_center, row.project, row.name, row.role, models)
    ends = [row.expires_us]
    refusal = "was revoked" if row.revoked_us is not None else ""
    if tenant is None:
        refusal = refusal or "belongs to a tenant that no longer exists"
    elif in_file is None and in_store is not None:
        ends.append(in_store.expires_us)
        if in_store.revoked_us is not None:
            refusal = refusal or "belongs to a tenant that was revoked"
    return KeyRecord(
        digest_of(row.hash), caller, min((e for e in ends if e is not None), default=None), refusal
    )


def expiry_us(expires: datetime | date | None) -> int | None:
    """UTC microseconds. A day ends a key at its very beginning; a time without a zone is UTC."""
    if expires is None:
        return None
    moment = expires if isinstance(expires, datetime) else datetime.combine(expires, time())
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1_000_000)


def tenants_in_store(settings: GatewaySettings) -> frozenset[str] | None:
    """For `config_file.load`: none where no store is yet, None when it cannot be read."""
    try:
        stored = open_key_store(settings.ledger).read(missing_is_empty=True)
    except LedgerError:
        return None  # the ledger's address is a mistake that is told by itself
    except KeyStoreUnavailable:
        return None
    return frozenset(row.name for row in stored.tenants)


def _view(row: KeyRow) -> KeyView:
    return KeyView(
        *(row.tenant, row.name, row.project, row.role, row.models, "store"),
        *(row.created_us, row.expires_us, row.revoked_us),
    )


def _check_name(what: str, name: str) -> None:
    if not _NAME.fullmatch(name):
        raise BadName(
            f"a {what}'s name begins with a letter or digit and goes on with letters, digits and . _ : -"
        )
