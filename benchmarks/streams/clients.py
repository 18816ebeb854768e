"""Streaming clients on raw sockets, all in one process."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Callable

import orjson

from benchmarks.gateway_config import KEY

CONNECT_AT_ONCE = 64
IDLE_S = 30.0
"""A stream that says nothing for this long has failed: its upstream speaks every second."""


class Tally:
    """What happened to all streams so far."""

    def __init__(self) -> None:
        self.open = 0
        self.most_open = 0
        self.finished = 0
        self.events = 0
        self.errors: Counter[str] = Counter()

    def opened(self) -> None:
        self.open += 1
        self.most_open = max(self.most_open, self.open)


class StreamClient:
    """Opens streams of as many events as are asked for; `model_of` names the model that sends so many."""

    def __init__(
        self, port: int, model_of: Callable[[int], str], tally: Tally, gate: asyncio.Semaphore
    ) -> None:
        self._port = port
        self._model_of = model_of
        self._tally = tally
        self._gate = gate
        self._numbers = itertools.count(1)

    async def stream(self, length: int) -> None:
        """One stream to its end; whatever goes wrong is tallied. No two ask the same, so that none is
        answered from the cache."""
        try:
            await self._stream(next(self._numbers), length)
        except (OSError, asyncio.IncompleteReadError, TimeoutError, ValueError) as error:
            self._tally.errors[f"{type(error).__name__}: {error}"[:100]] += 1

    async def _stream(self, number: int, length: int) -> None:
        async with self._gate:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port, limit=65_536)
        try:
            writer.write(_request(self._model_of(length), number))
            status = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), IDLE_S)
            if b" 200 " not in status.split(b"\r\n", 1)[0]:
                raise ValueError(status.split(b"\r\n", 1)[0].decode())
            self._tally.opened()
            try:
                await self._read(reader, length)
            finally:
                self._tally.open -= 1
        finally:
            writer.close()

    async def _read(self, reader: asyncio.StreamReader, length: int) -> None:
        texts, tail = 0, b""
        while not tail.endswith(b"0\r\n\r\n"):
            data = await asyncio.wait_for(reader.read(65_536), IDLE_S)
            if not data:
                raise ValueError("the stream was cut")
            texts += data.count(b'"content"')
            tail = (tail + data)[-64:]
        self._tally.events += texts
        if b"[DONE]" not in tail or texts != length:
            raise ValueError(f"{texts} events of {length}, ending in {tail[-40:]!r}")
        self._tally.finished += 1


def _request(model: str, number: int) -> bytes:
    content = f"[id:{number}] Tell me a long story."
    fields = {"model": model, "stream": True, "messages": [{"role": "user", "content": content}]}
    body = orjson.dumps(fields)
    head = (
        "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Authorization: Bearer {KEY}\r\nContent-Type: application/json\r\n"
        f"Connection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
