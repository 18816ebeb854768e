"""Everything a request may need, built once in `app.py` and passed down."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cache.answers import AnswerCache
from cache.base import Entry
from cache.singleflight import SingleFlight
from gateway.afterwards import Afterwards
from gateway.backends.fleet import Fleet
from gateway.caching.meaning import Meaning
from gateway.clock import Clock
from gateway.conversations import Conversations
from gateway.counting import TokenCounter
from gateway.gpu_time import GpuMeters
from gateway.metrics import Metrics
from gateway.quality.desk import QualityDesk
from gateway.requestlog import RequestLog
from gateway.snapshot import Snapshot
from gateway.tenants import Caller
from gateway.transport.base import Transport
from gateway.usage_desk import UsageDesk
from gateway.weighing import Weigher
from metering.budgets import BudgetDesk
from metering.journal.meter import JournalMeter
from router.decision import Router
from router.output_length import OutputLengths

if TYPE_CHECKING:
    from gateway.caching.audits import Audits  # they ask models on the road, which is built on this
    from gateway.quality.shadow import Shadow

Identify = Callable[[bytes | None, bytes | None], Caller]
"""(authorization, x-api-key) -> who asks. Raises Unauthorized, or Unavailable while keys cannot be read."""


class Live:
    """The snapshot in force. Swapped whole; a request reads it once."""

    def __init__(self, snapshot: Snapshot, since_s: int) -> None:
        self.snapshot = snapshot
        self.since_s = since_s
        """Unix seconds when this gateway began to serve."""


class Lifecycle:
    """Whether new work is welcome."""

    def __init__(self) -> None:
        self.draining = False
        self.in_flight = 0


class Background:
    """Work that outlives its request (counting tokens of an abandoned answer) but not the gateway."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def finish(self) -> None:
        """Waits until none is left."""
        while self._tasks:
            await asyncio.wait(self._tasks)


@dataclass(frozen=True, slots=True)
class Services:
    clock: Clock
    live: Live
    lifecycle: Lifecycle
    identify: Identify
    cache: AnswerCache
    cache_secret: bytes
    """Keys the cache's hashes; made at start, so that entries mean nothing outside this process, or shared by
    those that share the cache."""
    meaning: Meaning
    audits: Audits
    flights: SingleFlight[Entry]
    """Identical requests under way."""
    router: Router
    weigher: Weigher
    conversations: Conversations
    fleet: Fleet
    transport: Transport
    counter: TokenCounter
    meter: JournalMeter
    budgets: BudgetDesk
    gpus: GpuMeters
    lengths: OutputLengths
    """Of answers, as far as they are expected."""
    metrics: Metrics
    usage: UsageDesk
    quality: QualityDesk
    shadow: Shadow
    log: RequestLog
    background: Background
    afterwards: Afterwards
    not_ready: Callable[[], list[str]]
    """Why no new request should come here now; empty when they may."""
    may_scrape: Callable[[str, bytes | None], bool]
    """(the client's address, authorization) -> may this client read /metrics."""
