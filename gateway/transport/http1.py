"""HTTP/1.1 over asyncio and httptools: one write per request, one await per small answer, no copies."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from time import monotonic

from gateway.transport.base import (
    ConnectFailed,
    Header,
    Origin,
    Reply,
    Timeouts,
    TotalTimeout,
    TransportStats,
)
from gateway.transport.connection import Connection
from gateway.transport.pool import Lane, Pool

_BODILESS = frozenset({b"GET", b"HEAD", b"DELETE", b"OPTIONS"})
"""Methods that need no content-length when there is no content (RFC 9110, 8.6)."""


class Http1Transport:
    """Implements Transport. Bound to the event loop it is first used on.

    `tls` replaces the default context (system trust store, host names checked) for https origins. An idle
    connection lives `idle_s` seconds; at most `max_idle` are kept per origin; how many are open at once is
    for the caller to bound.
    """

    def __init__(
        self, *, tls: ssl.SSLContext | None = None, idle_s: float = 30.0, max_idle: int = 256
    ) -> None:
        self._tls = tls
        self._pool = Pool(idle_s, max_idle)
        self._sends_total = 0

    async def send(
        self,
        origin: Origin,
        method: bytes,
        target: bytes,
        headers: Sequence[Header],
        body: bytes,
        timeouts: Timeouts,
        *,
        fresh: bool = False,
    ) -> Reply:
        started_at = monotonic()
        lane = self._pool.lane(origin)
        head = request_head(method, target, lane.host_line, headers, len(body))
        connection = None if fresh else lane.take()
        if connection is None:
            connection = await self._connect(lane, timeouts)
        self._sends_total += 1
        reply = connection.start(head, body, timeouts, started_at, is_head=method == b"HEAD")
        await reply.head()
        return reply

    def stats(self) -> TransportStats:
        pool = self._pool
        return TransportStats(pool.open, pool.idle, pool.connects_total, self._sends_total)

    async def aclose(self) -> None:
        await self._pool.aclose()

    async def _connect(self, lane: Lane, timeouts: Timeouts) -> Connection:
        try:
            async with asyncio.timeout(min(timeouts.connect_s, timeouts.total_s)):
                connection = await self._open(lane)
        except TimeoutError as error:
            if timeouts.total_s <= timeouts.connect_s:
                raise TotalTimeout(f"{lane.peer}: took longer than {timeouts.total_s:g} s") from error
            raise ConnectFailed(f"{lane.peer}: not connected within {timeouts.connect_s:g} s") from error
        except (OSError, UnicodeError) as error:  # UnicodeError: a host name that DNS cannot carry
            raise ConnectFailed(f"{lane.peer}: {error}") from error
        self._pool.opened(connection)
        if self._pool.closed:
            connection.close()
            raise ConnectFailed(f"{lane.peer}: the transport is closed")
        return connection

    async def _open(self, lane: Lane) -> Connection:
        origin = lane.origin
        secure = origin.scheme == "https"
        _, connection = await asyncio.get_running_loop().create_connection(
            lambda: Connection(lane, lane.peer),
            origin.host,
            origin.port,
            ssl=self._tls_context() if secure else None,
            server_hostname=origin.host if secure else None,
        )
        return connection

    def _tls_context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context()
            self._tls.set_alpn_protocols(["http/1.1"])
        return self._tls


def request_head(
    method: bytes, target: bytes, host_line: bytes, headers: Sequence[Header], body_bytes: int
) -> bytes:
    """The request line and headers. `host_line` is what follows the target, up to and with the host header.
    Raises ValueError if a line break or a space would let one part pose as another."""
    parts = [method, b" ", target, host_line]
    for name, value in headers:
        parts += (name, b": ", value, b"\r\n")
    if body_bytes or method not in _BODILESS:
        parts.append(b"content-length: %d\r\n\r\n" % body_bytes)
        lines = len(headers) + 4
    else:
        parts.append(b"\r\n")
        lines = len(headers) + 3
    head = b"".join(parts)
    if head.count(b"\n") != lines or head.count(b"\r") != lines or b" " in target:
        raise ValueError("a header or the target holds a line break, or the target a space")
    return head
