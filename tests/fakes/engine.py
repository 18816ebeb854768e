"""A child process that never was: engines for tests that need none."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from gateway.engine.process import ChildEnded

BAD = ChildEnded("instead of its address it said b''")


class FakeChild:
    """Listens at `address` at once, never if None, or raises it; runs until it is ended."""

    def __init__(self, address: str | ChildEnded | None, pid: int, *, stubborn: bool = False) -> None:
        self.pid = pid
        self.last_lines: tuple[str, ...] = ()
        self.signals: list[str] = []
        self._address = address
        self._stubborn = stubborn
        self._ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def address(self) -> str:
        if self._address is None:
            await asyncio.Event().wait()
        if isinstance(self._address, ChildEnded):
            raise self._address
        assert self._address is not None
        return self._address

    async def wait(self) -> int:
        return await asyncio.shield(self._ended)

    def end(self, status: int, *last_lines: str) -> None:
        self.last_lines = last_lines
        if not self._ended.done():
            self._ended.set_result(status)

    def terminate(self) -> None:
        self.signals.append("term")
        if not self._stubborn:
            self.end(-15, *self.last_lines)

    def kill(self) -> None:
        self.signals.append("kill")
        self.end(-9, *self.last_lines)

    @property
    def running(self) -> bool:
        return not self._ended.done()


class FakeSpawn:
    """Gives the prepared children in turn, then healthy ones."""

    def __init__(self) -> None:
        self.children: list[FakeChild] = []
        self.next: list[FakeChild | OSError] = []
        self.arguments: list[Sequence[str]] = []

    async def __call__(self, arguments: Sequence[str]) -> FakeChild:
        self.arguments.append(arguments)
        number = len(self.arguments)
        child = self.next.pop(0) if self.next else FakeChild(f"http://127.0.0.1:{7000 + number}", number)
        if isinstance(child, OSError):
            raise child
        self.children.append(child)
        return child
