"""A process that follows the cache and says when it heard of each entry.

python -m benchmarks.cache_lookup.follower URL FILE
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from pathlib import Path

import orjson
import uvloop

from benchmarks.cache_lookup.lookups import SECRET, WHERE
from cache.base import PartitionKey
from cache.stores.shared import SharedCache
from cache.stores.views import Change
from tests.fakes.kept_answers import key


class Listening(SharedCache):
    heard: dict[str, float]

    def changed(self, partition: PartitionKey, change: Change) -> None:
        super().changed(partition, change)
        if change.record is not None:
            self.heard[change.entry_id] = time.monotonic()


async def follow(url: str) -> dict[str, float]:
    end = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, end.set)
    cache = Listening(
        url, secret=SECRET, max_tenant_bytes=10**9, max_view_bytes=10**9, max_hot_bytes=0, within_s=0.2
    )
    cache.heard = {}
    await cache.start()
    await cache.find(WHERE, [key("first", WHERE)], 0)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await end.wait()
    await cache.aclose()
    return cache.heard


if __name__ == "__main__":
    Path(sys.argv[2]).write_bytes(orjson.dumps(uvloop.run(follow(sys.argv[1]))))
