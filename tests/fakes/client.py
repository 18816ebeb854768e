"""A raw HTTP client: what really came over the wire, cut streams included, and no retries of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httptools
import orjson


@dataclass(slots=True)
class Answer:
    status: int = 0
    """0: the connection ended before any answer."""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    whole: bool = False
    """The framing said that the answer is complete."""

    def json(self) -> Any:
        return orjson.loads(self.body)

    def events(self) -> list[bytes]:
        """The data of the server-sent events, `[DONE]` included."""
        blocks = self.body.replace(b"\r\n", b"\n").split(b"\n\n")
        return [block.removeprefix(b"data: ") for block in blocks if block.startswith(b"data: ")]


class _Reader:
    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._body = bytearray()
        self.parser = httptools.HttpResponseParser(self)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._answer.headers[name.decode().lower()] = value.decode()

    def on_headers_complete(self) -> None:
        self._answer.status = self.parser.get_status_code()

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        self._answer.whole = True

    def feed(self, data: bytes) -> None:
        self.parser.feed_data(data)
        self._answer.body = bytes(self._body)


async def post(
    url: str,
    payload: Mapping[str, Any] | bytes,
    *,
    key: str | None = None,
    headers: Mapping[str, str] | None = None,
    method: str = "POST",
) -> Answer:
    """Sends one request on a connection of its own; when cancelled, closes it."""
    parts = urlsplit(url)
    assert parts.hostname
    target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    body = payload if isinstance(payload, bytes) else orjson.dumps(dict(payload))
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        writer.write(_head(method, parts.netloc, target, body, key, headers or {}) + body)
        await writer.drain()
        return await _read(reader)
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()  # or its socket outlives the test


def _head(method: str, host: str, path: str, body: bytes, key: str | None, extra: Mapping[str, str]) -> bytes:
    headers = {"host": host, "content-type": "application/json", "content-length": str(len(body)), **extra}
    if key is not None:
        headers["authorization"] = f"Bearer {key}"
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


async def _read(reader: asyncio.StreamReader) -> Answer:
    answer = Answer()
    parsing = _Reader(answer)
    while not answer.whole:
        try:
            data = await reader.read(262_144)
        except ConnectionError:
            break
        if not data:
            break
        parsing.feed(data)
    return answer
