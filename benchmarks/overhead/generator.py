"""The built-in load generator, for machines without wrk: slower, so that it may itself be the limit.

python -m benchmarks.overhead.generator PORT TEMPLATE COUNTER CONNECTIONS SECONDS
"""

from __future__ import annotations

import asyncio
import itertools
import sys
import time
from pathlib import Path
from typing import cast

import httptools
import orjson
import uvloop

COUNTER = b"@@@@@@@@@@@@"


class Run:
    """The counter, and what was measured, over all connections."""

    def __init__(self, template: bytes, counter: int) -> None:
        self._before, self._counts, self._after = template.partition(COUNTER)
        self._numbers = itertools.count(counter)
        self.took_s: list[float] = []
        self.errors = 0
        self.bytes = 0

    def request(self) -> bytes:
        number = b"%012d" % next(self._numbers) if self._counts else b""
        return self._before + number + self._after


class Connection(asyncio.Protocol):
    def __init__(self, run: Run) -> None:
        self._run = run

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own class does not derive from it
        self._ask()

    def _ask(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._sent_s = time.perf_counter()
        self._transport.write(self._run.request())

    def data_received(self, data: bytes) -> None:
        self._run.bytes += len(data)
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        self._run.took_s.append(time.perf_counter() - self._sent_s)
        self._run.errors += self._parser.get_status_code() >= 400
        asyncio.get_running_loop().call_soon(self._ask)

    def connection_lost(self, exc: Exception | None) -> None:
        self._run.errors += exc is not None


async def measure(port: int, template: bytes, counter: int, connections: int, seconds: float) -> Run:
    run, loop = Run(template, counter), asyncio.get_running_loop()
    for _ in range(connections):
        await loop.create_connection(lambda: Connection(run), "127.0.0.1", port)
    await asyncio.sleep(seconds)
    return run


def main(port: str, path: str, counter: str, connections: str, seconds: str) -> None:
    template = Path(path).read_bytes()
    began_s = time.perf_counter()
    run = uvloop.run(measure(int(port), template, int(counter), int(connections), float(seconds)))
    took = sorted(run.took_s)
    told = {
        "requests": len(took),
        "seconds": time.perf_counter() - began_s,
        "p50_us": took[len(took) // 2] * 1e6,
        "p99_us": took[len(took) * 99 // 100] * 1e6,
        "bytes": run.bytes,
        "errors": run.errors,
    }
    print("RESULT", orjson.dumps(told).decode())


if __name__ == "__main__":
    main(*sys.argv[1:])
