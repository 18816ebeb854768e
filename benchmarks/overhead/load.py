"""Closed-loop load: N connections, each with one request under way at any time."""

from __future__ import annotations

import itertools
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson

from benchmarks.machine import LOAD_CORE, ROOT, CannotMeasure
from benchmarks.process import cpu_s, wait_until_quiet

WRK_SCRIPT = Path(__file__).with_name("post.lua")
_runs: Iterator[int] = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Load:
    """What one run gave."""

    requests_per_s: float
    p50_ms: float
    p99_ms: float
    errors: int
    server_core_used: float
    """Share of one core that the measured process used: below 1, something else was the limit."""

    @property
    def cpu_us(self) -> float:
        """Processor time of the measured process per request, all its threads."""
        return self.server_core_used / self.requests_per_s * 1e6


def generator_name() -> str:
    return "wrk" if shutil.which("wrk") else "the built-in generator (wrk is missing: apt-get install wrk)"


def drive(
    port: int, template: bytes, *, connections: int, seconds: float, folder: Path, server_pid: int
) -> Load:
    """Loads `port` from its own core. Raises CannotMeasure if the generator fails."""
    path = folder / "request.http"
    path.write_bytes(template)
    command = _command(port, path, next(_runs) * 100_000_000, connections, seconds)
    wait_until_quiet(server_pid)
    used_before = cpu_s(server_pid)
    done = subprocess.run(
        ["taskset", "-c", str(LOAD_CORE), *command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=seconds + 30,
        check=False,
    )
    used = cpu_s(server_pid) - used_before
    marked = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    if not marked:
        raise CannotMeasure(f"{command[0]} failed: {done.stderr[-500:] or done.stdout[-500:]}")
    told = orjson.loads(marked[0].removeprefix("RESULT "))
    return Load(
        requests_per_s=told["requests"] / told["seconds"],
        p50_ms=told["p50_us"] / 1000,
        p99_ms=told["p99_us"] / 1000,
        errors=told["errors"],
        server_core_used=used / told["seconds"],
    )


def _command(port: int, path: Path, counter: int, connections: int, seconds: float) -> list[str]:
    if shutil.which("wrk"):
        lasting = ["-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--latency", "--timeout", "10s"]
        url = f"http://127.0.0.1:{port}/"
        return ["wrk", *lasting, "-s", str(WRK_SCRIPT), url, "--", str(path), str(counter)]
    module = [sys.executable, "-m", "benchmarks.overhead.generator"]
    return [*module, str(port), str(path), str(counter), str(connections), str(seconds)]
