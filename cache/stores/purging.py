"""A purge of the shared cache: marked in one step, heard of by every process, and then its space freed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import orjson

from cache.answers import Purge, Purged
from cache.stores.lane import Lane
from cache.stores.link import CONNECT_S, FAILURES, LEASE_S, MARGIN_S, Link, Listener
from cache.stores.scripts import DROP, GONE, PURGE
from cache.stores.wire import pack_purge, pairs, who

REPLICAS_MS = 200
"""How long a purge waits for the replicas."""
PAGE = 500
_POLL_S = (0.001, 0.002, 0.005, 0.01, 0.02)


async def carry_out(what: Purge, link: Link, lane: Lane, listener: Listener) -> Purged:
    """On a lane of its own, for it waits on the connection. Raises nothing for what happens to the server."""
    dropped = 0
    try:
        found = await _mark(what, link, lane)
        began_s, inc = link.monotonic(), link.inc
        n, dropped = int(found[1]), found[2]
        link.floors.purge(what, n)
        listener.purged(what, n)
        copied = await _copied(lane)
        if not what.entry_id:
            dropped += await _free(what, n, link, lane)
        await _all_heard(n, began_s, link, lane)
        return await _verdict(dropped, n, inc, copied, link, lane)
    except FAILURES as error:
        link.errors += 1
        return Purged(dropped, False, str(error))


async def _mark(what: Purge, link: Link, lane: Lane) -> list[int]:
    narrow = what.stored_before_us or what.epoch_below
    words = (
        who(what.tenant, what.route),
        0 if narrow else 1,
        str(what.stored_before_us),
        what.epoch_below,
        what.entry_id,
        pack_purge(what),
    )
    found: list[int] = await link.script(lane, PURGE, *words, within_s=CONNECT_S)
    if found[0] == GONE:  # emptied a moment ago
        await link.resync(lane)
        found = await link.script(lane, PURGE, *words, within_s=CONNECT_S)
    return found


async def _copied(lane: Lane) -> bool:
    """Whether every replica that is connected has the purge: one of them may lead in a moment."""
    info = await lane.call("INFO", "replication", within_s=CONNECT_S)
    lines = dict(line.split(":", 1) for line in info.decode().splitlines() if ":" in line)
    replicas = int(lines.get("connected_slaves", 0))
    return not replicas or replicas <= await lane.call("WAIT", replicas, REPLICAS_MS, within_s=CONNECT_S)


async def _free(what: Purge, n: int, link: Link, lane: Lane) -> int:
    """Deletes what the mark forbids, page by page."""
    dropped = 0
    cursor: Any = b"0"
    while True:
        cursor, flat = await lane.call(
            "HSCAN", f"{link.prefix}about", cursor, "COUNT", PAGE, within_s=CONNECT_S
        )
        ids = list(_matching(what, flat))
        if ids:
            dropped += await link.script(lane, DROP, str(n), *ids, within_s=CONNECT_S)
        if cursor == b"0":
            return dropped


def _matching(what: Purge, flat: list[bytes]) -> Iterator[bytes]:
    for entry_id, said in pairs(flat):
        about = orjson.loads(said)
        if (
            (not what.tenant or about["tenant"] == what.tenant)
            and (not what.route or about["route"] == what.route)
            and (not what.stored_before_us or int(about["stored_us"]) < what.stored_before_us)
            and (not what.epoch_below or about["epoch"] < what.epoch_below)
        ):
            yield entry_id


async def _all_heard(n: int, began_s: float, link: Link, lane: Lane) -> None:
    """Until every process has said that it heard, or every lease has run out that was given before. Only who
    has followed this state for so long knows all the processes there may be."""
    patience_s = LEASE_S + MARGIN_S
    knows_all = began_s - link.since_s > patience_s
    polls = 0
    link.hurry()
    while (left_s := began_s + patience_s - link.monotonic()) > 0:
        if knows_all:
            procs = pairs(await lane.call("HGETALL", f"{link.prefix}procs", within_s=CONNECT_S))
            if all(int(said.split()[0]) >= n for _, said in procs):
                return
        await asyncio.sleep(min(left_s, _POLL_S[min(polls, len(_POLL_S) - 1)]))
        polls += 1


async def _verdict(dropped: int, n: int, inc: str, copied: bool, link: Link, lane: Lane) -> Purged:
    found = await lane.call("HMGET", f"{link.prefix}state", "inc", "purged", within_s=CONNECT_S)
    if found[0] is not None and found[0].decode() == inc and int(found[1] or 0) < n:
        return Purged(dropped, False, "the server lost the purge; ask again")
    if not copied:
        return Purged(dropped, False, "a replica has not heard of the purge; ask again")
    return Purged(dropped, True)
