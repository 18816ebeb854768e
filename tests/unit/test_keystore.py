from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from gateway.keystore import (
    BadName,
    KeyRow,
    KeyStore,
    KeyStoreUnavailable,
    NameTaken,
    NoSuchName,
    TenantRow,
)
from metering.sqlite_ledger import SqliteLedger


def key_hash(n: int) -> str:
    return f"sha256:{n:064x}"


@pytest.fixture
def store(tmp_path: Path) -> KeyStore:
    store = KeyStore(tmp_path / "weir.db", busy_timeout_s=0.05)
    store.create_schema()
    return store


def test_what_is_written_is_read_back(store: KeyStore) -> None:
    tenant = TenantRow("acme", "CC-1", ("auto", "m"), 1, 2, None)
    key = KeyRow("acme", "web", key_hash(1), "site", "finance", None, 3, None, None)
    store.add_tenant(tenant)
    store.add_key(key)
    stored = store.read()
    assert stored.tenants == (tenant,)
    assert stored.keys == (key,)
    assert stored.version == store.version()


def test_every_change_moves_the_version_even_one_made_by_hand(store: KeyStore) -> None:
    seen = [store.version()]
    store.add_tenant(TenantRow("acme"))
    seen.append(store.version())
    store.add_key(KeyRow("acme", "web", key_hash(1)))
    seen.append(store.version())
    store.expire_key("acme", "web", 5)
    seen.append(store.version())
    store.revoke_key("acme", "web", 6)
    seen.append(store.version())
    with sqlite3.connect(store.path) as db:
        db.execute("DELETE FROM weir_keys")
    db.close()
    seen.append(store.version())
    assert len(set(seen)) == len(seen)
    assert store.version() == seen[-1]


def test_making_the_schema_again_changes_nothing(store: KeyStore) -> None:
    store.add_tenant(TenantRow("acme"))
    before = store.read()
    store.create_schema()
    assert store.read() == before


def test_a_new_file_has_another_version(store: KeyStore, tmp_path: Path) -> None:
    other = KeyStore(tmp_path / "other.db")
    other.create_schema()
    assert other.version() != store.version()


def test_names_and_keys_are_taken_once_and_for_all(store: KeyStore) -> None:
    store.add_tenant(TenantRow("acme"))
    store.add_key(KeyRow("acme", "web", key_hash(1)))
    store.revoke_key("acme", "web", 9)
    with pytest.raises(NameTaken, match="tenant acme"):
        store.add_tenant(TenantRow("acme"))
    with pytest.raises(NameTaken, match="acme/web exists"):
        store.add_key(KeyRow("acme", "web", key_hash(2)))
    with pytest.raises(NameTaken, match="acme/api holds a key that another name"):
        store.add_key(KeyRow("acme", "api", key_hash(1)))


def test_what_is_not_there_cannot_be_changed(store: KeyStore) -> None:
    for change in (
        lambda: store.revoke_key("acme", "web", 1),
        lambda: store.expire_key("acme", "web", 1),
        lambda: store.revoke_tenant("acme", 1),
        lambda: store.expire_tenant("acme", 1),
    ):
        with pytest.raises(NoSuchName, match="acme"):
            change()


def test_the_first_revocation_counts(store: KeyStore) -> None:
    store.add_tenant(TenantRow("acme"))
    store.revoke_tenant("acme", 7)
    store.revoke_tenant("acme", 8)
    assert store.read().tenants[0].revoked_us == 7


@pytest.mark.parametrize("bad", [key_hash(1)[:-1] + "g", "weir-sk-plain", "sha256:" + "A" * 64])
def test_a_plain_key_can_never_stand_where_a_hash_belongs(store: KeyStore, bad: str) -> None:
    with pytest.raises(BadName, match="not a hash"):
        store.add_key(KeyRow("acme", "web", bad))


def test_a_missing_file_is_unavailable_and_is_not_made_by_reading(tmp_path: Path) -> None:
    store = KeyStore(tmp_path / "none.db")
    with pytest.raises(KeyStoreUnavailable, match=r"none\.db"):
        store.version()
    assert not store.path.exists()


def test_a_damaged_file_is_unavailable(store: KeyStore) -> None:
    for suffix in ("-wal", "-shm"):
        store.path.with_name(store.path.name + suffix).unlink(missing_ok=True)
    store.path.write_bytes(b"this is no database" * 1000)
    with pytest.raises(KeyStoreUnavailable):
        store.read()


def test_a_write_lock_held_elsewhere_stops_writing_but_not_reading(store: KeyStore) -> None:
    other = sqlite3.connect(store.path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        with pytest.raises(KeyStoreUnavailable, match="locked"):
            store.add_tenant(TenantRow("acme"))
        assert store.read().tenants == ()
    finally:
        other.close()


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE mine (x)")
    db.close()
    with pytest.raises(KeyStoreUnavailable, match="another program"):
        KeyStore(path).create_schema()


def test_a_ledger_can_open_the_file_that_the_keys_made_first(store: KeyStore) -> None:
    store.add_tenant(TenantRow("acme"))
    SqliteLedger(store.path).close()
    assert [row.name for row in store.read().tenants] == ["acme"]
