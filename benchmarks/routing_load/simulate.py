"""A trace, decided by the router request by request, before a simple model of an engine.

The engine works on `slots` requests at once and lets the others wait in the order in which they came. One
takes the time of its prompt and of its output at fixed rates, however many work beside it. The vendor has
room for all.
"""

from __future__ import annotations

import csv
import gzip
import heapq
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from router.deciding import GainRouter
from router.decision import Candidate, Route, RouteRequest
from router.load import Load
from router.model import load
from router.policy import large_share

CHAT = frozenset({"chat"})
COLUMNS = (
    "sent to",
    "slots",
    "engine USD",
    "vendor USD",
    "together USD",
    "burst",
    "waited",
    "mean wait s",
    "p99 wait s",
    "work",
)


class Asked(NamedTuple):
    at_s: float
    input_tokens: int
    output_tokens: int


class Engine(NamedTuple):
    slots: int
    prefill_tokens_per_s: float
    decode_tokens_per_s: float
    """Of one request."""
    usd_per_hour: float


class Vendor(NamedTuple):
    """USD per million tokens."""

    input: float
    output: float


class Result(NamedTuple):
    requests: int
    local: int
    waits_s: tuple[float, ...]
    """Of those on the engine, in the order of arrival."""
    engine_usd: float
    vendor_usd: float
    work: float
    """Asked of the engine's slots, of what they can do in the time of the trace."""


def read_trace(path: Path) -> list[Asked]:
    """Of the Azure LLM inference traces."""
    with gzip.open(path, "rt", newline="") as lines:
        rows = [
            (datetime.fromisoformat(row["TIMESTAMP"][:26]).timestamp(), row) for row in csv.DictReader(lines)
        ]
    first_s = rows[0][0]
    return [
        Asked(at_s - first_s, int(row["ContextTokens"]), int(row["GeneratedTokens"])) for at_s, row in rows
    ]


def always(backend: str) -> Callable[[Asked, int, Engine], str]:
    return lambda asked, in_flight, engine: backend


def burst(vendor: Vendor) -> Callable[[Asked, int, Engine], str]:
    """The engine, and past it where the router says so."""
    engine_first = (Candidate("local", "engine", "small", None, CHAT, None, None),)
    then = (Candidate("rented", "vendor", "large", None, CHAT, vendor.input * 1e3, vendor.output * 1e3),)
    route = Route("auto", large_share(0.0), (engine_first, then), (), (), {}, load())
    fields = {"messages": [{"role": "user", "content": ""}]}

    def choose(asked: Asked, in_flight: int, engine: Engine) -> str:
        loads = {"engine": Load(in_flight, engine.slots, True)}
        request = RouteRequest("chat.completions", fields, asked.input_tokens, CHAT, "t", "p", {}, False)
        request = request._replace(loads=loads, expected_output_tokens=asked.output_tokens)
        return GainRouter().decide(request, route).choices[0].candidate.backend

    return choose


def replay(
    trace: Iterable[Asked], engine: Engine, vendor: Vendor, choose: Callable[[Asked, int, Engine], str]
) -> Result:
    """`choose` is told how many requests the engine has, waiting ones included."""
    ends: list[float] = []
    free_at = [0.0] * engine.slots
    waits: list[float] = []
    requests, vendor_usd, worked_s, last_s = 0, 0.0, 0.0, 0.0
    for asked in trace:
        requests, last_s = requests + 1, asked.at_s
        while ends and ends[0] <= asked.at_s:
            heapq.heappop(ends)
        if choose(asked, len(ends), engine) == "vendor":
            vendor_usd += (asked.input_tokens * vendor.input + asked.output_tokens * vendor.output) / 1e6
            continue
        starts_s = max(asked.at_s, heapq.heappop(free_at))
        takes_s = asked.input_tokens / engine.prefill_tokens_per_s
        takes_s += asked.output_tokens / engine.decode_tokens_per_s
        heapq.heappush(free_at, starts_s + takes_s)
        heapq.heappush(ends, starts_s + takes_s)
        waits.append(starts_s - asked.at_s)
        worked_s += takes_s
    hours = last_s / 3600
    work = worked_s / (last_s * engine.slots) if last_s else 0.0
    return Result(requests, len(waits), tuple(waits), engine.usd_per_hour * hours, vendor_usd, work)


def lines(results: Iterable[tuple[str, int, Result]]) -> Iterator[str]:
    """Rows of a Markdown table: (name, slots, result). Slots 0: no engine is paid."""
    yield f"| {' | '.join(COLUMNS)} |"
    yield f"| --- |{' ---: |' * (len(COLUMNS) - 1)}"
    for name, slots, found in results:
        engine_usd = found.engine_usd if slots else 0.0
        waits = sorted(found.waits_s)
        waited = sum(wait > 0 for wait in waits) / found.requests
        mean = sum(waits) / found.requests
        p99 = waits[int(0.99 * (len(waits) - 1))] if waits else 0.0
        yield (
            f"| {name} | {slots or '-'} | {engine_usd:.2f} | {found.vendor_usd:.2f} | "
            f"{engine_usd + found.vendor_usd:.2f} | {(found.requests - found.local) / found.requests:.1%} | "
            f"{waited:.1%} | {mean:.2f} | {p99:.1f} | {f'{found.work:.0%}' if slots else '-'} |"
        )
