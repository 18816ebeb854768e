"""`python -m benchmarks.gpu_shares [--per-tenant 10] [--over 60] [--runs 3]`

Eight tenants in a crowd on two gateways before one engine, some of whose clients leave; then each request
again, alone on the engine. Writes how far each tenant's part of the busy time is off its part of the cost
alone.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from benchmarks.machine import describe
from metering.outcome import Outcome
from tests.e2e.gpu_scene import (
    TENANTS,
    Scene,
    alone,
    crowd,
    errors,
    jobs,
    scene,
    settled,
    shares_by_tenant,
    warm_up,
)
from tests.postgres import server

RESULTS = Path(__file__).with_name("RESULTS.md")
GOAL = 0.10
WINDOW_S = 1
WARM_UP = 24


class Run(NamedTuple):
    requests: int
    left: int
    """Clients that hung up."""
    busy_s: float
    alone_s: float
    alone_spread: float
    """How far two measurements of one request alone lie apart, at the median: the machine's noise."""
    off: dict[str, float]
    conserved: bool
    methods: str


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu_shares", description=__doc__)
    parser.add_argument("--per-tenant", type=int, default=10, help="requests")
    parser.add_argument("--over", type=float, default=60.0, help="seconds over which they arrive")
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    where = describe()
    with server() as postgres:
        runs = []
        for number in range(options.runs):
            with tempfile.TemporaryDirectory() as folder, postgres.database() as url:
                runs.append(asyncio.run(measure(Path(folder), url, number, options.per_tenant, options.over)))
            sys.stdout.write(row_of(number, runs[-1]) + "\n")
    text = report(where, runs)
    RESULTS.write_text(text)
    sys.stdout.write(text)
    return 0


async def measure(folder: Path, ledger: str, seed: int, per_tenant: int, over_s: float) -> Run:
    planned = jobs(seed, per_tenant, over_s)
    async with scene(folder, ledger, window_s=WINDOW_S) as place:
        await warm_up(place, WARM_UP, WINDOW_S)
        await crowd(place, planned)
        await settled(place, WARM_UP + len(planned))
        crowded = place.crowd()
        first = await alone(place, crowded, planned)
        second = await alone(place, crowded, planned)
        costs = {event_id: min(ns, second[event_id]) for event_id, ns in first.items()}
        apart = [abs(first[each] - second[each]) / costs[each] for each in costs if costs[each]]
    by_tenant: Counter[str] = Counter()
    for event in crowded:
        by_tenant[event.tenant] += costs[event.id]
    shares = shares_by_tenant(place, crowded)
    return Run(
        len(crowded),
        sum(event.outcome is Outcome.CLIENT_GONE for event in crowded),
        sum(shares.values()) / 1e9,
        sum(by_tenant.values()) / 1e9,
        statistics.median(apart),
        errors(shares, by_tenant),
        is_conserved(place),
        methods_of(place),
    )


def is_conserved(place: Scene) -> bool:
    """Every window's shares are its capacity, in nanoseconds and nano-dollars."""
    wrong = place.rows(
        "SELECT count(*) FROM (SELECT w.window_start_us FROM gpu_windows w JOIN gpu_shares s ON "
        "s.backend = w.backend AND s.window_start_us = w.window_start_us GROUP BY w.window_start_us, "
        "w.capacity_ns, w.capacity_nanos HAVING sum(s.gpu_ns) <> w.capacity_ns OR "
        "sum(s.nanos) <> w.capacity_nanos) AS windows"
    )
    return wrong == [(0,)]


def methods_of(place: Scene) -> str:
    found = place.rows("SELECT DISTINCT method FROM gpu_shares WHERE line = 'request' ORDER BY method")
    return ", ".join(f"`{method}`" for (method,) in found)


def report(where: str, runs: list[Run]) -> str:
    lines = [
        "# Whose GPU time it was, against the cost alone",
        "",
        "Written by `python -m benchmarks.gpu_shares`.",
        "",
        where,
        "",
        "Part of the busy time that closed windows give each tenant, against its part of what the same",
        "requests cost when each has the engine to itself (its own timings, the better of two). The goal is",
        "10 % for each.",
        "",
        "| run | requests | left | busy s | alone s | " + " | ".join(TENANTS) + " | noise | adds up |",
        "|" + " ---: |" * (len(TENANTS) + 7),
        *(row_of(number, run) for number, run in enumerate(runs)),
        row_of_means(runs),
        "",
        "*left*: clients that hung up. *noise*: how far two measurements of one request alone lie apart, at",
        "the median. *adds up*: requests, aborted work, idle time, warm-up and overhead are the capacity of",
        "every window, in nanoseconds and nano-dollars.",
        "",
        f"Weights: {'; '.join(run.methods for run in runs)}.",
        "",
        verdict(runs),
        "",
    ]
    return "\n".join(lines)


def row_of(number: int, run: Run) -> str:
    off = (f"{100 * run.off[tenant]:+.1f} %" for tenant in TENANTS)
    cells = [
        f"{number + 1}",
        f"{run.requests}",
        f"{run.left}",
        f"{run.busy_s:.1f}",
        f"{run.alone_s:.1f}",
        *off,
    ]
    return f"| {' | '.join(cells)} | {100 * run.alone_spread:.0f} % | {'yes' if run.conserved else 'NO'} |"


def row_of_means(runs: list[Run]) -> str:
    means = (f"{100 * _mean(runs, tenant):+.1f} %" for tenant in TENANTS)
    return f"| mean | | | | | {' | '.join(means)} | | |"


def verdict(runs: list[Run]) -> str:
    every = [abs(run.off[tenant]) for run in runs for tenant in TENANTS]
    within = sum(error <= GOAL for error in every)
    means = sum(abs(_mean(runs, tenant)) <= GOAL for tenant in TENANTS)
    return (
        f"{within} of {len(every)} figures are within 10 %, the worst is off by {100 * max(every):.1f} %; "
        f"over all runs {means} of {len(TENANTS)} tenants are within 10 %."
    )


def _mean(runs: list[Run], tenant: str) -> float:
    return statistics.mean(run.off[tenant] for run in runs)


if __name__ == "__main__":
    sys.exit(main())
