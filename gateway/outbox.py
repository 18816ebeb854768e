"""Small messages of one turn of the event loop go out together when it ends.

Each write to a socket may wake whoever reads at its other end, which costs more than the write. Written one
after the other, ten messages wake a reader once or twice instead of ten times.
"""

from __future__ import annotations

import asyncio

MAX_BYTES = 256 * 1024
"""More than that does not wait: whoever writes it must come to know that its reader is slow."""


class Outbox:
    """Of one event loop; for its thread. What is written to one transport keeps its order."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: list[tuple[asyncio.WriteTransport, bytes]] = []
        self._bytes = 0

    def write(self, transport: asyncio.WriteTransport, data: bytes) -> None:
        if not self._waiting:
            self._loop.call_soon(self.flush)
        self._waiting.append((transport, data))
        self._bytes += len(data)
        if self._bytes > MAX_BYTES:
            self.flush()

    def flush(self) -> None:
        """Now: before a transport is closed, say."""
        waiting, self._waiting, self._bytes = self._waiting, [], 0
        for transport, data in waiting:
            if not transport.is_closing():
                transport.write(data)
