from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from gateway.keystore import (
    NOTHING,
    BadName,
    KeyRow,
    KeyStore,
    KeyStoreUnavailable,
    NameTaken,
    NoSuchName,
    TenantRow,
    open_key_store,
)
from gateway.keystore_postgres import PostgresKeyStore
from gateway.keystore_sqlite import SqliteKeyStore
from metering.ledger import LedgerError
from metering.ledger_url import open_ledger
from metering.store.pg_connection import Patience
from tests.by_hand import change_by_hand
from tests.fakes.authors import BY


def key_hash(n: int) -> str:
    return f"sha256:{n:064x}"


@pytest.fixture
def store(ledger_url: str) -> Iterator[KeyStore]:
    """Once per database."""
    store = open_key_store(ledger_url)
    store.create_schema()
    yield store
    store.close()


@pytest.fixture
def file_store(tmp_path: Path) -> SqliteKeyStore:
    store = SqliteKeyStore(tmp_path / "file.db", busy_timeout_s=0.05)
    store.create_schema()
    return store


def test_what_is_written_is_read_back(store: KeyStore) -> None:
    tenant = TenantRow("acme", "CC-1", ("auto", "m"), 1, 2, None)
    key = KeyRow("acme", "web", key_hash(1), "site", "finance", None, 3, None, None)
    store.add_tenant(tenant, BY)
    store.add_key(key, BY)
    stored = store.read()
    assert stored.tenants == (tenant,)
    assert stored.keys == (key,)
    assert stored.version == store.version()


def test_every_change_moves_the_version_even_one_made_by_hand(store: KeyStore, ledger_url: str) -> None:
    seen = [store.version()]
    store.add_tenant(TenantRow("acme"), BY)
    seen.append(store.version())
    store.add_key(KeyRow("acme", "web", key_hash(1)), BY)
    seen.append(store.version())
    store.expire_key("acme", "web", 5, BY)
    seen.append(store.version())
    store.revoke_key("acme", "web", 6, BY)
    seen.append(store.version())
    change_by_hand(ledger_url, "DELETE FROM weir_keys")
    seen.append(store.version())
    assert len(set(seen)) == len(seen)
    assert store.version() == seen[-1]


def test_making_the_schema_again_changes_nothing(store: KeyStore) -> None:
    store.add_tenant(TenantRow("acme"), BY)
    before = store.read()
    store.create_schema()
    assert store.read() == before


def test_a_new_store_has_another_version(store: KeyStore, file_store: SqliteKeyStore) -> None:
    assert file_store.version() != store.version()


def test_a_store_that_was_never_made_is_told_from_an_empty_one(ledger_url: str) -> None:
    store = open_key_store(ledger_url)
    assert store.read(missing_is_empty=True) == NOTHING
    with pytest.raises(KeyStoreUnavailable):
        store.read()
    with pytest.raises(KeyStoreUnavailable):
        store.version()
    store.create_schema()
    assert store.read(missing_is_empty=True).version == store.version()
    store.close()


def test_a_ledger_without_a_key_store_is_empty(ledger_url: str) -> None:
    open_ledger(ledger_url).close()
    assert open_key_store(ledger_url).read(missing_is_empty=True) == NOTHING


