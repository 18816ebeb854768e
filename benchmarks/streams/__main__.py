"""`python -m benchmarks.streams [--streams 2000] [--hold 60] [--soak 300]`

Holds that many streams open for that long, one event per second each; with `--soak`, then keeps as many open
for five minutes, ended and replaced all the time, and compares the memory of minute 1 with minute 5.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import resource
import statistics
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.gateway_config import KEY, backend, key_hash
from benchmarks.machine import GATEWAY_CORE, LOAD_CORE, CannotMeasure, check_cores, describe
from benchmarks.process import cpu_s, rss_mb, running
from benchmarks.streams.clients import CONNECT_AT_ONCE, StreamClient, Tally
from tests.fakes.gateway_process import GatewayProcess, NotReady, free_port

RESULTS = Path(__file__).with_name("RESULTS.md")
LENGTHS = (1, 2, 5, 10, 20, 40)
"""Events of a stream of the soak, one per second."""
CACHE_BYTES = 4_000_000
"""Full within the first minute: an answer cache that is still filling would look like a leak."""
GOAL_MB = 400
GROWTH_MB = 5.0
"""Minute 5 above minute 1 by less than this is no growth: the allocator's own breathing."""


@dataclass(slots=True)
class Phase:
    """One load and what was sampled every second of it."""

    name: str
    tally: Tally
    rss_mb: list[float] = field(default_factory=list)
    open: list[int] = field(default_factory=list)
    cpu_share: float = 0.0

    def minute(self, number: int) -> float:
        """Median memory of that minute, counted from 1."""
        return statistics.median(self.rss_mb[60 * (number - 1) : 60 * number])

    @property
    def minutes(self) -> int:
        return len(self.rss_mb) // 60


