"""Loads a partition's view from the shared cache: in one answer, or page by page where it is large."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import Any

from cache.base import PartitionKey
from cache.index.partition_index import EXACT_ENTRIES, PartitionIndex
from cache.question import Question
from cache.stores.lane import Lane
from cache.stores.link import FAILURES, Link
from cache.stores.scripts import LOAD
from cache.stores.views import View, Views
from cache.stores.wire import Record, pairs, tag, unpack_record

WHOLE = 2_000
"""Entries that come in one answer."""
PAGE = 1_000
LOAD_WITHIN_S = 2.0
MAX_WANTED = 256
AT_A_TIME = 4
FILLED_AT_ONCE = 2_000
"""Vectors that go into a graph in one call, on a thread: some half second."""
_AT_ONCE = 64
"""Records that are read before others get their turn."""


class Loader:
    """A few partitions at a time, so that a large one keeps nobody waiting; of too many that are wanted the
    oldest are forgotten: the next lookup wants them again."""

    def __init__(self, link: Link, views: Views) -> None:
        self._link, self._views = link, views
        self._wanted: OrderedDict[PartitionKey, None] = OrderedDict()
        self._some = asyncio.Event()

    def want(self, partition: PartitionKey) -> None:
        self._wanted[partition] = None
        if len(self._wanted) > MAX_WANTED:
            self._wanted.popitem(last=False)
        self._some.set()

    async def run(self) -> None:
        """Until cancelled."""
        await asyncio.gather(*(self._work() for _ in range(AT_A_TIME)))

    async def _work(self) -> None:
        while True:
            await self._some.wait()
            while self._wanted:
                partition, _ = self._wanted.popitem(last=False)
                await self._load(partition)
            self._some.clear()

    async def _load(self, partition: PartitionKey) -> None:
        lane = self._link.ready()
        if lane is None or not self._views.begin(partition):
            return
        try:
            view, index = await self._read(lane, partition)
        except FAILURES as error:
            self._link.failed(error)
            self._views.give_up(partition)
        except (ValueError, KeyError, TypeError):  # written by another version
            self._views.give_up(partition)
        else:
            self._views.finish(view, index)

    async def _read(self, lane: Lane, partition: PartitionKey) -> tuple[View, PartitionIndex]:
        found = await self._link.script(lane, LOAD, tag(partition), WHOLE, within_s=LOAD_WITHIN_S)
        n, number, flat = int(found[0]), found[1], found[2]
        rows = dict(pairs(flat))
        if number > WHOLE:
            rows = await self._pages(lane, f"{self._link.prefix}p:{tag(partition)}")
        view, questions = View(n), list[tuple[str, Question]]()
        for position, (entry_id, packed) in enumerate(rows.items()):
            record: Record = unpack_record(partition, packed)
            view.add(entry_id.decode(), record.keys)
            if record.question is not None:
                questions.append((entry_id.decode(), record.question))
            if position % _AT_ONCE == _AT_ONCE - 1:
                await asyncio.sleep(0)
        index = PartitionIndex(partition)
        large = len(questions) > EXACT_ENTRIES
        step = FILLED_AT_ONCE if large else _AT_ONCE
        for start in range(0, len(questions), step):
            some = questions[start : start + step]
            if large:
                await asyncio.to_thread(index.fill, some)
            else:
                index.fill(some)
                await asyncio.sleep(0)
        return view, index

    async def _pages(self, lane: Lane, key: str) -> dict[bytes, bytes]:
        """What is there all the time is in it; what comes and goes meanwhile, the log tells."""
        rows: dict[bytes, bytes] = {}
        cursor: Any = b"0"
        while True:
            cursor, flat = await lane.call("HSCAN", key, cursor, "COUNT", PAGE, within_s=LOAD_WITHIN_S)
            rows.update(pairs(flat))
            if cursor == b"0":
                return rows
