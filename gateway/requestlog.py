"""One structured line per request, and the gateway's own news. No prompt text unless the file asks for it.

Lines are gathered on the event loop and written by a helper thread every 50 ms, so that a slow reader of the
log never slows a request. A reader that stalls for long costs lines, never memory: how many is said.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Literal

import orjson

FLUSH_EVERY_S = 0.05
MAX_WAITING_LINES = 20_000


class RequestLog:
    """Writes to a file descriptor. Used from the event-loop thread only."""

    def __init__(self, fd: int, form: Literal["json", "text"] = "json") -> None:
        self._fd = fd
        self._form = form
        self._waiting: list[Mapping[str, Any]] = []
        self._dropped = 0
        self._writing: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def line(self, fields: Mapping[str, Any]) -> None:
        """`fields` begins with `at_us` (UTC microseconds) and `event`; it must not change afterwards."""
        if len(self._waiting) >= MAX_WAITING_LINES:
            self._dropped += 1
            return
        self._waiting.append(fields)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(FLUSH_EVERY_S, self._flush)

    async def aclose(self) -> None:
        """Writes what is waiting."""
        if self._timer is not None:
            self._timer.cancel()
        if self._writing is not None:
            await self._writing
        self._write(self._take())

    def _flush(self) -> None:
        loop = asyncio.get_running_loop()
        if self._writing is not None and not self._writing.done():
            self._timer = loop.call_later(FLUSH_EVERY_S, self._flush)
            return
        self._timer = None
        self._writing = loop.run_in_executor(None, self._write, self._take())

    def _take(self) -> list[Mapping[str, Any]]:
        taken, self._waiting = self._waiting, []
        if self._dropped:
            taken.append({"at_us": taken[-1]["at_us"], "event": "log_lines_dropped", "lines": self._dropped})
            self._dropped = 0
        return taken

    def _write(self, lines: list[Mapping[str, Any]]) -> None:
        render = _json if self._form == "json" else _text
        rest = memoryview(b"".join([render(line) for line in lines]))
        while rest:
            rest = rest[os.write(self._fd, rest) :]


def _json(line: Mapping[str, Any]) -> bytes:
    rest = orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)
    return b'{"time":"%b",%b' % (_time(line["at_us"]).encode(), rest[1:])


def _text(line: Mapping[str, Any]) -> bytes:
    rest = " ".join(f"{name}={value}" for name, value in line.items() if name not in ("at_us", "event"))
    return f"{_time(line['at_us'])} {line['event']} {rest}\n".encode()


def _time(at_us: int) -> str:
    second, rest_us = divmod(at_us, 1_000_000)
    return f"{_second(second)}.{rest_us // 1000:03d}+00:00"


@lru_cache(maxsize=256)
def _second(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
