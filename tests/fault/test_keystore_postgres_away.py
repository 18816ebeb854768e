"""The server that holds the keys is stopped, frozen and started again."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

import psycopg
import pytest

from gateway.clock import SystemClock
from gateway.config import GatewaySettings
from gateway.errors import Unauthorized, Unavailable
from gateway.keydirectory import KeyDirectory
from gateway.keystore import KeyStore, KeyStoreUnavailable, open_key_store
from gateway.keywatch import KeyStatus, KeyWatcher
from gateway.tenants import make_key
from tests.fakes.authors import BY
from tests.postgres import Server, server, signal_all

FILE_KEY, FILE_HASH = make_key()
BOUND_S = 6.0
"""For one call to a frozen server: connect, ask, and room for a busy machine."""


def settings() -> GatewaySettings:
    backend = {"kind": "openai", "url": "https://b.example/v1", "models": {"m": "m"}}
    acme = {"keys": [{"name": "web", "hash": FILE_HASH}]}
    return GatewaySettings.model_validate({"backends": {"b": backend}, "tenants": {"acme": acme}})


@pytest.fixture(scope="module")
def own_server() -> Iterator[Server]:
    with server() as running:
        yield running


@pytest.fixture
def url(own_server: Server) -> Iterator[str]:
    with own_server.database() as url:
        yield url


@pytest.fixture
def directory(url: str) -> KeyDirectory:
    return KeyDirectory(open_key_store(url), settings, SystemClock())


@contextmanager
def replica(url: str, heard: list[KeyStatus] | None = None) -> Iterator[KeyWatcher]:
    """What one gateway has: a store of its own and a watcher that runs."""
    heard = [] if heard is None else heard
    watching = KeyWatcher(open_key_store(url), settings(), SystemClock(), on_change=heard.append)
    watching.start()
    try:
        yield watching
    finally:
        watching.stop()


@contextmanager
def stopped(own_server: Server) -> Iterator[None]:
    own_server.stop()
    try:
        yield
    finally:
        own_server.start()


@contextmanager
def frozen(own_server: Server) -> Iterator[None]:
    """Its kernel goes on accepting connections and acknowledging what is sent."""
    pids = [own_server.pid, *children(own_server.pid)]
    signal_all(signal.SIGSTOP, pids)
    try:
        yield
    finally:
        signal_all(signal.SIGCONT, pids)


def children(pid: int) -> list[int]:
    with open(f"/proc/{pid}/task/{pid}/children") as listed:
        return [int(child) for child in listed.read().split()]


def wait_until(holds: Callable[[], bool], within_s: float) -> float:
    """How long it took."""
    begun = time.monotonic()
    while not holds():
        assert time.monotonic() - begun < within_s, f"not within {within_s} s"
        threading.Event().wait(0.01)
    return time.monotonic() - begun


def opens(watching: KeyWatcher, plain: str) -> bool:
    try:
        watching.identify(b"Bearer " + plain.encode(), None)
    except Unauthorized:
        return False
    return True


def test_a_revocation_holds_on_all_replicas_within_a_second(url: str, directory: KeyDirectory) -> None:
    with replica(url) as one, replica(url) as two:
        plain, _ = directory.create_key("acme", "batch", by=BY)
        wait_until(lambda: opens(one, plain) and opens(two, plain), 2.0)
        directory.revoke_key("acme", "batch", by=BY)
        wait_until(lambda: not opens(one, plain) and not opens(two, plain), 1.0)


def test_a_server_that_was_stopped_and_started_is_survived(
    own_server: Server, url: str, directory: KeyDirectory
) -> None:
    heard: list[KeyStatus] = []
    with replica(url, heard) as watching:
        plain, _ = directory.create_key("acme", "batch", by=BY)
        wait_until(lambda: opens(watching, plain), 2.0)
        with stopped(own_server):
            wait_until(lambda: not watching.status.readable, 5.0)
            assert opens(watching, plain)
            with pytest.raises(KeyStoreUnavailable):
                directory.revoke_key("acme", "batch", by=BY)
        directory.revoke_key("acme", "batch", by=BY)
        wait_until(lambda: not opens(watching, plain), 5.0)
        assert watching.status.readable
    assert [status.readable for status in heard] == [False, True]


def test_a_server_away_at_the_start_means_503_for_all_but_the_files_keys(
    own_server: Server, url: str, directory: KeyDirectory
) -> None:
    with stopped(own_server):
        with replica(url) as watching:
            assert opens(watching, FILE_KEY)
            with pytest.raises(Unavailable):
                opens(watching, "weir-sk-someone")
            assert not watching.status.ever_read
            own_server.start()
            wait_until(lambda: watching.status.ever_read, 10.0)
            assert not opens(watching, "weir-sk-someone")
            plain, _ = directory.create_key("acme", "batch", by=BY)
            wait_until(lambda: opens(watching, plain), 2.0)
        own_server.stop()


def test_a_frozen_server_holds_nobody_up(own_server: Server, url: str, directory: KeyDirectory) -> None:
    directory.create_tenant("globex", by=BY)
    with replica(url) as watching:
        plain, _ = directory.create_key("globex", "api", by=BY)
        wait_until(lambda: opens(watching, plain), 2.0)
        with frozen(own_server):
            took = wait_until(lambda: not watching.status.readable, BOUND_S)
            assert took > 0.5, "the server was not frozen"
            assert opens(watching, plain)
            assert all(seconds < BOUND_S for seconds in seconds_of_calls(url))
        wait_until(lambda: watching.status.readable, 10.0)
        directory.revoke_key("globex", "api", by=BY)
        wait_until(lambda: not opens(watching, plain), 2.0)


def seconds_of_calls(url: str) -> list[float]:
    """Several at once, of one store: none waits behind another."""
    store = open_key_store(url)
    calls: list[Callable[[KeyStore], object]] = [
        lambda store: store.read(),
        lambda store: store.create_schema(),
        lambda store: store.revoke_tenant("globex", 1, BY),
        lambda store: store.read(missing_is_empty=True),
    ]
    took: list[float] = []

    def call(what: Callable[[KeyStore], object]) -> None:
        begun = time.monotonic()
        with pytest.raises(KeyStoreUnavailable):
            what(store)
        took.append(time.monotonic() - begun)

    threads = [threading.Thread(target=call, args=(what,)) for what in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(2 * BOUND_S)
    assert len(took) == len(calls)
    return took


def test_polls_keep_one_connection(own_server: Server, url: str) -> None:
    """Also after the server was frozen for several polls: those that failed left nothing open."""
    with psycopg.connect(own_server.url(), autocommit=True) as onlooker, replica(url) as watching:
        activity = "SELECT pid, query_start FROM pg_stat_activity WHERE datname = %s"
        polls: set[tuple[int, datetime]] = set()

        def connections() -> set[int]:
            found = onlooker.execute(activity, (url.rpartition("/")[2],)).fetchall()
            polls.update(found)
            return {pid for pid, _ in found}

        wait_until(lambda: len(connections()) == 1, 5.0)
        first = connections()
        polls.clear()
        wait_until(lambda: connections() == first and len(polls) > 3, 5.0)
        assert {pid for pid, _ in polls} == first
        with frozen(own_server):
            wait_until(lambda: not watching.status.readable, BOUND_S)
        wait_until(lambda: watching.status.readable, 10.0)
        wait_until(lambda: len(connections()) == 1, 5.0)
        assert connections() != first
