"""`python -m benchmarks.cache_lookup [--data ../shared/data/cache] [--entries 100000] [--isolation 1000000]`

A partition of that many real questions on a Redis of its own; lookups by a process that had not made it.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

import numpy as np
import uvloop

from benchmarks.cache_lookup.lag import ENTRIES, FOLLOWERS, PER_S, lag
from benchmarks.cache_lookup.lookups import (
    BODY,
    WHERE,
    Times,
    exact,
    fill,
    full,
    indexed,
    judging,
    loaded,
    recall,
    shared,
    timed,
)
from benchmarks.cache_lookup.material import DATA, questions
from benchmarks.machine import GATEWAY_CORE, LOAD_CORE, CannotMeasure, check_cores, describe
from cache.question import Floats, Question
from gateway.caching.meaning import CANDIDATES
from tests.fakes.intruders import TENANTS, Crowd
from tests.redis_server import NoRedis, Server, server

RESULTS = Path(__file__).with_name("RESULTS.md")
LOOKUPS = 3_000
GOALS = {
    "full lookup, a hit": (350, 1_000),
    "exact hit, asked of Redis": (150, None),
    "index lag": (None, 5_000),
}

REPORT = """\
# Lookups in the semantic cache

Written by `python -m benchmarks.cache_lookup`.

{machine}

One partition of {entries:,} real questions with answers of {body:,} bytes, on a Redis of its own on loopback;
the process that looks up on core 0, Redis on core 1. The process had not made the entries: it loaded them in
{load_s:.1f} s, beside its road.

| what | p50 us | p99 us | own p50 us | goal p50 | goal p99 |
|---|---:|---:|---:|---:|---:|
{table}

*Own*: as long as the process itself was on its core, without waiting for Redis or for the core, which it
shared with whatever else the machine did. *Full lookup*: the embedding given, both keys hashed and looked
for in vain, {candidates} neighbours found and judged by the shipped verifier, which reads most of them for
the first time; of a hit ({found:.1%} were) the answer is fetched from Redis. *Without judging*: the nearest
one is fetched, whatever it asks. *Exact hit, hot*: from the process, under its lease, in a small partition.
*Nearest 8*: one after the other, nothing between. *Index lag*: from the writer's word to the index of each of
{followers} other processes, {lag_entries:,} entries at {per_s} a second, processes not pinned.

The graph against reading everything, {asked:,} questions that are not stored: recall of the {candidates}
nearest {at_8:.3f}, of the nearest {at_1:.3f}; {index_mb:.0f} MB.

Isolation: {isolation:,} lookups over {tenants:,} tenants with confusing names (same texts, forged fields,
groups named like tenants, replayed keys and ids) in {isolation_s:.0f} s: {served:,} answers served,
**{wrong} across partitions**; {refused:,} questions brought to the index of another partition, all refused.
"""


async def measure(
    redis: Server, texts: list[str], vectors: Floats, number: int
) -> tuple[list[Times], float, float]:
    await fill(redis.url, texts[:number], vectors[:number])
    cold = shared(redis.url, hot_bytes=0)
    await cold.start()
    load_s = await loaded(cold, texts[0])
    asked = [
        Question(WHERE, text, vector) for text, vector in zip(texts[number:], vectors[number:], strict=True)
    ]
    judge = judging()
    judged = await timed([lambda one=one: full(cold, one, judge) for one in asked[:LOOKUPS]])
    free = await timed([lambda one=one: full(cold, one, lambda _, near: near[0]) for one in asked[:LOOKUPS]])
    exactly = await timed([lambda text=text: exact(cold, text) for text in texts[:LOOKUPS]])
    await cold.aclose()
    times = [
        judged.times("full lookup, a hit"),
        judged.times("full lookup, a miss", found=False),
        free.times("the same without judging"),
        exactly.times("exact hit, asked of Redis"),
    ]
    return times, sum(judged.found) / len(judged.found), load_s


async def hot_hits(redis: Server) -> Times:
    """Of a small partition, held by the process with its answers."""
    await fill(redis.url, ["words"], np.ones((1, 256), np.float32) / 16)
    warm = shared(redis.url, hot_bytes=64_000_000)
    await warm.start()
    await loaded(warm, "words")
    hits = await timed([lambda: exact(warm, "words")] * LOOKUPS)
    await warm.aclose()
    return hits.times("exact hit, hot")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cache_lookup", description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--isolation", type=int, default=1_000_000)
    options = parser.parse_args()
    try:
        check_cores()
        machine = describe()
        texts, vectors = questions(options.data, options.entries + LOOKUPS)
        sys.stdout.write(report(options, machine, texts, vectors))
    except (CannotMeasure, NoRedis) as reason:
        sys.stderr.write(f"{reason}\n")
        return 1
    return 0


def report(options: argparse.Namespace, machine: str, texts: list[str], vectors: Floats) -> str:
    number = options.entries
    every_core = os.sched_getaffinity(0)
    with server() as redis:
        lagging = uvloop.run(lag(redis.url))
    with server() as redis:
        hot = uvloop.run(hot_hits(redis))
    with server() as redis:
        assert redis.process is not None
        os.sched_setaffinity(redis.process.pid, {LOAD_CORE})
        os.sched_setaffinity(0, {GATEWAY_CORE})
        times, found, load_s = uvloop.run(measure(redis, texts, vectors, number))
    index = indexed(texts[:number], vectors[:number])
    near, at_8, at_1 = recall(index, vectors[:number], vectors[number : number + 1_000])
    began_s, crowd = time.monotonic(), Crowd()
    for _ in range(options.isolation):
        crowd.look_up()
    isolation_s = time.monotonic() - began_s
    os.sched_setaffinity(0, every_core)
    RESULTS.write_text(
        REPORT.format(
            machine=machine,
            entries=number,
            body=len(BODY),
            load_s=load_s,
            table="\n".join(row(one) for one in [*times, hot, near, lagging]),
            candidates=CANDIDATES,
            found=found,
            followers=FOLLOWERS,
            lag_entries=ENTRIES,
            per_s=PER_S,
            asked=1_000,
            at_8=at_8,
            at_1=at_1,
            index_mb=index.bytes_used / 1e6,
            isolation=options.isolation,
            tenants=TENANTS,
            isolation_s=isolation_s,
            served=crowd.served,
            wrong=len(crowd.wrong),
            refused=crowd.refused,
        )
    )
    return RESULTS.read_text()


def row(times: Times) -> str:
    goals = next((goals for name, goals in GOALS.items() if times.name.startswith(name)), (None, None))
    said = ("" if goal is None else f"{goal:,}" for goal in goals)
    own = "" if times.own_us is None else f"{times.own_us:,.1f}"
    return f"| {times.name} | {times.p50_us:,.1f} | {times.p99_us:,.1f} | {own} | {' | '.join(said)} |"


if __name__ == "__main__":
    sys.exit(main())
