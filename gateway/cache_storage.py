"""What kept answers occupy, from the cache into the ledger: now and then, and once each.

The cache gives a use again, unchanged, until it is told that it was booked; the ledger takes each id once. So
a crash between the two, or several gateways of one shared cache, book nothing twice and lose nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from typing import Protocol

from cache.answers import StorageUse
from gateway.config import GatewaySettings
from gateway.keystore import KeyStoreError
from metering.house import CURATED_TENANT
from metering.ledger import LedgerError
from metering.storage_price import StorageCharge

BOOK_EVERY_S = 900.0
"""A row belongs to the moment of its taking: at the end of a month, at most so much falls into the next."""

OnState = Callable[[bool, str], None]
"""(whether storage can be booked, what is wrong): once per change."""


class Storage(Protocol):
    """The part of an AnswerCache that is asked for."""

    async def take_storage(self) -> list[StorageUse]: ...

    async def booked(self, ids: Sequence[str]) -> None: ...


class StorageBooks(Protocol):
    """The part of a ledger that is written to."""

    def write_storage(self, charges: Sequence[StorageCharge]) -> int: ...


class StorageKeeper:
    """Started and stopped once, from the event loop. Its writing blocks a thread, never the loop."""

    def __init__(
        self,
        cache: Storage,
        books: StorageBooks,
        settings: Callable[[], GatewaySettings],
        cost_centers: Callable[[], Mapping[str, str]],
        on_state: OnState,
        every_s: float = BOOK_EVERY_S,
    ) -> None:
        """`cost_centers`: by tenant, of those that have one. It is called in a thread and may block, and may
        raise KeyStoreError."""
        self._cache = cache
        self._books = books
        self._settings = settings
        self._cost_centers = cost_centers
        self._on_state = on_state
        self._every_s = every_s
        self._ok = True
        self._booking = asyncio.Lock()
        self._running: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._running = asyncio.get_running_loop().create_task(self._now_and_then())

    async def stop(self) -> None:
        """Before the cache and the ledger are closed: what is due until now is booked."""
        if self._running is None:
            return
        self._running.cancel()
        with suppress(asyncio.CancelledError):
            await self._running
        await self._book_or_tell()

    async def book(self) -> int:
        """What is due, now. Returns how many rows were new; 0 where the ledger is away, and then all of it is
        given again."""
        async with self._booking:
            uses = await self._cache.take_storage()
            if not uses:
                return 0
            try:
                new = await asyncio.to_thread(self._write, uses)
            except (LedgerError, KeyStoreError) as error:
                self._tell(False, str(error))
                return 0
            await self._cache.booked([use.id for use in uses])
            self._tell(True, "")
            return new

    def _write(self, uses: Sequence[StorageUse]) -> int:
        """At the price and the terms of now."""
        settings, cost_centers = self._settings(), self._cost_centers()
        usd, charges = settings.cache.usd_per_gb_month, []
        for use in uses:
            on_house = use.tenant == CURATED_TENANT
            tenant = "" if on_house else use.tenant
            factor = Decimal(1) if on_house else settings.terms.factor(tenant)
            center = cost_centers.get(tenant, "")
            charges.append(StorageCharge(use.id, use.until_us, tenant, center, use.byte_seconds, usd, factor))
        return self._books.write_storage(charges)

    async def _now_and_then(self) -> None:
        while True:
            await asyncio.sleep(self._every_s)
            await self._book_or_tell()

    async def _book_or_tell(self) -> None:
        try:
            await self.book()
        except Exception as defect:  # noqa: BLE001 - the task must say so and go on, or nobody would know
            self._tell(False, f"defect: {defect!r}")

    def _tell(self, ok: bool, detail: str) -> None:
        if ok is not self._ok:
            self._ok = ok
            self._on_state(ok, detail)
