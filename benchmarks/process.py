"""Child processes on a core of their own, and what the kernel says of them."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.machine import ROOT, CannotMeasure

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@contextmanager
def running(command: Sequence[str], *, core: int, port: int, log: Path) -> Iterator[int]:
    """Runs a server while the block runs; gives its process id once `port` accepts connections. Raises
    CannotMeasure if it ends or does not listen within 10 seconds."""
    with log.open("ab") as output:
        process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    os.sched_setaffinity(process.pid, {core})
    try:
        _wait_for(port, process, log)
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 10
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process.poll() is not None or time.monotonic() > deadline:
            raise CannotMeasure(f"{process.args!r} does not listen: {log.read_text()[-1000:]}")
        time.sleep(0.02)


def rss_mb(pid: int) -> float:
    """Resident memory in megabytes (10^6 bytes)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise ProcessLookupError(pid)


def cpu_s(pid: int) -> float:
    """Seconds of processor time used so far, all threads, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def wait_until_quiet(pid: int, within_s: float = 60.0) -> None:
    """Until the process has stopped working off an earlier load. Raises CannotMeasure if it never does."""
    deadline = time.monotonic() + within_s
    while True:
        before = cpu_s(pid)
        time.sleep(0.3)
        if cpu_s(pid) - before <= 0.02:
            return
        if time.monotonic() > deadline:
            raise CannotMeasure(f"process {pid} is still busy {within_s:g} s after its load ended")
