"""Active health checks: is anybody there who would answer?

A check tells an engine that is up from one that is loading or gone before a client finds out. It does not
judge keys or models: what a vendor answers below 500 comes from a living vendor.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from gateway.backends.target import Target
from gateway.transport.base import NoAnswer, Timeouts, Transport, TransportError

MAX_BODY_BYTES = 4_000_000
Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Check:
    ok: bool
    detail: str
    """What was wrong, or empty."""


class Health:
    """Decides, check by check. One success brings back; `failures` in a row take out."""

    def __init__(self, failures: int, healthy: bool = True) -> None:
        self._limit = failures
        self._failed = 0
        self.healthy = healthy

    def saw(self, ok: bool) -> bool:
        """Whether that check changed the state."""
        before = self.healthy
        if ok:
            self._failed, self.healthy = 0, True
        else:
            self._failed += 1
            if self._failed >= self._limit:
                self.healthy = False
        return self.healthy is not before


async def check(target: Target, transport: Transport, timeout_s: float) -> Check:
    """Asks once. Never raises for what the upstream does."""
    path = target.adapter.health_path
    where = target.base_path + b"/models" if path is None else path.encode()
    limits = Timeouts(timeout_s, timeout_s, timeout_s, timeout_s)
    try:
        try:
            status = await _get(target, transport, where, limits, fresh=False)
        except NoAnswer as gone:
            if not gone.reused:
                raise
            status = await _get(target, transport, where, limits, fresh=True)
    except TransportError as failure:
        return Check(False, f"{type(failure).__name__}: {failure}")
    alive = status < 500 if path is None else status == 200
    return Check(alive, "" if alive else f"GET {where.decode()} answered {status}")


async def _get(target: Target, transport: Transport, path: bytes, limits: Timeouts, *, fresh: bool) -> int:
    reply = await transport.send(target.origin, b"GET", path, target.headers, b"", limits, fresh=fresh)
    try:
        await reply.read(MAX_BODY_BYTES)
    finally:
        reply.abort()
    return reply.status


async def watch(
    target: Target,
    transport: Transport,
    on_change: Callable[[Target], None],
    sleep: Sleep = asyncio.sleep,
) -> None:
    """Checks until cancelled, and moves `target.healthy`. An engine that is still starting is its
    supervisor's affair."""
    settings = target.settings.health
    health = Health(settings.failures, target.healthy)
    while True:
        if target.starting:
            health = Health(settings.failures)
        else:
            seen = await check(target, transport, settings.timeout)
            if not target.starting and health.saw(seen.ok):
                target.healthy, target.detail = health.healthy, seen.detail
                on_change(target)
        await sleep(settings.every)
