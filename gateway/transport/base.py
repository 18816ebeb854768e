"""The seam between Weir and the network: what a transport promises, and how it fails.

    TransportError
    ├── ConnectFailed        refused, unresolvable, TLS failed, or not connected within connect_s
    ├── NoAnswer             the connection ended, or the framing broke, before the answer's headers
    ├── FirstByteTimeout     connected and sent, but the answer's headers did not come within first_byte_s
    ├── Cut                  the connection ended, or the framing broke, inside the answer
    ├── IdleTimeout          the answer began, then nothing came for idle_s
    └── TotalTimeout         the exchange took longer than total_s

The transport retries nothing by itself: an attempt that reached an upstream is somebody's cost, and only
the pipeline counts attempts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

Header = tuple[bytes, bytes]
"""Name in lower case, value as sent."""


class TransportError(Exception):
    """An exchange with an upstream failed. The message names the host, never a key."""


class ConnectFailed(TransportError): ...


class NoAnswer(TransportError):
    """`reused`: it happened on a connection that had served before, and not one byte had come. The upstream
    probably closed it while it lay idle and never saw the request: `send(..., fresh=True)` may go better."""

    def __init__(self, message: str, *, reused: bool = False) -> None:
        super().__init__(message)
        self.reused = reused


class FirstByteTimeout(TransportError): ...


class Cut(TransportError): ...


class IdleTimeout(TransportError): ...


class TotalTimeout(TransportError): ...


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds. `connect_s` covers name lookup, TCP and TLS; `first_byte_s` runs from the end of the request
    to the answer's headers (an interim 1xx answer does not count); `idle_s` between bytes of the answer,
    counted only while somebody waits for them (a slow client is not an idle upstream); `total_s` over all
    of it."""

    connect_s: float = 2.0
    first_byte_s: float = 120.0
    idle_s: float = 60.0
    total_s: float = 600.0


@dataclass(frozen=True, slots=True)
class Origin:
    """Where to connect. Connections are pooled per origin."""

    scheme: str
    """http or https"""
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class TransportStats:
    """Counted over all origins. `open` includes `idle`; the totals only grow."""

    open: int
    idle: int
    connects_total: int
    sends_total: int


class Reply(Protocol):
    """An answer whose status line and headers have arrived. Exactly one of `read`, `chunk` is used, and
    every reply ends in a whole body or an `abort()`: an unread reply would hold its connection."""

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Sequence[Header]: ...

    def header(self, name: bytes) -> bytes | None:
        """The first header of that (lower-case) name."""
        ...

    async def read(self, limit_bytes: int) -> bytes:
        """The whole body. Raises Cut, IdleTimeout, TotalTimeout; Cut too when it exceeds limit_bytes."""
        ...

    async def chunk(self) -> bytes:
        """All that has come of the body since the last call, b"" at its proper end: events that arrived
        together are handled together. Reading from the socket pauses while unread pieces pile up. Raises
        Cut, IdleTimeout, TotalTimeout."""
        ...

    def abort(self) -> None:
        """Closes the connection now unless the body is already whole; the upstream sees the reset.
        Idempotent."""
        ...


class Transport(Protocol):
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
        """Sends one request and returns when the answer's headers have arrived. `headers` lack host and
        content-length, which the transport adds. `fresh` asks for a new connection instead of a pooled
        one. Raises ConnectFailed, NoAnswer, FirstByteTimeout, TotalTimeout; when cancelled, it closes the
        connection at once, so that the upstream stops."""
        ...

    def stats(self) -> TransportStats: ...

    async def aclose(self) -> None:
        """Closes every connection, idle or not."""
        ...
