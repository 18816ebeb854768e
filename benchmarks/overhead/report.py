"""The figures of one run, and the table that is made of them."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.overhead.latency import Added
from benchmarks.overhead.load import Load, generator_name
from benchmarks.overhead.relay import Relay

GOAL_REQUESTS_PER_S = 6000
GOAL_AT_BARE = 40_000
GOAL_ADDED_P50_MS = 0.4
GOAL_EVENTS_PER_S = 100_000
GOAL_METERED = 0.85
"""Throughput with the meter, of that without."""
UNMETERED = "gateway without its meter"
GOAL_BUDGETED = 0.9
"""Throughput with limits and budgets, of that without."""
BUDGETED = "gateway with limits and budgets"
FULL_CORE = 0.85
"""A saturated server that got less of its core than this shared it with something else."""


@dataclass(slots=True)
class Results:
    machine: str
    seconds: float
    rounds: int
    in_turn: dict[str, list[Load]] = field(default_factory=dict)
    """By name, `bare uvicorn` among them: 32 connections, measured in turn."""
    plain: dict[tuple[str, int], Load] = field(default_factory=dict)
    """By name and number of connections."""
    streamed: dict[tuple[str, int], Load] = field(default_factory=dict)
    added_plain: dict[str, Added] = field(default_factory=dict)
    added_streamed: dict[str, Added] = field(default_factory=dict)
    burst: dict[str, Relay] = field(default_factory=dict)
    paced: dict[str, Relay] = field(default_factory=dict)
    features: dict[str, Load] = field(default_factory=dict)
    stages: dict[str, float] = field(default_factory=dict)
    """Microseconds per request."""
    rss_start_mb: float = 0.0
    rss_end_mb: float = 0.0

    @property
    def errors(self) -> int:
        loads = [*self.plain.values(), *self.streamed.values(), *self.features.values()]
        loads += [load for turns in self.in_turn.values() for load in turns]
        return sum(load.errors for load in loads)


def markdown(results: Results) -> str:
    return "\n".join(
        [
            "# Overhead",
            "",
            "Written by `python -m benchmarks.overhead`; docs/benchmarks.md says what each figure means.",
            "",
            f"{results.machine} Load: {generator_name()}, {results.seconds:g} s per figure.",
            "",
            *_goals(results),
            "## Not streamed: a 700-byte answer",
            "",
            *_loads(results.plain),
            "## Streamed: 53 events, about 10 kB",
            "",
            *_loads(results.streamed),
            "## Added latency, one connection",
            "",
            *_latency(results),
            "## Events relayed, 256 streams",
            "",
            *_relays(results),
            *_own_costs(results),
        ]
    )


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    ruler = ["---"] + ["---:"] * (len(header) - 1)
    return [*("| " + " | ".join(cells) + " |" for cells in (header, ruler, *rows)), ""]


def _goals(results: Results) -> Iterator[str]:
    middle = {
        name: statistics.median(load.requests_per_s for load in turns)
        for name, turns in results.in_turn.items()
    }
    bare = middle["bare uvicorn"]
    yield "32 connections, in turn, the middle of each:"
    yield ""
    compared = [
        (
            name,
            f"{middle[name]:,.0f}",
            f"{statistics.median(load.cpu_us for load in turns):.0f}",
            f"{statistics.median(load.server_core_used for load in turns):.0%}",
        )
        for name, turns in results.in_turn.items()
    ]
    yield from table(("", "requests/s", "CPU µs each", "of its core"), compared)
    if min(load.server_core_used for turns in results.in_turn.values() for load in turns) < FULL_CORE:
        yield "Something else used the measured core during this run: only the CPU times can be compared."
        yield ""
    if "gateway" not in middle:
        return
    speed = bare / GOAL_AT_BARE
    yield (
        f"The goals are set for a machine where bare uvicorn does {GOAL_AT_BARE:,} requests/s. This one "
        f"runs at {speed:.2f} of that, and `scaled` says what its figures would be there."
    )
    yield ""
    found, (_, beside_bare, _) = middle["gateway"], _ratios(results, "gateway", "bare uvicorn")
    metered, budgeted = _ratios(results, "gateway", UNMETERED), _ratios(results, BUDGETED, "gateway")
    added_ms = results.added_plain["gateway"].p50_ms
    events = results.burst["gateway"].events_per_core_s
    rows = [
        ("requests/s on one core", f"{found:,.0f}", f"{beside_bare * GOAL_AT_BARE:,.0f}",
         f"at least {GOAL_REQUESTS_PER_S:,}", _met(beside_bare * GOAL_AT_BARE >= GOAL_REQUESTS_PER_S)),
        ("of the throughput without the meter", _spread(metered), "", f"at least {GOAL_METERED:.0%}",
         _met(metered[1] >= GOAL_METERED)),
        ("with limits and budgets in Redis, of that", _spread(budgeted), "", f"at least {GOAL_BUDGETED:.0%}",
         _met(budgeted[1] >= GOAL_BUDGETED)),
        ("added p50, one connection", f"{added_ms:.3f} ms", f"{added_ms * speed:.3f} ms",
         f"at most {GOAL_ADDED_P50_MS} ms", _met(added_ms * speed <= GOAL_ADDED_P50_MS)),
        ("events relayed per core second", f"{events:,.0f}", f"{events / speed:,.0f}",
         f"at least {GOAL_EVENTS_PER_S:,}", _met(events / speed >= GOAL_EVENTS_PER_S)),
    ]  # fmt: skip
    yield from table(("", "measured", "scaled", "goal", ""), rows)


def _ratios(results: Results, name: str, base: str) -> list[float]:
    """Throughput beside that of `base`: the quarters of the turns' own ratios, each of one moment of the
    machine; the middle one counts."""
    turns = zip(results.in_turn[name], results.in_turn[base], strict=True)
    return statistics.quantiles((load.requests_per_s / other.requests_per_s for load, other in turns), n=4)


def _spread(quarters: list[float]) -> str:
    low, middle, high = quarters
    return f"{middle:.0%} (half of the turns: {low:.0%} to {high:.0%})"


def _met(met: bool) -> str:
    return "met" if met else "missed"


def _loads(loads: Mapping[tuple[str, int], Load]) -> list[str]:
    rows = [
        (
            f"{name}, {connections} connections",
            f"{load.requests_per_s:,.0f}",
            f"{load.p50_ms:.2f}",
            f"{load.p99_ms:.2f}",
            f"{load.server_core_used:.0%}",
            f"{load.cpu_us:.0f}",
            str(load.errors),
        )
        for (name, connections), load in loads.items()
    ]
    return table(("", "requests/s", "p50 ms", "p99 ms", "of its core", "CPU µs each", "errors"), rows)


def _latency(results: Results) -> list[str]:
    rows = [
        (f"{name}, {kind}", f"{added.p50_ms:.3f}", f"{added.p99_ms:.3f}")
        for kind, by_name in (("not streamed", results.added_plain), ("streamed", results.added_streamed))
        for name, added in by_name.items()
    ]
    return table(("", "added p50 ms", "added p99 ms"), rows)


def _relays(results: Results) -> list[str]:
    rows = [
        (
            f"{name}, {kind}",
            f"{found.events_per_s:,.0f}",
            f"{found.events_per_core_s:,.0f}",
            f"{found.cpu_us:.1f}",
        )
        for kind, by_name in (("one per read", results.paced), ("as fast as they come", results.burst))
        for name, found in by_name.items()
    ]
    return table(("", "events/s", "per core second", "CPU µs each"), rows)


def _own_costs(results: Results) -> Iterator[str]:
    if not results.features:
        return
    yield "## What each feature costs, 32 connections"
    yield ""
    full = next(iter(results.features.values())).cpu_us
    rows = [
        (
            name,
            f"{load.requests_per_s:,.0f}",
            f"{load.cpu_us:.0f}",
            f"{full - load.cpu_us:+.0f}",
            str(load.errors),
        )
        for name, load in results.features.items()
    ]
    yield from table(("", "requests/s", "CPU µs each", "saved", "errors"), rows)
    yield "## What each stage costs, in the process, alone"
    yield ""
    yield from table(("", "µs"), [(name, f"{us:.1f}") for name, us in results.stages.items()])
    yield "## Memory of the gateway"
    yield ""
    yield f"{results.rss_start_mb:.0f} MB resident at start, {results.rss_end_mb:.0f} MB after all this."
    yield ""
