"""One HTTP/1.1 connection: bytes in, bytes out, one exchange at a time.

It knows nothing of pools beyond the Keeper it reports to. An exchange ends in exactly one of: `_finish` (the
message is whole; the connection goes back to its keeper if it may serve again) or `_fail` (the reply is told
why; the connection is closed).
"""

from __future__ import annotations

import asyncio
import re
from math import inf
from time import monotonic
from typing import Protocol, cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from gateway.outbox import Outbox
from gateway.transport.base import (
    Cut,
    FirstByteTimeout,
    Header,
    IdleTimeout,
    NoAnswer,
    Timeouts,
    TotalTimeout,
    TransportError,
)
from gateway.transport.deadlines import Deadlines
from gateway.transport.reply import Http1Reply

MAX_HEAD_BYTES = 64 * 1024
"""Of one answer's headers, and of anything else that is not body: interim answers, trailers, extensions."""
HIGH_WATER_BYTES = 256 * 1024
"""Unread body: reading from the socket stops above that, until it has been read."""
KEEP_ALIVE_MARGIN_S = 1.0
"""Taken from the time for which a peer promises to keep an idle connection."""
_TIMEOUT = re.compile(rb"\btimeout=(\d{1,6})")
JOIN_BYTES = 64 * 1024
"""A body up to this size goes out in one write with its head; copying a larger one costs more than that."""


class Keeper(Protocol):
    """Who owns connections while they serve nobody."""

    outbox: Outbox

    def release(self, connection: Connection) -> None:
        """The connection is idle and may serve again."""
        ...

    def lost(self, connection: Connection) -> None: ...