def test_processes_that_start_at_once_make_one_store(ledger_url: str) -> None:
    start = threading.Barrier(8)
    found = []

    def begin() -> None:
        store = open_key_store(ledger_url)
        start.wait(10)
        store.create_schema()
        found.append(store.version())
        store.close()

    threads = [threading.Thread(target=begin) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(found) == 8
    assert len(set(found)) == 1


def test_what_is_seen_was_there_at_one_moment(store: KeyStore) -> None:
    """A tenant and its key are made again and again: no reading has the key without the tenant."""
    done = threading.Event()

    def write() -> None:
        for n in range(30):
            store.add_tenant(TenantRow(f"t{n}"), BY)
            store.add_key(KeyRow(f"t{n}", "k", key_hash(n)), BY)
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    while not done.is_set():
        stored = store.read()
        assert {key.tenant for key in stored.keys} <= {tenant.name for tenant in stored.tenants}
    writer.join(30)
    stored = store.read()
    assert (len(stored.tenants), len(stored.keys)) == (30, 30)
    assert stored.version == store.version()


def test_names_and_keys_are_taken_once_and_for_all(store: KeyStore) -> None:
    store.add_tenant(TenantRow("acme"), BY)
    store.add_key(KeyRow("acme", "web", key_hash(1)), BY)
    store.revoke_key("acme", "web", 9, BY)
    with pytest.raises(NameTaken, match="tenant acme"):
        store.add_tenant(TenantRow("acme"), BY)
    with pytest.raises(NameTaken, match="acme/web exists"):
        store.add_key(KeyRow("acme", "web", key_hash(2)), BY)
    with pytest.raises(NameTaken, match="acme/api holds a key that another name"):
        store.add_key(KeyRow("acme", "api", key_hash(1)), BY)


def test_what_is_not_there_cannot_be_changed(store: KeyStore) -> None:
    for change in (
        lambda: store.revoke_key("acme", "web", 1, BY),
        lambda: store.expire_key("acme", "web", 1, BY),
        lambda: store.revoke_tenant("acme", 1, BY),
        lambda: store.expire_tenant("acme", 1, BY),
    ):
        with pytest.raises(NoSuchName, match="acme"):
            change()


def test_the_first_revocation_counts(store: KeyStore) -> None:
    store.add_tenant(TenantRow("acme"), BY)
    store.revoke_tenant("acme", 7, BY)
    store.revoke_tenant("acme", 8, BY)
    assert store.read().tenants[0].revoked_us == 7


@pytest.mark.parametrize("bad", [key_hash(1)[:-1] + "g", "weir-sk-plain", "sha256:" + "A" * 64])
def test_a_plain_key_can_never_stand_where_a_hash_belongs(store: KeyStore, bad: str) -> None:
    with pytest.raises(BadName, match="not a hash"):
        store.add_key(KeyRow("acme", "web", bad), BY)


@pytest.mark.parametrize("bad", ["half \ud800 a pair"])
def test_text_that_cannot_be_kept_is_refused(store: KeyStore, bad: str) -> None:
    with pytest.raises(BadName, match="tenant acme"):
        store.add_tenant(TenantRow("acme", bad), BY)
    assert store.read().tenants == ()


def test_a_missing_file_is_unavailable_and_is_not_made_by_reading(tmp_path: Path) -> None:
    store = SqliteKeyStore(tmp_path / "none.db")
    with pytest.raises(KeyStoreUnavailable, match=r"none\.db"):
        store.version()
    assert not store.path.exists()


def test_a_damaged_file_is_unavailable(file_store: SqliteKeyStore) -> None:
    store = file_store
    for suffix in ("-wal", "-shm"):
        store.path.with_name(store.path.name + suffix).unlink(missing_ok=True)
    store.path.write_bytes(b"this is no database" * 1000)
    with pytest.raises(KeyStoreUnavailable):
        store.read()


def test_a_write_lock_held_elsewhere_stops_writing_but_not_reading(file_store: SqliteKeyStore) -> None:
    store = file_store
    other = sqlite3.connect(store.path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        with pytest.raises(KeyStoreUnavailable, match="locked"):
            store.add_tenant(TenantRow("acme"), BY)
        assert store.read().tenants == ()
    finally:
        other.close()


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE mine (x)")
    db.close()
    with pytest.raises(KeyStoreUnavailable, match="another program"):
        SqliteKeyStore(path).create_schema()


def test_a_ledger_can_open_the_database_that_the_keys_made_first(store: KeyStore, ledger_url: str) -> None:
    store.add_tenant(TenantRow("acme"), BY)
    open_ledger(ledger_url).close()
    assert [row.name for row in store.read().tenants] == ["acme"]


def test_the_tables_of_a_newer_release_are_left_alone(postgres_url: str) -> None:
    store = open_key_store(postgres_url)
    store.create_schema()
    change_by_hand(postgres_url, "UPDATE weir_keys_version SET revision = 99")
    with pytest.raises(KeyStoreUnavailable, match="revision 99"):
        store.create_schema()
    assert store.read().tenants == ()


def test_a_store_without_its_version_is_unavailable(store: KeyStore, ledger_url: str) -> None:
    change_by_hand(ledger_url, "DELETE FROM weir_keys_version")
    for ask in (store.version, store.read):
        with pytest.raises(KeyStoreUnavailable, match="version row is gone"):
            ask()


def test_a_change_by_hand_with_another_search_path_counts(postgres_url: str) -> None:
    store = open_key_store(postgres_url)
    store.create_schema()
    store.add_tenant(TenantRow("acme"), BY)
    before = store.version()
    change_by_hand(postgres_url, "SET search_path = pg_temp; UPDATE public.weir_tenants SET revoked_us = 1")
    assert store.version() != before
    before = store.version()
    change_by_hand(postgres_url, "TRUNCATE weir_tenants")
    assert store.version() != before
    store.close()


def test_a_row_locked_elsewhere_stops_writing_in_time_but_not_reading(postgres_url: str) -> None:
    store = PostgresKeyStore(postgres_url, patience=Patience(connect_s=2, statement_s=0.2))
    store.create_schema()
    with psycopg.connect(postgres_url) as other:
        other.execute("LOCK TABLE weir_keys_version IN EXCLUSIVE MODE")
        with pytest.raises(KeyStoreUnavailable, match="timeout"):
            store.add_tenant(TenantRow("acme"), BY)
        assert store.read().tenants == ()


@pytest.mark.parametrize("url", ["mysql://h/db", "weir.db", "postgresql://[::1/weir"])
def test_an_address_of_nothing_known_is_refused(url: str) -> None:
    with pytest.raises(LedgerError):
        open_key_store(url)


def test_a_password_is_in_no_message() -> None:
    for url in ("postgresql://u:hun%ter2@h/db", "postgresql://u:hunter2@127.0.0.1:1/db?what=1"):
        with pytest.raises(KeyStoreUnavailable) as caught:
            open_key_store(url).read()
        assert "ter2" not in str(caught.value)


def test_a_store_in_a_file_loads_no_server_driver(tmp_path: Path) -> None:
    code = "import sys; from gateway.keydirectory import open_key_store\n"
    code += f"open_key_store('sqlite:///{tmp_path}/weir.db').create_schema()\n"
    code += "assert 'psycopg' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