def raise_file_limit(streams: int) -> None:
    """Raises CannotMeasure if that many streams, two sockets each in the gateway, cannot be opened."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = 2 * streams + 500
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise CannotMeasure(f"{needed} open files are needed, the hard limit is {hard} (ulimit -Hn)")
    if soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, needed), hard))


async def hold(port: int, pid: int, streams: int, seconds: int) -> Phase:
    """All streams open together for `seconds`, counted from when the last one is open."""
    tally, gate = Tally(), asyncio.Semaphore(CONNECT_AT_ONCE)
    phase = Phase(f"{streams:,} streams held for {seconds} s", tally)
    opening_s = 5 + streams // 200
    length = seconds + opening_s
    client = StreamClient(port, model_of, tally, gate)
    tasks = [asyncio.create_task(client.stream(length)) for _ in range(streams)]
    await sample(phase, pid, tasks, None)
    return phase


async def soak(port: int, pid: int, streams: int, seconds: int) -> Phase:
    """As many streams open all the time, of mixed lengths, each replaced when it ends."""
    tally, gate, chance = Tally(), asyncio.Semaphore(CONNECT_AT_ONCE), random.Random(7)
    phase = Phase(f"{streams:,} streams of {LENGTHS[0]} to {LENGTHS[-1]} s, replaced for {seconds} s", tally)
    client, loop = StreamClient(port, model_of, tally, gate), asyncio.get_running_loop()
    until_s = loop.time() + seconds

    async def one_after_the_other() -> None:
        while loop.time() < until_s:
            await client.stream(chance.choice(LENGTHS))

    tasks = [asyncio.create_task(one_after_the_other()) for _ in range(streams)]
    await sample(phase, pid, tasks, until_s)
    return phase


async def sample(phase: Phase, pid: int, tasks: list[asyncio.Task[None]], until_s: float | None) -> None:
    """Every second until all tasks are done, memory only until `until_s`."""
    loop = asyncio.get_running_loop()
    began_s, used_s = loop.time(), cpu_s(pid)
    pending, next_s = set(tasks), began_s + 1.0
    while pending:
        _, pending = await asyncio.wait(pending, timeout=max(0.0, next_s - loop.time()))
        if loop.time() < next_s:
            continue
        next_s += 1.0
        if pending and (until_s is None or loop.time() <= until_s + 0.5):
            phase.rss_mb.append(rss_mb(pid))
            phase.open.append(phase.tally.open)
    phase.cpu_share = (cpu_s(pid) - used_s) / (loop.time() - began_s)


def model_of(length: int) -> str:
    return f"fault/slow-{length}-1000"


def config(folder: Path, url: str, lengths: set[int]) -> dict[str, object]:
    models = {model_of(length): model_of(length) for length in lengths}
    return {
        "ledger": f"sqlite:///{folder / 'ledger.db'}",
        "backends": {"slow": backend(url, models)},
        "cache": {"max_memory": CACHE_BYTES},
        "tenants": {"bench": {"keys": [{"name": "bench", "hash": key_hash(KEY)}]}},
        "rates": [{"model": model, "input": 0.1, "output": 0.4} for model in models],
    }


def measure(folder: Path, streams: int, hold_s: int, soak_s: int) -> tuple[float, list[Phase]]:
    """Megabytes before any load, and the phases."""
    os.sched_setaffinity(0, {LOAD_CORE})
    port, lengths = free_port(), {*LENGTHS, hold_s + 5 + streams // 200}
    source = [sys.executable, "-m", "tests.fakes.upstream", "--port", str(port)]
    with ExitStack() as stack:
        stack.enter_context(running(source, core=LOAD_CORE, port=port, log=folder / "upstream.out"))
        settings = config(folder, f"http://127.0.0.1:{port}/v1", lengths)
        gateway = stack.enter_context(GatewayProcess(settings, folder, core=GATEWAY_CORE))
        before_mb, phases = rss_mb(gateway.pid), []
        if hold_s:
            phases.append(asyncio.run(hold(gateway.port, gateway.pid, streams, hold_s)))
        if soak_s:
            phases.append(asyncio.run(soak(gateway.port, gateway.pid, streams, soak_s)))
    return before_mb, phases


def markdown(machine: str, before_mb: float, phases: list[Phase]) -> str:
    lines = [
        "# Open streams",
        "",
        "Written by `python -m benchmarks.streams`; docs/benchmarks.md says what each figure means.",
        "",
        machine,
        "",
        f"Memory before any load: {before_mb:.0f} MB.",
        "",
        "| | most open | finished | errors | highest MB | of its core |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for phase in phases:
        tally = phase.tally
        lines.append(
            f"| {phase.name} | {tally.most_open:,} | {tally.finished:,} | {tally.errors.total()} "
            f"| {max(phase.rss_mb):.0f} | {phase.cpu_share:.0%} |"
        )
    for phase in phases:
        lines += ["", *(f"* {count} x {error}" for error, count in phase.tally.errors.most_common(5))]
        if phase.minutes >= 2:
            by_minute = ", ".join(f"{phase.minute(n):.1f}" for n in range(1, phase.minutes + 1))
            lines += [f"{phase.name}: median memory by minute {by_minute} MB."]
    return "\n".join(lines) + "\n"


def problems(phases: list[Phase]) -> list[str]:
    found = [f"{phase.name}: {phase.tally.errors.total()} errors" for phase in phases if phase.tally.errors]
    for phase in phases:
        if max(phase.rss_mb) > GOAL_MB:
            found.append(f"{phase.name}: {max(phase.rss_mb):.0f} MB, wanted at most {GOAL_MB}")
        if "replaced" in phase.name and phase.minutes >= 2:
            growth = phase.minute(phase.minutes) - phase.minute(1)
            if growth > GROWTH_MB:
                found.append(
                    f"{phase.name}: memory grew by {growth:.1f} MB from the first minute to the last"
                )
    return found


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.streams", description=__doc__)
    parser.add_argument("--streams", type=int, default=2000)
    parser.add_argument("--hold", type=int, default=60, help="seconds; 0 leaves this phase out")
    parser.add_argument("--soak", type=int, default=0, help="seconds; 0 leaves this phase out")
    parser.add_argument("--dry", action="store_true", help="do not write RESULTS.md")
    options = parser.parse_args()
    try:
        check_cores()
        raise_file_limit(options.streams)
        machine = describe()
        with tempfile.TemporaryDirectory(prefix="weir-streams-") as folder:
            before_mb, phases = measure(Path(folder), options.streams, options.hold, options.soak)
    except (CannotMeasure, NotReady) as reason:
        print(f"cannot measure: {reason}", file=sys.stderr)
        return 1
    text = markdown(machine, before_mb, phases)
    print(text)
    if not options.dry:
        RESULTS.write_text(text)
    found = problems(phases)
    print("\n".join(found), file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
