"""What is written in one turn of the loop: the first at once, a head with its body, the rest together."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from gateway.corked import CorkedTransport

HEAD = b"HTTP/1.1 200 OK\r\n\r\n"


class Recorder:
    def __init__(self) -> None:
        self.writes: list[bytes] = []
        self.closed_after: int | None = None

    def write(self, data: bytes) -> None:
        self.writes.append(data)

    def close(self) -> None:
        self.closed_after = len(self.writes)

    def is_closing(self) -> bool:
        return self.closed_after is not None

    def get_extra_info(self, name: str) -> None: ...

    def resume_reading(self) -> None: ...


def corked() -> tuple[CorkedTransport, Recorder]:
    recorder = Recorder()
    return CorkedTransport(cast(Any, recorder), asyncio.get_running_loop()), recorder


async def test_a_head_goes_out_with_its_body_at_once() -> None:
    transport, recorder = corked()
    transport.write(HEAD)
    transport.write(b"body")
    assert recorder.writes == [HEAD + b"body"]


async def test_a_head_alone_goes_out_when_the_turn_ends() -> None:
    transport, recorder = corked()
    transport.write(HEAD)
    assert recorder.writes == []
    await asyncio.sleep(0)
    assert recorder.writes == [HEAD]


async def test_the_first_piece_of_a_turn_is_not_late_and_the_rest_go_together() -> None:
    transport, recorder = corked()
    for piece in (b"a", b"b", b"c"):
        transport.write(piece)
    assert recorder.writes == [b"a"]
    await asyncio.sleep(0)
    assert recorder.writes == [b"a", b"bc"]
    transport.write(b"d")
    assert recorder.writes == [b"a", b"bc", b"d"]


async def test_closing_loses_nothing() -> None:
    transport, recorder = corked()
    transport.write(HEAD)
    transport.close()
    assert recorder.writes == [HEAD]
    assert recorder.closed_after == 1


@given(st.lists(st.tuples(st.binary(max_size=4), st.booleans()), max_size=20))
def test_the_bytes_and_their_order_stay(pieces: list[tuple[bytes, bool]]) -> None:
    async def run() -> bytes:
        transport, recorder = corked()
        for piece, turn_ends in pieces:
            transport.write(piece)
            if turn_ends:
                await asyncio.sleep(0)
        await asyncio.sleep(0)
        return b"".join(recorder.writes)

    assert asyncio.run(run()) == b"".join(piece for piece, _ in pieces)
