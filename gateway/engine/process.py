"""A child process as the supervisor sees it: its address, its end, its last words."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections import deque
from collections.abc import Sequence
from pathlib import Path

LAST_LINES = 20
LINE_CHARS = 500
_SOURCE = Path(__file__).resolve().parents[2]


class ChildEnded(Exception):
    """It ended, or closed its standard output, before it said where it listens."""


class ChildProcess:
    """One running child. Its standard input stays open as long as this process lives, which is how the child
    knows that it does."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._lines: deque[str] = deque(maxlen=LAST_LINES)
        self._reader = asyncio.get_running_loop().create_task(self._read_stderr())

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def last_lines(self) -> tuple[str, ...]:
        return tuple(self._lines)

    async def address(self) -> str:
        """Waits for the announcement. Raises ChildEnded."""
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        try:
            return str(json.loads(line)["address"])
        except (ValueError, KeyError, TypeError):
            raise ChildEnded(f"instead of its address it said {line[:LINE_CHARS]!r}") from None

    async def wait(self) -> int:
        """Its exit status, negative for a signal, once its last words are read."""
        status = await self._process.wait()
        await self._reader
        return status

    def terminate(self) -> None:
        """Asks it to end, in both ways it listens to."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)

    async def _read_stderr(self) -> None:
        assert self._process.stderr is not None
        rest = b""
        while piece := await self._process.stderr.read(4096):
            *lines, rest = (rest + piece).split(b"\n")
            rest = rest[-LINE_CHARS:]
            self._keep(lines)
        self._keep([rest])

    def _keep(self, lines: Sequence[bytes]) -> None:
        for line in lines:
            if text := line.decode("utf-8", "replace").strip()[:LINE_CHARS]:
                self._lines.append(text)


async def spawn_child(arguments: Sequence[str]) -> ChildProcess:
    """Starts `gateway.engine.child`. In a session of its own, because a Ctrl-C in the terminal is for the
    gateway, which still has requests to finish with it. Raises OSError."""
    paths = [str(_SOURCE), *filter(None, [os.environ.get("PYTHONPATH")])]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "gateway.engine.child",
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
    )
    return ChildProcess(process)
