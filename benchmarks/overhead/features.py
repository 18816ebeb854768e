"""Each feature's own cost: the same load with one thing switched off, where the configuration allows it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.overhead import bench
from benchmarks.overhead.load import Load, drive
from benchmarks.overhead.payload import STREAM_EVENTS, request

CONNECTIONS = 32
TURNS = 5
PATH = "/v1/chat/completions"


def measure_features(folder: Path, seconds: float) -> dict[str, Load]:
    """By what was changed; the first is the whole."""
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="weir-bench-") as memory:
        return dict(_measure(folder, seconds, Path(memory)))


def _measure(folder: Path, seconds: float, memory: Path) -> Iterator[tuple[str, Load]]:
    auto = request(PATH, "auto", stream=False)
    variants: dict[str, tuple[dict[str, Any], bytes]] = {
        "everything on": ({}, auto),
        "no cache": ({"cache": {"exact": False}}, auto),
        "no routing: the model named outright": ({}, request(PATH, "static", stream=False)),
        "log as text": ({"server": {"log": {"format": "text"}}}, auto),
        "no prices (flagged unknown)": ({"rates": [], "unknown_price": "flag"}, auto),
        "ledger in memory-backed files": ({"ledger": f"sqlite:///{memory / 'ledger.db'}"}, auto),
        "answered from the cache": ({}, request(PATH, "auto", stream=False, counter="0" * 12)),
    }
    with bench.upstreams(folder, events=STREAM_EVENTS) as behind:
        for number, (name, (changes, template)) in enumerate(variants.items()):
            with bench.gateway(folder / f"feature-{number}", behind, changes) as server:
                yield (
                    name,
                    drive(
                        server.port,
                        template,
                        connections=CONNECTIONS,
                        seconds=seconds,
                        folder=folder,
                        server_pid=server.pid,
                    ),
                )
