"""A PostgreSQL server of the tests' own: found or installed, then started on a free port.

A test that asks for one and cannot get it fails.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg

START_WITHIN_S = 60.0
_FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


class NoPostgres(Exception):
    """There is no PostgreSQL here and none could be installed. The message says what was tried."""


def binaries() -> Path:
    """The folder that holds `postgres` and `initdb`. Raises NoPostgres."""
    for find in (_installed, _from_system_package, _from_python_package):
        folder = find()
        if folder is not None:
            return folder
    raise NoPostgres("no PostgreSQL on PATH or in /usr/lib/postgresql, and neither apt-get nor pip gave one")


def _installed() -> Path | None:
    on_path = shutil.which("initdb")
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: -float(path.parent.name))
    candidates = [*([Path(on_path).resolve().parent] if on_path else []), *folders]
    return next((folder for folder in candidates if (folder / "postgres").exists()), None)


def _from_system_package() -> Path | None:
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return None
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update"], ["install", "--yes", "--no-install-recommends", "postgresql"]):
        subprocess.run(
            ["apt-get", "--quiet", *arguments], env=environment, check=False, stdout=subprocess.DEVNULL
        )
    return _installed()


def _from_python_package() -> Path | None:
    """One that carries the binaries; into a folder of its own, not the environment."""
    folder = Path(tempfile.gettempdir()) / f"weir-postgres-{os.geteuid()}"
    if not folder.exists():
        command = ["pip", "install", "--quiet", "--target", str(folder), "pgserver"]
        subprocess.run([sys.executable, "-m", *command], check=False)
    return next((found.parent for found in folder.rglob("initdb")), None)


def signal_all(number: signal.Signals, pids: Iterable[int]) -> None:
    """To every process of a server; one of its workers may end at any time by itself."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


@dataclass(slots=True)
class Server:
    """One cluster. `stop` and `start` may follow each other; the data stays."""

    folder: Path
    bin: Path
    port: int
    settings: tuple[str, ...]
    process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://weir@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        command = [str(self.bin / "postgres"), "-D", str(self.folder / "data"), "-p", str(self.port)]
        options = ["listen_addresses=127.0.0.1", "unix_socket_directories=", *self.settings]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*command, *(word for option in options for word in ("-c", option))],
                stdout=log, stderr=log, cwd=self.folder, **_unprivileged(),
            )  # fmt: skip
        deadline = time.monotonic() + START_WITHIN_S
        while True:
            try:
                psycopg.connect(self.url(), connect_timeout=2).close()
            except psycopg.OperationalError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise NoPostgres((self.folder / "log").read_text()[-2000:]) from None
                self._wait_a_little()
            else:
                return

    def _wait_a_little(self) -> None:
        assert self.process is not None
        try:
            self.process.wait(0.05)
        except subprocess.TimeoutExpired:
            return

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT: fast shutdown; SIGQUIT: as in a crash."""
        if self.process is not None:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(how)
            self.process.wait(30)
            self.process = None

    @contextmanager
    def database(self) -> Iterator[str]:
        """The address of a new, empty database, dropped afterwards."""
        name = f"weir_{uuid.uuid4().hex[:12]}"
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        try:
            yield self.url(name)
        finally:
            with psycopg.connect(self.url(), autocommit=True) as connection:
                connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())


@contextmanager
def server(*settings: str, durable: bool = False) -> Iterator[Server]:
    """A running server, stopped and its folder deleted at the end. Raises NoPostgres."""
    found = binaries()
    folder = Path(tempfile.mkdtemp(prefix="weir-pg-"))
    made = Server(folder, found, _free_port(), (*(() if durable else _FAST), *settings))
    try:
        _make_cluster(found, folder)
        made.start()
        yield made
    finally:
        made.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _make_cluster(found: Path, folder: Path) -> None:
    who = _unprivileged()
    if who:
        shutil.chown(folder, user=int(who["user"]), group=int(who["group"]))  # type: ignore[call-overload]
    command = [str(found / "initdb"), "-D", str(folder / "data"), "-U", "weir", "--auth=trust", "--no-sync"]
    done = subprocess.run(
        [*command, "--encoding=UTF8", "--locale=C"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        **who,
    )  # type: ignore[call-overload]
    if done.returncode:
        raise NoPostgres(f"initdb: {done.stderr[-2000:]}")


def _unprivileged() -> dict[str, int | list[int]]:
    """PostgreSQL refuses to run as root: then it runs as its own user, or as nobody."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    raise NoPostgres("running as root, and there is no user `postgres` or `nobody` to run PostgreSQL as")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
