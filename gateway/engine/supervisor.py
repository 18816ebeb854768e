"""Keeps one local engine running: started, watched, started again when it ends, ended with the gateway.

starting ──> ready ──> restarting ──> ready ...
    └──────────┴───────────┴──> failed      it cannot be started as it is configured
                             └> stopped     the gateway ended it
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from gateway.clock import Clock
from gateway.config import LaunchSettings
from gateway.engine.child import EXIT_UNUSABLE
from gateway.engine.process import ChildEnded

STABLE_AFTER_S = 60.0
"""An engine that ran this long starts its back-off anew when it ends."""
BACKOFF_BASE_S = 0.5
BACKOFF_CAP_S = 30.0
STOP_GRACE_S = 3.0
"""Between asking a child to end and ending it."""


class Child(Protocol):
    """See `process.ChildProcess`."""

    @property
    def pid(self) -> int: ...
    @property
    def last_lines(self) -> tuple[str, ...]: ...
    async def address(self) -> str: ...
    async def wait(self) -> int: ...
    def terminate(self) -> None: ...
    def kill(self) -> None: ...


Spawn = Callable[[Sequence[str]], Awaitable[Child]]
Sleep = Callable[[float], Awaitable[None]]


class EngineState(StrEnum):
    STARTING = "starting"
    READY = "ready"
    RESTARTING = "restarting"
    FAILED = "failed"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class EngineStatus:
    state: EngineState
    address: str
    """http://host:port while ready, else empty."""
    pid: int | None
    restarts: int
    detail: str
    """Why it is not ready: how it ended and the last thing it said."""
    last_lines: tuple[str, ...]
    """Of its standard error."""

    def describe(self) -> dict[str, Any]:
        return {
            "state": self.state.value,
            "address": self.address or None,
            "pid": self.pid,
            "restarts": self.restarts,
            "detail": self.detail,
            "last_lines": list(self.last_lines),
        }


class EngineSupervisor:
    """Owns the process. `on_change` is called once for every change of state, from the event loop."""

    def __init__(
        self,
        settings: LaunchSettings,
        *,
        alias: str,
        on_change: Callable[[EngineStatus], None],
        clock: Clock,
        spawn: Spawn,
        sleep: Sleep = asyncio.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._arguments = child_arguments(settings, alias)
        self._start_timeout_s = settings.start_timeout
        self._on_change = on_change
        self._clock = clock
        self._spawn = spawn
        self._sleep = sleep
        self._chance = chance
        self._state = EngineState.STARTING
        self._address = ""
        self._detail = ""
        self._child: Child | None = None
        self._last_lines: tuple[str, ...] = ()
        self._restarts = 0
        self._failures = 0
        self._settled = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def state(self) -> EngineState:
        return self._state

    def status(self) -> EngineStatus:
        child = self._child
        return EngineStatus(
            self._state,
            self._address,
            None if child is None else child.pid,
            self._restarts,
            self._detail,
            self._last_lines if child is None else child.last_lines,
        )

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._keep_running())

    async def settled(self) -> None:
        """Until it is ready, or has ended for good."""
        await self._settled.wait()

    async def stop(self) -> None:
        """Ends the child: asked first, killed after a grace. Returns when it is gone. Idempotent."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        self._become(EngineState.STOPPED, "")
        self._settled.set()

    # ------------------------------------------------------------------ run

    async def _keep_running(self) -> None:
        while True:
            status, how = await self._run_once()
            if status == EXIT_UNUSABLE:
                self._become(EngineState.FAILED, how)
                self._settled.set()
                return
            self._settled.clear()
            self._become(EngineState.RESTARTING, how)
            await self._sleep(self._backoff_s())
            self._restarts += 1

    async def _run_once(self) -> tuple[int | None, str]:
        """One life of the child: (exit status, how it ended); status None if it never ran."""
        try:
            child = self._child = await self._spawn(self._arguments)
        except OSError as error:
            self._failures += 1
            return None, f"the process could not be started: {error}"
        try:
            how = await self._serve(child)
            status = await child.wait()
            return status, how or _how_it_ended(status, child.last_lines)
        finally:
            await self._end(child)

    async def _serve(self, child: Child) -> str:
        """Returns when it has stopped serving, with the reason if that is not its own exit."""
        try:
            async with asyncio.timeout(self._start_timeout_s):
                self._address = await child.address()
        except TimeoutError:
            self._failures += 1
            child.kill()
            return f"it was not ready within {self._start_timeout_s:g} s"
        except ChildEnded:
            self._failures += 1
            child.terminate()
            return ""
        began_s = self._clock.monotonic()
        self._become(EngineState.READY, "")
        self._settled.set()
        await child.wait()
        stable = self._clock.monotonic() - began_s >= STABLE_AFTER_S
        self._failures = 1 if stable else self._failures + 1
        return ""

    async def _end(self, child: Child) -> None:
        """Whatever happens meanwhile, a cancelled shutdown included, no process is left behind."""
        try:
            child.terminate()
            async with asyncio.timeout(STOP_GRACE_S):
                await child.wait()
        except TimeoutError:
            child.kill()
            await child.wait()
        except asyncio.CancelledError:
            child.kill()
            raise
        finally:
            self._last_lines = child.last_lines
            self._child = None
            self._address = ""

    def _backoff_s(self) -> float:
        """Exponential, half of it jittered so that engines that fell together do not start together."""
        longest = min(BACKOFF_CAP_S, BACKOFF_BASE_S * 2.0 ** (min(self._failures, 16) - 1))
        return longest * (1 + self._chance()) / 2

    def _become(self, state: EngineState, detail: str) -> None:
        if state is self._state and detail == self._detail:
            return
        self._state, self._detail = state, detail
        self._on_change(self.status())


def child_arguments(settings: LaunchSettings, alias: str) -> list[str]:
    arguments = [
        f"--weights={settings.weights}",
        f"--alias={alias}",
        f"--context-tokens={settings.context_tokens}",
        f"--slots={settings.slots}",
        f"--answer-tokens={settings.answer_tokens}",
        f"--threads={settings.threads}",
        f"--gpu-layers={settings.gpu_layers}",
    ]
    return [*arguments, "--embeddings"] if settings.embeddings else arguments


def _how_it_ended(status: int, last_lines: Sequence[str]) -> str:
    how = f"it was ended by signal {-status}" if status < 0 else f"it ended with status {status}"
    return f"{how}: {last_lines[-1]}" if last_lines else how
