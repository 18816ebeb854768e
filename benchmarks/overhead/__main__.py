"""`python -m benchmarks.overhead [--quick]`: measures, prints the tables, writes RESULTS.md."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from benchmarks.machine import LOAD_CORE, CannotMeasure, check_cores, describe
from benchmarks.overhead import bench, latency, relay, report
from benchmarks.overhead.features import measure_features
from benchmarks.overhead.load import Load, drive
from benchmarks.overhead.payload import STREAM_EVENTS
from benchmarks.overhead.report import BUDGETED, UNMETERED, Results
from benchmarks.overhead.stages import measure_stages
from benchmarks.process import rss_mb
from tests.fakes.gateway_process import NotReady

CONNECTIONS = (1, 32, 256)
GOAL_CONNECTIONS = 32
TURNS, TURN_S = 40, 1.0
"""Many short ones: a ratio is taken within a turn, whose servers must meet the same moment of the machine."""
RELAY_STREAMS = 256
RESULTS = Path(__file__).with_name("RESULTS.md")


def measure(folder: Path, seconds: float, rounds: int, with_gateway: bool) -> Results:
    """Everything, one thing at a time: never two loads at once."""
    results = Results(machine=describe(), seconds=seconds, rounds=rounds)
    if with_gateway:
        say("stages")
        results.stages = measure_stages()
    with ExitStack() as stack:
        behind = stack.enter_context(bench.upstreams(folder, events=STREAM_EVENTS))
        floor = stack.enter_context(bench.bare(folder))
        servers = [stack.enter_context(bench.proxy(folder, behind))]
        if with_gateway:
            servers.append(stack.enter_context(bench.gateway(folder / "all-on", behind)))
            results.rss_start_mb = rss_mb(servers[-1].pid)
        with ExitStack() as only_here:
            compared = [floor, *servers]
            if with_gateway:
                meterless = bench.gateway(folder / "no-meter", behind, module="benchmarks.overhead.unmetered")
                compared.append(replace(only_here.enter_context(meterless), name=UNMETERED))
                budgeted = bench.budgeted_gateway(folder / "budgets", behind)
                compared.append(replace(only_here.enter_context(budgeted), name=BUDGETED))
            measure_in_turn(results, compared, folder)
        measure_latency(results, servers, behind, rounds)
        measure_throughput(results, servers, behind, seconds, folder)
        measure_relay(results.burst, servers, RELAY_STREAMS)
        if with_gateway:
            results.rss_end_mb = rss_mb(servers[-1].pid)
    with ExitStack() as stack:
        paced = bench.upstreams(folder, events=bench.PACED_EVENTS, tick_ms=bench.PACED_TICK_MS)
        behind = stack.enter_context(paced)
        servers = [stack.enter_context(bench.proxy(folder, behind))]
        if with_gateway:
            servers.append(stack.enter_context(bench.gateway(folder / "paced", behind)))
        measure_relay(results.paced, servers, RELAY_STREAMS)
    if with_gateway:
        say("features")
        results.features = measure_features(folder, seconds)
    return results


def measure_in_turn(results: Results, servers: list[bench.Server], folder: Path) -> None:
    """The figures of the goal, one server after the other and again, each turn from another one on and the
    other way round: a slow moment of the machine, or what the one before leaves to be written, must not fall
    on one of them alone."""
    results.in_turn = {found.name: [] for found in servers}
    for turn in range(TURNS):
        first = turn % len(servers)
        order = servers[first:] + servers[:first]
        for found in order if turn % 2 else reversed(order):
            say(f"{found.name}, {GOAL_CONNECTIONS} connections, turn {turn + 1} of {TURNS}")
            load = drive_plain(found, GOAL_CONNECTIONS, TURN_S, folder)
            results.in_turn[found.name].append(load)


def measure_latency(
    results: Results, servers: list[bench.Server], behind: bench.Upstreams, rounds: int
) -> None:
    say(f"latency, {rounds} rounds")
    os.sched_setaffinity(0, {LOAD_CORE})
    static, streaming = behind.direct
    plain = {"direct": (static.port, static.plain)} | {s.name: (s.port, s.plain) for s in servers}
    streamed = {"direct": (streaming.port, streaming.streamed)} | {
        s.name: (s.port, s.streamed) for s in servers
    }
    took_plain, took_streamed = latency.compare(plain, rounds), latency.compare(streamed, rounds // 4)
    for found in servers:
        results.added_plain[found.name] = latency.added(took_plain, found.name)
        results.added_streamed[found.name] = latency.added(took_streamed, found.name)


def measure_throughput(
    results: Results, servers: list[bench.Server], behind: bench.Upstreams, seconds: float, folder: Path
) -> None:
    static, streaming = behind.direct
    for connections in CONNECTIONS:
        for found in (static, *servers):
            say(f"{found.name}, not streamed, {connections} connections")
            results.plain[found.name, connections] = drive_plain(found, connections, seconds, folder)
        for found in (streaming, *servers):
            say(f"{found.name}, streamed, {connections} connections")
            results.streamed[found.name, connections] = drive(
                found.port,
                found.streamed,
                connections=connections,
                seconds=seconds,
                folder=folder,
                server_pid=found.pid,
            )


def drive_plain(found: bench.Server, connections: int, seconds: float, folder: Path) -> Load:
    return drive(
        found.port, found.plain, connections=connections, seconds=seconds, folder=folder, server_pid=found.pid
    )


def measure_relay(into: dict[str, relay.Relay], servers: list[bench.Server], streams: int) -> None:
    for found in servers:
        say(f"{found.name}, relay of {streams} streams")
        into[found.name] = relay.measure(found.port, found.streamed, streams=streams, server_pid=found.pid)


def say(what: str) -> None:
    print(f"... {what}", file=sys.stderr, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.overhead", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one second per figure; nothing is written")
    parser.add_argument("--seconds", type=float, default=5.0, help="per throughput figure")
    parser.add_argument("--rounds", type=int, default=3000, help="requests per latency figure")
    parser.add_argument("--without-gateway", action="store_true", help="only what it is compared with")
    options = parser.parse_args()
    seconds, rounds = (1.0, 500) if options.quick else (options.seconds, options.rounds)
    try:
        check_cores()
        with tempfile.TemporaryDirectory(prefix="weir-bench-") as folder:
            results = measure(Path(folder), seconds, rounds, not options.without_gateway)
    except (CannotMeasure, NotReady) as reason:
        print(f"cannot measure: {reason}", file=sys.stderr)
        return 1
    text = report.markdown(results)
    print(text)
    if not (options.quick or options.without_gateway):
        RESULTS.write_text(text)
    return 1 if results.errors else 0


if __name__ == "__main__":
    sys.exit(main())