class Connection(asyncio.Protocol):
    __slots__ = (
        "_answered",
        "_complete",
        "_deadlines",
        "_flaw",
        "_headers",
        "_heard",
        "_is_head",
        "_keep_alive",
        "_keeper",
        "_loop",
        "_parser",
        "_reply",
        "_served",
        "_timeouts",
        "_transport",
        "_unframed_bytes",
        "_writing",
        "may_idle_s",
        "peer",
    )

    _transport: asyncio.Transport
    _timeouts: Timeouts
    _headers: list[Header]

    def __init__(self, keeper: Keeper, peer: str) -> None:
        self.peer = peer
        self._keeper = keeper
        self._loop = asyncio.get_running_loop()
        self._deadlines = Deadlines(self._loop, self._expired)
        self._parser = HttpResponseParser(self)
        self._reply: Http1Reply | None = None
        self._served = 0
        self.may_idle_s = inf
        """How long the peer has promised to keep this connection while it lies idle, less a margin."""
        self._writing = False
        self._reset(is_head=False)

    def _reset(self, *, is_head: bool) -> None:
        self._is_head = is_head
        self._heard = False
        """Whether a byte came since the request was sent."""
        self._answered = False
        """Whether the final answer's headers are whole."""
        self._complete = False
        self._keep_alive = False
        self._unframed_bytes = 0
        """Bytes since the last piece of body (or the request), which `MAX_HEAD_BYTES` bounds."""
        self._flaw = ""

    # ------------------------------------------------------------------ for the pool and the transport

    @property
    def closing(self) -> bool:
        return self._transport.is_closing()

    def start(
        self, head: bytes, body: bytes, timeouts: Timeouts, started_at: float, *, is_head: bool
    ) -> Http1Reply:
        """Sends a request whose answer has no body if `is_head`. Raises NoAnswer if the peer has left."""
        if self._transport.is_closing():
            raise NoAnswer(f"{self.peer}: closed the connection before the request", reused=self._served > 0)
        self._reset(is_head=is_head)
        self._timeouts = timeouts
        reply = self._reply = Http1Reply(self, self._loop)
        self._headers = reply.headers
        if len(body) <= JOIN_BYTES:
            self._keeper.outbox.write(self._transport, head + body)
        else:
            self._transport.write(head)
            self._transport.write(body)
        first_byte_at = inf if self._writing else monotonic() + timeouts.first_byte_s
        self._deadlines.begin(started_at + timeouts.total_s, first_byte_at)
        return reply

    def close(self, reason: str = "closed by the gateway") -> None:
        """Now, without a farewell; an exchange under way fails."""
        if self._reply is not None:
            self._fail(self._broken(reason))
        else:
            self._transport.abort()

    # ------------------------------------------------------------------ for the reply

    def expect(self) -> None:
        self._deadlines.wait_until(monotonic() + self._timeouts.idle_s)

    def rest(self) -> None:
        self._deadlines.rest()

    def resume(self) -> None:
        if self._reply is not None:
            self._reply.paused = False
            self._transport.resume_reading()

    def abandon(self) -> None:
        self.close()

    # ------------------------------------------------------------------ asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name
        # For a request larger than that, pause_writing and resume_writing tell when it is out; a smaller one
        # is taken as sent, so that the event loop may write several in one go.
        self._transport.set_write_buffer_limits(high=JOIN_BYTES, low=0)

    def data_received(self, data: bytes) -> None:
        reply = self._reply
        if reply is None:
            self._transport.abort()  # an answer to no question, such as a 408 to an idle connection
            return
        self._heard = True
        self._unframed_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade) as error:
            self._keep_alive = False
            self._flaw = self._flaw or str(error)
        if self._complete:
            self._finish()
        elif self._flaw:
            self._fail(self._broken(f"malformed answer: {self._flaw}"))
        elif self._unframed_bytes > MAX_HEAD_BYTES:
            self._fail(self._broken(f"malformed answer: over {MAX_HEAD_BYTES} bytes of headers"))
        elif self._answered:
            self._pass_on(reply)

    def pause_writing(self) -> None:
        self._writing = True

    def resume_writing(self) -> None:
        self._writing = False
        if self._reply is not None and not self._answered:
            self._deadlines.wait_until(monotonic() + self._timeouts.first_byte_s)

    def eof_received(self) -> None:
        self._ended(None)
        self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended(exc)
        self._deadlines.close()
        del self._parser  # it holds our callbacks: a cycle
        self._keeper.lost(self)

    # ------------------------------------------------------------------ httptools' callbacks

    def on_message_begin(self) -> None:
        if self._complete:
            self._keep_alive = False  # bytes after the answer

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._answered:  # afterwards they are trailers
            self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        reply = self._reply
        assert reply is not None
        if self._unframed_bytes > MAX_HEAD_BYTES and _size(reply.headers) > MAX_HEAD_BYTES:
            self._flaw = f"over {MAX_HEAD_BYTES} bytes of headers"
            raise HttpParserError(self._flaw)
        status = self._parser.get_status_code()
        if status < 200:
            reply.headers.clear()
            return
        reply.status = status
        self._answered = True
        self._unframed_bytes = 0
        if self._is_head:
            self._complete = True
            self._keep_alive = self._parser.should_keep_alive()

    def on_body(self, piece: bytes) -> None:
        self._unframed_bytes = 0
        if self._complete:
            self._keep_alive = False  # a body after the answer to HEAD
        else:
            reply = self._reply
            assert reply is not None
            reply.pieces.append(piece)
            reply.buffered_bytes += len(piece)

    def on_message_complete(self) -> None:
        if self._answered and not self._complete:
            self._complete = True
            self._keep_alive = self._parser.should_keep_alive()

    # ------------------------------------------------------------------ how an exchange goes on and ends

    def _pass_on(self, reply: Http1Reply) -> None:
        if reply.wake():
            self._deadlines.rest()
        if reply.buffered_bytes > HIGH_WATER_BYTES and not reply.unbounded and not reply.paused:
            reply.paused = True
            self._transport.pause_reading()

    def _finish(self) -> None:
        reply, self._reply = self._reply, None
        assert reply is not None
        self._deadlines.clear()
        if reply.paused:
            self._transport.resume_reading()
        self._served += 1
        self.may_idle_s = _may_idle_s(reply.headers)
        if self._is_head:
            self._parser = HttpResponseParser(self)  # the old one waits for a body
        if self._keep_alive and not self._writing and not self._transport.is_closing():
            self._keeper.release(self)
        else:
            self._transport.abort()
        reply.finish()

    def _fail(self, failure: TransportError) -> None:
        reply, self._reply = self._reply, None
        assert reply is not None
        self._deadlines.clear()
        self._transport.abort()
        reply.fail(failure)

    def _ended(self, exc: Exception | None) -> None:
        """The peer has closed. That is the proper end of a body which has no other."""
        reply = self._reply
        if reply is None:
            return
        if exc is None and self._answered and _ends_with_connection(reply.headers):
            self._finish()
        else:
            self._fail(
                self._broken("the connection ended" if exc is None else f"the connection broke: {exc}")
            )

    def _broken(self, reason: str) -> TransportError:
        message = f"{self.peer}: {reason}"
        if self._answered:
            return Cut(message)
        return NoAnswer(message, reused=self._served > 0 and not self._heard)

    def _expired(self, total: bool) -> None:
        if self._reply is None:
            return
        if total:
            self._fail(TotalTimeout(f"{self.peer}: took longer than {self._timeouts.total_s:g} s"))
        elif self._answered:
            self._fail(IdleTimeout(f"{self.peer}: silent for {self._timeouts.idle_s:g} s inside its answer"))
        else:
            self._fail(FirstByteTimeout(f"{self.peer}: no answer within {self._timeouts.first_byte_s:g} s"))


def _may_idle_s(headers: list[Header]) -> float:
    """From `keep-alive: timeout=5` (RFC 2068, 19.7.1.1; llama.cpp's server says it). A request sent when the
    peer is about to close would be lost, so the last second is not used."""
    for name, value in headers:
        if name == b"keep-alive":
            match = _TIMEOUT.search(value)
            return max(0.0, int(match[1]) - KEEP_ALIVE_MARGIN_S) if match else inf
    return inf


def _size(headers: list[Header]) -> int:
    return sum(len(name) + len(value) + len(b": \r\n") for name, value in headers)


def _ends_with_connection(headers: list[Header]) -> bool:
    """Whether an answer that may have a body gives it no other end than the connection's (RFC 9112, 6.3).
    The parser has refused everything ambiguous before."""
    length = None
    for name, value in headers:
        if name == b"transfer-encoding":
            return not value.lower().rstrip().endswith(b"chunked")
        if name == b"content-length":
            length = value
    return length is None
