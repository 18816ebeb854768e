"""From a writer's word to the indexes of three other processes."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import orjson

from benchmarks.cache_lookup.lookups import WHERE, Times, shared
from benchmarks.machine import ROOT
from cache.base import Entry
from tests.fakes.kept_answers import entry, kept

FOLLOWERS = 3
ENTRIES = 2_000
PER_S = 200


async def lag(url: str) -> Times:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        cache = shared(url, hot_bytes=0)
        await cache.start()
        cache.keep(kept("first", _made("hit_first"), WHERE, seen=2**52))
        await asyncio.sleep(0.1)
        followers = []
        for number in range(FOLLOWERS):
            file = folder / str(number)
            process = stack.enter_context(await asyncio.to_thread(_follower, url, file))
            followers.append((process, file))
        await asyncio.sleep(0.5)
        kept_s = {}
        for number in range(ENTRIES):
            made = _made(f"hit_{number}")
            kept_s[made.id] = time.monotonic()
            cache.keep(kept(f"words {number}", made, WHERE, seen=2**52))
            await asyncio.sleep(1 / PER_S)
        await asyncio.sleep(0.2)
        lags = []
        for process, file in followers:
            process.terminate()
            await asyncio.to_thread(process.wait, 20)
            heard_s = orjson.loads(file.read_bytes())
            lags += [heard_s[entry_id] - at_s for entry_id, at_s in kept_s.items()]
        await cache.aclose()
    return Times.of("index lag between processes", lags)


def _follower(url: str, file: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "benchmarks.cache_lookup.follower", url, str(file)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT)
    assert process.stdout is not None
    process.stdout.readline()
    return process


def _made(entry_id: str) -> Entry:
    return entry(entry_id, stored_us=time.time_ns() // 1_000)
