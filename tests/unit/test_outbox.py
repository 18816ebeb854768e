"""What is written in one turn goes out when it ends, in order, unless it is much or its reader has left."""

from __future__ import annotations

import asyncio
from typing import cast

from gateway.outbox import MAX_BYTES, Outbox


class Wire:
    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.closing = False

    def is_closing(self) -> bool:
        return self.closing

    def write(self, data: bytes) -> None:
        self.written.append(data)


def to(wire: Wire) -> asyncio.WriteTransport:
    return cast(asyncio.WriteTransport, wire)


async def test_one_turn_s_messages_go_out_when_it_ends_in_order() -> None:
    outbox, one, other = Outbox(asyncio.get_running_loop()), Wire(), Wire()
    outbox.write(to(one), b"a")
    outbox.write(to(other), b"b")
    outbox.write(to(one), b"c")
    assert one.written == other.written == []
    await asyncio.sleep(0)
    assert (one.written, other.written) == ([b"a", b"c"], [b"b"])
    outbox.write(to(one), b"d")
    await asyncio.sleep(0)
    assert one.written == [b"a", b"c", b"d"]


async def test_much_does_not_wait() -> None:
    outbox, wire = Outbox(asyncio.get_running_loop()), Wire()
    outbox.write(to(wire), b"x" * MAX_BYTES)
    assert wire.written == []
    outbox.write(to(wire), b"y")
    assert wire.written == [b"x" * MAX_BYTES, b"y"]


async def test_nothing_is_written_to_who_has_left() -> None:
    outbox, wire = Outbox(asyncio.get_running_loop()), Wire()
    outbox.write(to(wire), b"x")
    wire.closing = True
    outbox.flush()
    assert wire.written == []
