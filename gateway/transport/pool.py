"""Idle connections, per origin: last used first, dropped when too many or too old."""

from __future__ import annotations

import asyncio
from time import monotonic

from gateway.outbox import Outbox
from gateway.transport.base import Origin
from gateway.transport.connection import Connection
from gateway.transport.url import authority


class Lane:
    """The connections of one origin; their Keeper."""

    __slots__ = ("_idle", "_pool", "host_line", "origin", "outbox", "peer")

    def __init__(self, pool: Pool, origin: Origin) -> None:
        name = authority(origin)
        self.origin = origin
        self.host_line = b" HTTP/1.1\r\nhost: " + name + b"\r\n"
        self.peer = name.decode("ascii")
        self._pool = pool
        self.outbox = pool.outbox()
        self._idle: dict[Connection, float] = {}
        """Since when (monotonic seconds), oldest first: a dict gives both ends and the middle in O(1)."""

    def __len__(self) -> int:
        return len(self._idle)

    def take(self) -> Connection | None:
        """The connection that was used last, if one is still good."""
        idle = self._idle
        while idle:
            connection, since = idle.popitem()
            may_idle_s = min(self._pool.idle_s, connection.may_idle_s)
            if not connection.closing and monotonic() - since < may_idle_s:
                return connection
            connection.close()
        return None

    def drop_older(self, than: float) -> None:
        for connection, since in list(self._idle.items()):
            if since > than:
                break
            del self._idle[connection]
            connection.close()

    def release(self, connection: Connection) -> None:
        if len(self._idle) >= self._pool.max_idle:
            connection.close()
        else:
            self._idle[connection] = monotonic()
            self._pool.sweep_later()

    def lost(self, connection: Connection) -> None:
        self._idle.pop(connection, None)
        self._pool.lost(connection)


class Pool:
    """All connections of a transport. One may lie idle for `idle_s` s, `max_idle` of them per origin."""

    def __init__(self, idle_s: float, max_idle: int) -> None:
        self.idle_s = idle_s
        self.max_idle = max_idle
        self.connects_total = 0
        self.closed = False
        self._lanes: dict[Origin, Lane] = {}
        self._outbox: Outbox | None = None
        self._open: set[Connection] = set()
        self._sweeper: asyncio.TimerHandle | None = None
        self._emptied: asyncio.Future[None] | None = None

    def outbox(self) -> Outbox:
        """One for all lanes, of the loop that first asks."""
        if self._outbox is None:
            self._outbox = Outbox(asyncio.get_running_loop())
        return self._outbox

    @property
    def open(self) -> int:
        return len(self._open)

    @property
    def idle(self) -> int:
        return sum(map(len, self._lanes.values()))

    def lane(self, origin: Origin) -> Lane:
        lane = self._lanes.get(origin)
        if lane is None:
            lane = self._lanes[origin] = Lane(self, origin)
        return lane

    def opened(self, connection: Connection) -> None:
        """Connected, and in somebody's hands: one whose connecting was cancelled half-way is freed without
        a word, and would be waited for at the end."""
        self.connects_total += 1
        if not connection.closing:
            self._open.add(connection)

    def lost(self, connection: Connection) -> None:
        self._open.discard(connection)
        if not self._open and self._emptied is not None and not self._emptied.done():
            self._emptied.set_result(None)

    def sweep_later(self) -> None:
        if self._sweeper is None:
            self._sweeper = asyncio.get_running_loop().call_later(self.idle_s / 2, self._sweep)

    def _sweep(self) -> None:
        self._sweeper = None
        than = monotonic() - self.idle_s
        for lane in self._lanes.values():
            lane.drop_older(than)
        if self.idle:
            self.sweep_later()

    async def aclose(self) -> None:
        """Closes every connection and returns when the last one is gone."""
        self.closed = True
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        for connection in list(self._open):
            connection.close()
        if self._open:
            self._emptied = asyncio.get_running_loop().create_future()
            await self._emptied
