"""However the network cuts an answer into segments, head and body are the same."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import cast

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.outbox import Outbox
from gateway.transport.base import Timeouts
from gateway.transport.connection import JOIN_BYTES, Connection

INTERIM = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nX-Empty:\r\n"
HEADERS = [(b"content-type", b"text/event-stream"), (b"x-empty", b"")]
ENDLESS = "until the connection ends"


class Wire:
    """The parts of asyncio.Transport that a connection uses."""

    def __init__(self) -> None:
        self.closed = False

    def set_write_buffer_limits(self, high: int, low: int) -> None:
        assert (high, low) == (JOIN_BYTES, 0)

    def is_closing(self) -> bool:
        return self.closed

    def write(self, data: bytes) -> None: ...

    def abort(self) -> None:
        self.closed = True

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


class Keeper:
    def __init__(self) -> None:
        self.released = 0
        self.outbox = Outbox(asyncio.get_running_loop())

    def release(self, connection: Connection) -> None:
        self.released += 1

    def lost(self, connection: Connection) -> None: ...


def framed(body: bytes, framing: str, cuts: list[int]) -> bytes:
    if framing == ENDLESS:
        return HEAD + b"\r\n" + body
    if framing == "content-length":
        return HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body
    chunks = b"".join(b"%x;ext=1\r\n%b\r\n" % (len(piece), piece) for piece in pieces(body, cuts) if piece)
    return HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\nX-Trailer: t\r\n\r\n"


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


async def fed(segments: list[bytes], *, then_eof: bool) -> tuple[int, list[tuple[bytes, bytes]], bytes, int]:
    keeper, wire = Keeper(), Wire()
    connection = Connection(keeper, "test")
    connection.connection_made(cast(asyncio.Transport, wire))
    reply = connection.start(b"", b"", Timeouts(), 0.0, is_head=False)
    for segment in filter(None, segments):
        connection.data_received(segment)
    if then_eof:
        connection.eof_received()
    connection.connection_lost(None)
    body = await reply.read(1 << 20)
    assert reply.whole
    return reply.status, reply.headers[:2], body, keeper.released


@settings(max_examples=300, deadline=None)
@given(
    body=st.binary(max_size=300),
    framing=st.sampled_from(["content-length", "chunked", ENDLESS]),
    interim=st.booleans(),
    chunk_cuts=st.lists(st.integers(0, 1000), max_size=6),
    segment_cuts=st.lists(st.integers(0, 1000), max_size=12),
)
def test_any_segmentation_gives_the_same_answer(
    body: bytes, framing: str, interim: bool, chunk_cuts: list[int], segment_cuts: list[int]
) -> None:
    answer = INTERIM * interim + framed(body, framing, chunk_cuts)
    endless = framing == ENDLESS
    for segments in (pieces(answer, segment_cuts), [bytes([byte]) for byte in answer]):
        outcome = asyncio.run(fed(segments, then_eof=endless))
        assert outcome == (200, HEADERS, body, 0 if endless else 1)
