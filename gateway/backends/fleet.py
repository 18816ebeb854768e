"""Every upstream there is: which one gets the next attempt, and who looks after them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from gateway.backends.health import watch
from gateway.backends.target import Target
from gateway.clock import Clock
from gateway.config import BackendSettings
from gateway.engine.process import spawn_child
from gateway.engine.supervisor import EngineState, EngineStatus, EngineSupervisor, Spawn
from gateway.transport.base import Transport

__all__ = ["Fleet", "OnChange", "Target"]

OnChange = Callable[[str, str, str, str], None]
"""(backend, url or label, state, detail): called once per change of state."""
RETIRE_WITHIN_S = 30.0
"""How long a removed engine may finish the requests it is answering."""
_RETIRE_LOOK_EVERY_S = 0.05


def ignore(backend: str, url: str, state: str, detail: str) -> None:
    """Nobody wants to know."""


class Pool:
    """The targets of one backend, and what runs for them."""

    def __init__(self, name: str, settings: BackendSettings, clock: Clock) -> None:
        self.name = name
        self.settings = settings
        self.targets = [Target(name, settings, url, clock) for url in settings.base_urls or (None,)]
        self.engine: EngineSupervisor | None = None
        self.checks: list[asyncio.Task[None]] = []
        self.turn = 0

    def use(self, settings: BackendSettings) -> None:
        """Settings that leave the places where they are."""
        self.settings = settings
        for target in self.targets:
            target.use(settings)

    async def stop_checks(self) -> None:
        for task in self.checks:
            task.cancel()
        await asyncio.gather(*self.checks, return_exceptions=True)
        self.checks = []

    async def stop(self) -> None:
        await self.stop_checks()
        if self.engine is not None:
            await self.engine.stop()


class Fleet:
    """Bound to the event loop that `start` runs on. A backend's targets outlive a reload that leaves it
    alone, and so do its circuits, its counts and its engine."""

    def __init__(
        self,
        backends: Mapping[str, BackendSettings],
        transport: Transport,
        clock: Clock,
        on_change: OnChange = ignore,
        spawn: Spawn = spawn_child,
    ) -> None:
        self._transport = transport
        self._clock = clock
        self._on_change = on_change
        self._spawn = spawn
        self._pools = {name: Pool(name, settings, clock) for name, settings in backends.items()}
        self._retiring: set[asyncio.Task[None]] = set()

    # ------------------------------------------------------------------ choose

    def pick(self, backend: str, exclude: Collection[Target] = ()) -> Target | None:
        """Where the next attempt on this backend goes, or None if nobody there can take it: the least busy
        one that is healthy and whose circuit lets it through, an excluded one only if there is no other.
        The caller owes the target's breaker a word about how it went."""
        pool = self._pools.get(backend)
        if pool is None:
            return None
        if len(pool.targets) == 1:
            target = pool.targets[0]
            return target if target.healthy and not target.starting and target.breaker.allows() else None
        return _least_busy(pool, exclude)

    def in_flight(self, backend: str) -> int:
        """Attempts of this gateway under way there."""
        pool = self._pools.get(backend)
        return 0 if pool is None else sum([target.in_flight for target in pool.targets])

    def targets(self) -> Sequence[Target]:
        return [target for pool in self._pools.values() for target in pool.targets]

    def ready(self, backend: str) -> bool:
        """Whether `pick` would find somebody. Claims no probe."""
        pool = self._pools.get(backend)
        return pool is not None and any(target.up for target in pool.targets)

    def engine(self, backend: str) -> EngineStatus | None:
        """Of a backend that the gateway launched."""
        pool = self._pools.get(backend)
        return pool.engine.status() if pool is not None and pool.engine is not None else None

    def snapshot(self) -> list[dict[str, Any]]:
        """For /admin, health and doctor: every backend, without its key."""
        return [
            {
                "object": "backend",
                "id": pool.name,
                "kind": pool.settings.kind,
                "ready": self.ready(pool.name),
                "models": sorted(pool.settings.models),
                "stand_in_for": pool.settings.stand_in_for,
                "targets": [target.describe() for target in pool.targets],
                "engine": None if pool.engine is None else pool.engine.status().describe(),
            }
            for pool in self._pools.values()
        ]

    # ------------------------------------------------------------------ live

    async def start(self) -> None:
        """Starts engines and health checks; waits for neither."""
        for pool in self._pools.values():
            self._start(pool)

    async def wait_ready(self, timeout_s: float | None = None) -> bool:
        """Until every launched engine is ready or has failed for good; True if all are ready."""
        engines = [pool.engine for pool in self._pools.values() if pool.engine is not None]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await asyncio.gather(*(engine.settled() for engine in engines))
        return all(engine.state is EngineState.READY for engine in engines)

    async def reconcile(self, backends: Mapping[str, BackendSettings]) -> None:
        """Takes new settings. A backend that stays where it is keeps its circuits and its engine; one that
        moved begins anew; one that is gone finishes what it is answering, then ends."""
        before, after = self._pools, dict[str, Pool]()
        for name, settings in backends.items():
            pool = before.get(name)
            stays = pool is not None and _place(pool.settings) == _place(settings)
            after[name] = pool if pool is not None and stays else Pool(name, settings, self._clock)
        self._pools = after
        for name, pool in after.items():
            if before.get(name) is pool:
                await self._change(pool, backends[name])
            else:
                self._start(pool)
        for name, pool in before.items():
            if after.get(name) is not pool:
                self._retire(pool)

    async def stop(self) -> None:
        """Ends every check and every engine; leaves no process."""
        for task in self._retiring:
            task.cancel()
        await asyncio.gather(*self._retiring, return_exceptions=True)
        await asyncio.gather(*(pool.stop() for pool in self._pools.values()))

    def _start(self, pool: Pool) -> None:
        if pool.settings.launch is not None:
            pool.engine = self._engine(pool, pool.targets[0])
            pool.engine.start()
        self._start_checks(pool)

    async def _change(self, pool: Pool, settings: BackendSettings) -> None:
        other_checks = pool.settings.health != settings.health
        pool.use(settings)
        if other_checks:
            await pool.stop_checks()
            self._start_checks(pool)

    def _start_checks(self, pool: Pool) -> None:
        if pool.settings.health.every == 0:
            for target in pool.targets:  # nobody would find out that it is back
                target.healthy = True
            return
        loop = asyncio.get_running_loop()
        pool.checks = [
            loop.create_task(watch(target, self._transport, self._health_changed)) for target in pool.targets
        ]

    def _engine(self, pool: Pool, target: Target) -> EngineSupervisor:
        assert pool.settings.launch is not None

        def changed(status: EngineStatus) -> None:
            if status.state is EngineState.READY:
                target.came_up(status.address)
            else:
                target.went_down()
                target.detail = status.detail
            self._on_change(pool.name, target.label, status.state.value, status.detail)

        return EngineSupervisor(
            pool.settings.launch,
            alias=_first_upstream_name(pool.settings),
            on_change=changed,
            clock=self._clock,
            spawn=self._spawn,
        )

    def _retire(self, pool: Pool) -> None:
        task = asyncio.get_running_loop().create_task(_finish_and_stop(pool))
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)

    def _health_changed(self, target: Target) -> None:
        state = "healthy" if target.healthy else "unhealthy"
        self._on_change(target.backend, target.label, state, target.detail)


