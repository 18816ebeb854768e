"""Fewer, larger writes, and none of them late.

uvicorn writes the two one after the other. On a loaded machine each write is a system call and, on the other
side, a wake-up: together they cost as much as routing the request.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_HEAD = b"HTTP/1.1 "


class CorkedTransport:
    """Stands before a transport. In one turn of the event loop the first write goes out at once (a head: with
    the body behind it), and the rest together when the turn ends."""

    __slots__ = (
        "_loop",
        "_pieces",
        "_sent",
        "_transport",
        "_turn",
        "get_extra_info",
        "is_closing",
        "resume_reading",
    )

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._pieces: list[bytes] = []
        self._turn = False
        """A turn is under way in which something was written."""
        self._sent = False
        """Something has gone out in it."""
        self.is_closing = transport.is_closing
        self.get_extra_info = transport.get_extra_info
        self.resume_reading = transport.resume_reading

    def write(self, data: bytes) -> None:
        self._pieces.append(data)
        if not self._turn:
            self._turn = True
            self._loop.call_soon(self._end_turn)
            if data.startswith(_HEAD):
                return
        if not self._sent:
            self._sent = True
            self._flush()

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def _end_turn(self) -> None:
        self._turn = self._sent = False
        self._flush()

    def _flush(self) -> None:
        pieces = self._pieces
        if pieces:
            self._transport.write(b"".join(pieces) if len(pieces) > 1 else pieces[0])
            pieces.clear()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class CorkedProtocol(HttpToolsProtocol):
    """uvicorn's protocol over a corked transport."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(CorkedTransport(transport, self.loop))  # type: ignore[arg-type]
