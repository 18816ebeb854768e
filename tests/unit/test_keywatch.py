from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.clock import ManualClock, SystemClock
from gateway.config import GatewaySettings
from gateway.errors import Unauthorized, Unavailable
from gateway.keydirectory import KeyDirectory
from gateway.keystore import BadName, KeyRow, KeyStore, NameTaken, NoSuchName, TenantRow, open_key_store
from gateway.keystore_sqlite import SqliteKeyStore
from gateway.keywatch import KeyStatus, KeyWatcher
from gateway.tenants import make_key
from metering.ledger_url import is_postgresql, sqlite_path
from tests.by_hand import change_by_hand
from tests.fakes.authors import BY

FILE_KEY, FILE_HASH = make_key()


def settings(tenants: dict[str, object] | None = None) -> GatewaySettings:
    acme = {"cost_center": "CC-1", "models": ["m", "n"], "keys": [{"name": "web", "hash": FILE_HASH}]}
    return GatewaySettings.model_validate(
        {
            "backends": {
                "b": {"kind": "openai", "url": "https://b.example/v1", "models": {"m": "m", "n": "n"}}
            },
            "tenants": {"acme": acme} if tenants is None else tenants,
        }
    )


@pytest.fixture
def store(ledger_url: str) -> Iterator[KeyStore]:
    """Once per database."""
    store = open_key_store(ledger_url)
    yield store
    store.close()


def take_away(ledger_url: str) -> Callable[[], object]:
    """The store cannot be read until what is returned is called."""
    if is_postgresql(ledger_url):
        change_by_hand(ledger_url, "ALTER TABLE weir_keys_version RENAME TO away")
        return lambda: change_by_hand(ledger_url, "ALTER TABLE away RENAME TO weir_keys_version")
    path = sqlite_path(ledger_url)
    hidden = path.rename(path.with_suffix(".away"))
    return lambda: hidden.rename(path)


@pytest.fixture
def directory(store: KeyStore) -> KeyDirectory:
    return KeyDirectory(store, settings, ManualClock(), missing_is_empty=True)


def watcher(store: KeyStore, heard: list[KeyStatus] | None = None) -> KeyWatcher:
    heard = [] if heard is None else heard
    return KeyWatcher(store, settings(), ManualClock(), on_change=heard.append)


def bearer(plain: str) -> bytes:
    return b"Bearer " + plain.encode()


def test_keys_of_file_and_store_serve_side_by_side(store: KeyStore, directory: KeyDirectory) -> None:
    plain, _ = directory.create_key("acme", "batch", project="night", models=("n",), by=BY)
    watching = watcher(store)
    watching.refresh()
    assert watching.identify(bearer(FILE_KEY), None).key == "web"
    caller = watching.identify(None, plain.encode())
    assert (caller.tenant, caller.key, caller.project, caller.cost_center) == (
        "acme",
        "batch",
        "night",
        "CC-1",
    )
    assert caller.models == {"n"}


def test_a_revocation_holds_at_the_next_look(store: KeyStore, directory: KeyDirectory) -> None:
    plain, _ = directory.create_key("acme", "batch", by=BY)
    watching = watcher(store)
    watching.refresh()
    assert watching.identify(bearer(plain), None).key == "batch"
    directory.revoke_key("acme", "batch", by=BY)
    watching.refresh()
    with pytest.raises(Unauthorized, match="revoked"):
        watching.identify(bearer(plain), None)


def test_a_running_watcher_sees_a_revocation_within_a_second(
    store: KeyStore, directory: KeyDirectory
) -> None:
    plain, _ = directory.create_key("acme", "batch", by=BY)
    watching = KeyWatcher(store, settings(), SystemClock())
    watching.start()
    try:
        assert watching.identify(bearer(plain), None).key == "batch"
        before = watching.registry
        directory.revoke_key("acme", "batch", by=BY)
        deadline = time.monotonic() + 1.0
        while watching.registry is before and time.monotonic() < deadline:
            threading.Event().wait(0.01)
        with pytest.raises(Unauthorized, match="revoked"):
            watching.identify(bearer(plain), None)
    finally:
        watching.stop()


def test_the_end_of_a_tenant_is_the_end_of_its_keys(store: KeyStore, directory: KeyDirectory) -> None:
    directory.create_tenant("globex", cost_center="CC-9", models=("m",), by=BY)
    plain, _ = directory.create_key("globex", "api", by=BY)
    watching = watcher(store)
    watching.refresh()
    assert watching.identify(bearer(plain), None).cost_center == "CC-9"
    directory.expire_tenant("globex", 1, by=BY)
    watching.refresh()
    with pytest.raises(Unauthorized, match="expired"):
        watching.identify(bearer(plain), None)
    directory.expire_tenant("globex", None, by=BY)
    directory.revoke_tenant("globex", by=BY)
    watching.refresh()
    with pytest.raises(Unauthorized, match="tenant that was revoked"):
        watching.identify(bearer(plain), None)


def test_a_key_whose_tenant_left_the_file_is_refused(store: KeyStore, directory: KeyDirectory) -> None:
    plain, _ = directory.create_key("acme", "batch", by=BY)
    watching = watcher(store)
    watching.refresh()
    watching.use(settings({}))
    with pytest.raises(Unauthorized, match="no longer exists"):
        watching.identify(bearer(plain), None)


