"""A real gateway in a process of its own, from a configuration given as a value."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import orjson

ROOT = Path(__file__).resolve().parents[2]


class NotReady(Exception):
    """The process ended, or did not become ready in time. The message carries the end of its output."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class GatewayProcess:
    """`with GatewayProcess(config, folder) as gateway: gateway.base_url`. Its output, the request log
    included, goes to `folder/gateway.log`. Leaving the block sends SIGTERM and waits for the drain."""

    def __init__(
        self,
        config: Mapping[str, Any],
        folder: Path,
        *,
        core: int | None = None,
        ready_within_s: float = 120.0,
        environment: Mapping[str, str] | None = None,
        module: str = "gateway.cli",
    ) -> None:
        self.port = free_port()
        self.log = folder / "gateway.log"
        self._config = config
        self._path = folder / "weir.yaml"
        self._core = core
        self._ready_within_s = ready_within_s
        self._environment = environment or {}
        self._module = module
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        assert self._process is not None, "not started"
        return self._process.pid

    def __enter__(self) -> GatewayProcess:
        self._path.write_bytes(orjson.dumps(dict(self._config)))  # JSON is YAML
        command = [sys.executable, "-m", self._module, "serve", str(self._path), "--port", str(self.port)]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **self._environment},
            )
        if self._core is not None:
            os.sched_setaffinity(self._process.pid, {self._core})
        try:
            self._wait_until_ready()
        except BaseException:
            self._process.kill()
            self._process.wait()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self, within_s: float = 40.0) -> int:
        """SIGTERM, then the exit status. A gateway that does not end is killed, and that is an error."""
        assert self._process is not None
        self._process.terminate()
        try:
            return self._process.wait(within_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise

    def kill(self) -> None:
        """SIGKILL: nothing is drained, flushed or tidied up."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def _wait_until_ready(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + self._ready_within_s
        while not self._is_ready():
            if self._process.poll() is not None:
                raise NotReady(f"the gateway ended with {self._process.returncode}:\n{self._last_output()}")
            if time.monotonic() > deadline:
                raise NotReady(f"not ready after {self._ready_within_s} s:\n{self._last_output()}")
            time.sleep(0.05)

    def _is_ready(self) -> bool:
        """Every backend, not only one that could answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
        try:
            connection.request("GET", "/health/ready")
            answer = connection.getresponse()
            return answer.status == 200 and all(orjson.loads(answer.read())["backends"].values())
        except OSError:
            return False
        finally:
            connection.close()

    def _last_output(self) -> str:
        return self.log.read_text(errors="replace")[-4000:]
