"""Short forms of `send` for tests that care about the answer."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.transport.base import Header, Origin, Reply, Timeouts, Transport

PATIENT = Timeouts(connect_s=2.0, first_byte_s=5.0, idle_s=5.0, total_s=10.0)


async def ask(
    transport: Transport,
    origin: Origin,
    *,
    method: bytes = b"POST",
    target: bytes = b"/v1/x",
    headers: Sequence[Header] = (),
    body: bytes = b"{}",
    timeouts: Timeouts = PATIENT,
    fresh: bool = False,
) -> Reply:
    return await transport.send(origin, method, target, headers, body, timeouts, fresh=fresh)


async def ask_whole(transport: Transport, origin: Origin, *, method: bytes = b"POST") -> bytes:
    reply = await ask(transport, origin, method=method)
    return await reply.read(1 << 24)


async def chunks(reply: Reply) -> list[bytes]:
    found = []
    while piece := await reply.chunk():
        found.append(piece)
    return found
