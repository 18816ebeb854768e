"""The answer as its reader sees it: a status, headers, and pieces of a body that the connection appends.

A reply outlives its use of the connection: when the message is whole the connection goes back to the pool,
and what has not been read yet stays here.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from gateway.transport.base import Cut, Header, TransportError


class Source(Protocol):
    """What a reply asks of its connection."""

    peer: str

    def expect(self) -> None:
        """Somebody begins to wait for bytes: the idle timeout runs."""
        ...

    def rest(self) -> None:
        """Nobody waits any longer."""
        ...

    def resume(self) -> None:
        """Reads from the socket again, which it stopped when it set `paused`."""
        ...

    def abandon(self) -> None:
        """Nobody wants the rest: close now."""
        ...


class Http1Reply:
    """Implements Reply. The connection writes the public attributes and calls `wake`, `finish`, `fail`; the
    reader calls the rest."""

    __slots__ = (
        "_failure",
        "_loop",
        "_peer",
        "_source",
        "_waiter",
        "buffered_bytes",
        "headers",
        "paused",
        "pieces",
        "status",
        "unbounded",
        "whole",
    )

    def __init__(self, source: Source, loop: asyncio.AbstractEventLoop) -> None:
        self.status = 0
        """0 until the headers have arrived."""
        self.headers: list[Header] = []
        self.whole = False
        self.buffered_bytes = 0
        self.paused = False
        """Whether the connection has stopped reading because of what piles up here."""
        self.unbounded = False
        """Whether unread pieces may pile up: `read` bounds them itself."""
        self.pieces: list[bytes] = []
        self._loop = loop
        self._peer = source.peer
        self._source: Source | None = source
        self._failure: TransportError | None = None
        self._waiter: asyncio.Future[None] | None = None

    # ------------------------------------------------------------------ for the reader

    def header(self, name: bytes) -> bytes | None:
        for key, value in self.headers:
            if key == name:
                return value
        return None

    async def read(self, limit_bytes: int) -> bytes:
        self.unbounded = True
        if self.paused and self._source is not None:
            self._source.resume()
        while not self.whole:
            if self._failure is not None:
                raise self._failure
            if self.buffered_bytes > limit_bytes:
                break
            try:
                await self._bytes()
            except asyncio.CancelledError:
                self._rest()
                raise
        if self.buffered_bytes > limit_bytes:
            self.abort()
            raise Cut(f"{self._peer}: the answer is longer than {limit_bytes} bytes")
        pieces = self.pieces
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def chunk(self) -> bytes:
        pieces = self.pieces
        while not pieces:
            if self.whole:
                return b""
            if self._failure is not None:
                raise self._failure
            try:
                await self._bytes()
            except asyncio.CancelledError:
                self._rest()
                raise
        come = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        self.buffered_bytes = 0
        if self.paused and self._source is not None:
            self._source.resume()
        return come

    def abort(self) -> None:
        if self._source is not None:
            self._source.abandon()

    async def head(self) -> None:
        """Returns when the headers have arrived, raises what kept them from it. Cancelled, it aborts."""
        waiter = self._waiter = self._loop.create_future()
        try:
            await waiter
        except asyncio.CancelledError:
            self.abort()
            raise
        if not self.status and self._failure is not None:
            raise self._failure

    def _bytes(self) -> asyncio.Future[None]:
        """Done when something has happened to the body; until then the idle timeout runs."""
        source = self._source
        assert source is not None, "neither whole nor failed, so the connection is still ours"
        source.expect()
        waiter = self._waiter = self._loop.create_future()
        return waiter

    def _rest(self) -> None:
        if self._source is not None:
            self._source.rest()

    # ------------------------------------------------------------------ for the connection

    def wake(self) -> bool:
        """Whether somebody was waiting."""
        waiter = self._waiter
        if waiter is None:
            return False
        self._waiter = None
        if not waiter.done():
            waiter.set_result(None)
        return True

    def finish(self) -> None:
        self.whole = True
        self._source = None
        self.wake()

    def fail(self, failure: TransportError) -> None:
        """Pieces that came before are still handed out by `chunk`."""
        self._failure = failure
        self._source = None
        self.wake()
