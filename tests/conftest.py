"""Fixtures that any test may ask for. PostgreSQL and Redis are started by the first test that needs them.

Temporary files live in memory where that has room: no test cuts the power, so waiting for a disk proves
nothing here, and it is most of what thousands of small databases take. TMPDIR decides where it is set."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests import redis_server as redis_servers
from tests.postgres import Server, server

MEMORY = Path("/dev/shm")
ROOM_BYTES = 4 << 30
"""Some ten times what a whole run needs at once."""


def pytest_configure() -> None:
    # The workers take the cores: more threads would only wait for each other.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if "TMPDIR" not in os.environ and _has_room(MEMORY):
        os.environ["TMPDIR"] = str(MEMORY)  # for the processes that tests start
        tempfile.tempdir = None  # asked for before: Python keeps the answer


def _has_room(folder: Path) -> bool:
    """To write to and, where a server is installed for a test, to run from."""
    if not os.access(folder, os.W_OK) or os.statvfs(folder).f_flag & os.ST_NOEXEC:
        return False
    return shutil.disk_usage(folder).free >= ROOM_BYTES


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """One server for the whole run."""
    with server() as running:
        yield running


@pytest.fixture
def postgres_url(postgres: Server) -> Iterator[str]:
    """An empty database."""
    with postgres.database() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a new ledger, once per database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'weir.db'}"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture(scope="session")
def redis_server() -> Iterator[redis_servers.Server]:
    """One server for the whole run; whoever kills or freezes a server starts one of its own."""
    with redis_servers.server() as running:
        yield running


@pytest.fixture
def redis_url(redis_server: redis_servers.Server, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty Redis, for what is counted and not for how fast: a busy machine may take its time. Who tests
    haste has a server of its own."""
    monkeypatch.setattr("metering.budgets.reserving.HOLD_S", 10.0)
    with closing(redis_server.client()) as client:
        client.flushall()
    return redis_server.url