def test_a_broken_store_leaves_the_last_registry_in_force(
    store: KeyStore, directory: KeyDirectory, ledger_url: str
) -> None:
    plain, _ = directory.create_key("acme", "batch", by=BY)
    heard: list[KeyStatus] = []
    watching = watcher(store, heard)
    watching.refresh()
    bring_back = take_away(ledger_url)
    watching.refresh()
    watching.refresh()
    assert watching.identify(bearer(plain), None).key == "batch"
    assert [status.readable for status in heard] == [False]
    watching.use(settings())
    assert watching.identify(bearer(plain), None).key == "batch"
    bring_back()
    watching.refresh()
    assert [status.readable for status in heard] == [False, True]
    assert watching.status.problem == ""


def damaged_file(folder: Path) -> str:
    (folder / "damaged.db").write_bytes(b"this is no database" * 1000)
    return f"sqlite:///{folder}/damaged.db"


def no_server(folder: Path) -> str:
    return "postgresql://u:p@127.0.0.1:1/weir"


@pytest.mark.parametrize("broken", [damaged_file, no_server])
def test_a_store_that_never_could_be_read_means_503_never_401(
    broken: Callable[[Path], str], tmp_path: Path
) -> None:
    watching = watcher(open_key_store(broken(tmp_path)))
    watching.refresh()
    assert watching.identify(bearer(FILE_KEY), None).key == "web"
    with pytest.raises(Unavailable):
        watching.identify(b"Bearer weir-sk-someone", None)
    watching.use(settings())
    with pytest.raises(Unavailable):
        watching.identify(b"Bearer weir-sk-someone", None)


def test_names_in_both_places_are_named_and_the_file_holds(store: KeyStore) -> None:
    store.create_schema()
    other, other_hash = make_key()
    store.add_tenant(TenantRow("acme", "CC-OTHER"), BY)
    store.add_key(KeyRow("acme", "web", other_hash), BY)
    heard: list[KeyStatus] = []
    watching = watcher(store, heard)
    watching.refresh()
    assert watching.conflicts(settings()) == ("tenant acme", "key acme/web")
    assert "tenant acme, key acme/web" in watching.status.problem
    assert watching.identify(bearer(FILE_KEY), None).cost_center == "CC-1"
    with pytest.raises(Unauthorized):
        watching.identify(bearer(other), None)
    store.revoke_key("acme", "web", 1, BY)
    watching.refresh()
    assert len(heard) == 1


def test_nothing_revoked_comes_back_to_life_through_the_file(store: KeyStore) -> None:
    store.create_schema()
    store.add_key(KeyRow("acme", "old", FILE_HASH, revoked_us=1), BY)
    watching = watcher(store)
    watching.refresh()
    with pytest.raises(Unauthorized, match="revoked"):
        watching.identify(bearer(FILE_KEY), None)


def test_the_directory_lists_both_without_secrets(directory: KeyDirectory) -> None:
    directory.create_tenant("globex", by=BY)
    plain, view = directory.create_key("globex", "api", role="finance", by=BY)
    tenants = directory.tenants()
    assert [(tenant.name, tenant.source) for tenant in tenants] == [("acme", "file"), ("globex", "store")]
    keys = directory.keys()
    assert [(key.tenant, key.name, key.source) for key in keys] == [
        ("acme", "web", "file"),
        ("globex", "api", "store"),
    ]
    assert directory.keys("globex") == [view]
    assert plain not in repr(keys)
    assert FILE_HASH not in repr(keys)


def test_a_store_not_yet_made_lists_what_the_configuration_says(directory: KeyDirectory) -> None:
    assert [tenant.name for tenant in directory.tenants()] == ["acme"]


def test_listing_makes_no_file(tmp_path: Path) -> None:
    store = SqliteKeyStore(tmp_path / "none.db")
    KeyDirectory(store, settings, ManualClock(), missing_is_empty=True).keys()
    assert not store.path.exists()


def test_another_cause_of_the_same_trouble_is_no_news(tmp_path: Path) -> None:
    store = SqliteKeyStore(tmp_path / "weir.db")
    heard: list[KeyStatus] = []
    watching = watcher(store, heard)
    watching.refresh()
    away = store.path.rename(tmp_path / "away")
    watching.refresh()
    first = watching.status.problem
    store.path.write_bytes(b"this is no database" * 1000)
    watching.refresh()
    assert watching.status.problem != first
    assert len(heard) == 1
    away.rename(store.path)
    watching.refresh()
    assert [status.readable for status in heard] == [False, True]


def test_what_the_directory_refuses(directory: KeyDirectory) -> None:
    with pytest.raises(NameTaken, match="acme stands in the configuration file"):
        directory.create_tenant("acme", by=BY)
    with pytest.raises(NameTaken, match="acme/web stands in the configuration file"):
        directory.create_key("acme", "web", by=BY)
    with pytest.raises(NameTaken, match="change it there"):
        directory.revoke_key("acme", "web", by=BY)
    with pytest.raises(NameTaken, match="change it there"):
        directory.revoke_tenant("acme", by=BY)
    with pytest.raises(NoSuchName, match="no tenant nobody"):
        directory.create_key("nobody", "web", by=BY)
    with pytest.raises(BadName, match="begins with a letter"):
        directory.create_tenant("a/b", by=BY)
    with pytest.raises(BadName, match="named gpt"):
        directory.create_key("acme", "x", models=("gpt",), by=BY)


def test_a_change_made_with_another_tool_is_seen(
    store: KeyStore, directory: KeyDirectory, ledger_url: str
) -> None:
    plain, _ = directory.create_key("acme", "batch", by=BY)
    watching = watcher(store)
    watching.refresh()
    change_by_hand(ledger_url, "UPDATE weir_keys SET expires_us = 1")
    watching.refresh()
    with pytest.raises(Unauthorized, match="expired"):
        watching.identify(bearer(plain), None)
