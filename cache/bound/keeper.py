"""Tells the shared store what this process has audited, and hears of the others, every few seconds."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Protocol

from cache.bound.audit import BoundKey
from cache.bound.book import AuditBook, AuditsAway, AuditStore
from cache.bound.state import PartitionState

logger = logging.getLogger(__name__)

EVERY_S = 2.0
SETTLING = 3
"""Exchanges after the store has lost everything in which it is told, and not believed yet: until the other
processes have noticed and told theirs, it would lack their wrong hits."""


class SharedAudits(AuditStore, Protocol):
    def forgot(self) -> bool:
        """Whether, since this was last asked, the store lost what this process had told."""
        ...

    async def aclose(self) -> None: ...


class AuditKeeper:
    """While the store is away, the process decides on what it knows, and tells the rest when it is back."""

    def __init__(
        self,
        book: AuditBook,
        store: SharedAudits,
        *,
        every_s: float = EVERY_S,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Closes the store at its own end."""
        self._book, self._store = book, store
        self._every_s, self._sleep = every_s, sleep
        self._settling = 0
        self._task: asyncio.Task[None] | None = None
        self.away = ""
        """Why, while the store is."""

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def aclose(self) -> None:
        """Tells what is still to be told, if the store is there to hear it."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None
            await self.tick()
        await self._store.aclose()

    async def tick(self) -> None:
        """One exchange, also of nothing: it says that this process is there."""
        due = self._book.due()
        try:
            heard = await self._store.exchange(self._book.process, due)
        except AuditsAway as error:
            self._book.again(due)
            self._say(str(error) or "no answer")
        except asyncio.CancelledError:
            self._book.again(due)
            raise
        else:
            self._take(heard)
            self._say("")

    def _take(self, heard: Mapping[BoundKey, PartitionState]) -> None:
        if self._store.forgot():
            self._settling = SETTLING
        if self._settling:
            self._settling -= 1
            self._book.again_all()
        else:
            self._book.learn(heard)

    async def _run(self) -> None:
        while True:
            await self.tick()
            await self._sleep(self._every_s)

    def _say(self, away: str) -> None:
        before, self.away = self.away, away
        if away and not before:
            logger.warning("cache audits: the store is away, each process goes on by itself: %s", away)
        elif before and not away:
            logger.info("cache audits: shared again")
