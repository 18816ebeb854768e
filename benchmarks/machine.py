"""Where and what a figure was measured on: printed beside every figure."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
GATEWAY_CORE = 0
LOAD_CORE = 1
"""Clients and upstreams share this one; the gateway, or whatever stands in its place, has its own."""


class CannotMeasure(Exception):
    """This machine lacks something that the measurement needs. The message says what and how to get it."""


def check_cores() -> None:
    """Raises CannotMeasure unless processes can be pinned to two cores."""
    if not hasattr(os, "sched_setaffinity"):
        raise CannotMeasure("pinning processes to cores needs Linux")
    available = os.sched_getaffinity(0)
    if not {GATEWAY_CORE, LOAD_CORE} <= available:
        raise CannotMeasure(
            f"cores {GATEWAY_CORE} and {LOAD_CORE} are needed; available: {sorted(available)}"
        )


def describe() -> str:
    """One paragraph: processor, cores, system, Python, commit, date, and how busy the machine already was."""
    busy = os.getloadavg()[0]
    return (
        f"{_processor()}, {os.cpu_count()} cores, Linux {platform.release()}, "
        f"Python {platform.python_version()}, commit {_commit()}, "
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC; load average before the run {busy:.2f}."
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _commit() -> str:
    commit = _git("rev-parse", "--short", "HEAD")
    changed = _git(
        "status", "--porcelain", "--untracked-files=no", "--", "gateway", "metering", "router", "cache"
    )
    return (commit or "unknown") + (" with local changes" if changed else "")


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip()