def _least_busy(pool: Pool, exclude: Collection[Target]) -> Target | None:
    """Ties go around: each call begins one target further."""
    targets = pool.targets
    pool.turn = (pool.turn + 1) % len(targets)
    in_turn = targets[pool.turn :] + targets[: pool.turn]
    able = [target for target in in_turn if target.healthy and not target.starting]
    able.sort(key=lambda target: (target in exclude, target.in_flight))
    return next((target for target in able if target.breaker.allows()), None)


def _place(settings: BackendSettings) -> tuple[object, ...]:
    """What makes it the same upstreams: their URLs, or how they are launched and what they are called."""
    alias = None if settings.launch is None else _first_upstream_name(settings)
    return settings.kind, settings.base_urls, settings.launch, alias


def _first_upstream_name(settings: BackendSettings) -> str:
    return next(iter(settings.models.values())).upstream


async def _finish_and_stop(pool: Pool) -> None:
    try:
        async with asyncio.timeout(RETIRE_WITHIN_S):
            # Looked at, not waited for: the hot path keeps `in_flight` as a plain number.
            while any(target.in_flight for target in pool.targets):  # noqa: ASYNC110
                await asyncio.sleep(_RETIRE_LOOK_EVERY_S)
    except TimeoutError:
        pass
    finally:
        await pool.stop()
