"""The connection of a client that takes everything at once: what `Client` writes is kept for looking at."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.front.client import Client
from gateway.front.wire import Header


class FakeLink:
    write_paused = False
    common = b"date: Wed, 25 Nov 2026 00:00:00 GMT\r\n"
    peer_host = "127.0.0.1"

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:
        self.written.append(data)

    async def drain(self) -> None: ...

    def want_body(self) -> None: ...

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True


def client_with(body: bytes, headers: Sequence[Header] = (), link: FakeLink | None = None) -> Client:
    """A POST whose body is already there."""
    client = Client(link or FakeLink(), "POST", "/v1/chat/completions", b"", headers)
    client.feed(body)
    client.fed()
    return client
