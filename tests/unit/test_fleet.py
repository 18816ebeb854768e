"""Which upstream gets the next attempt, and what survives a reload."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

from gateway.backends.fleet import Fleet
from gateway.backends.target import Target
from gateway.clock import ManualClock
from gateway.config import BackendSettings
from gateway.transport.http1 import Http1Transport
from tests.fakes.engine import BAD, FakeChild, FakeSpawn

SECRET = "sk-upstream-secret-8fQ2"
NO_CHECKS = {"health": {"every": 0}}


def settings_of(**given: Any) -> BackendSettings:
    models = {"models": {"m": "m-upstream"}}
    return BackendSettings.model_validate({"kind": "vllm", **models, **NO_CHECKS, **given})


def three() -> BackendSettings:
    return settings_of(urls=[f"http://gpu{n}:8000/v1" for n in range(3)], api_key=SECRET)


def fleet_of(
    backends: Mapping[str, BackendSettings],
    clock: ManualClock | None = None,
    spawn: FakeSpawn | None = None,
    told: list[tuple[str, str, str, str]] | None = None,
) -> Fleet:
    def on_change(*change: str) -> None:
        if told is not None:
            told.append((change[0], change[1], change[2], change[3]))

    return Fleet(backends, Http1Transport(), clock or ManualClock(), on_change, spawn or FakeSpawn())


def picked(fleet: Fleet, backend: str = "b") -> Target:
    target = fleet.pick(backend)
    assert target is not None
    return target


# ---------------------------------------------------------------------- choose


def test_a_target_is_ready_made_and_keeps_its_secret() -> None:
    settings = settings_of(
        url="https://api.vendor.test/openai/v1",
        kind="openai",
        api_key=SECRET,
        timeouts={"connect": "250ms", "first_byte": "3s", "idle": "4s", "total": "5s"},
    )
    fleet = fleet_of({"b": settings})
    target = picked(fleet)
    assert (target.origin.scheme, target.origin.host, target.origin.port) == ("https", "api.vendor.test", 443)
    assert target.base_path == b"/openai/v1"
    assert dict(target.headers)[b"authorization"] == f"Bearer {SECRET}".encode()
    assert dict(target.headers)[b"content-type"] == b"application/json"
    limits = target.timeouts
    assert (limits.connect_s, limits.first_byte_s, limits.idle_s, limits.total_s) == (0.25, 3.0, 4.0, 5.0)
    assert SECRET not in repr(target)
    assert SECRET not in repr(settings)
    assert SECRET not in json.dumps(fleet.snapshot())


def test_ties_go_around() -> None:
    fleet = fleet_of({"b": three()})
    assert set(Counter(picked(fleet).label for _ in range(30)).values()) == {10}


def test_the_least_busy_is_chosen() -> None:
    fleet = fleet_of({"b": three()})
    one, two, idle = fleet.targets()
    one.in_flight, two.in_flight = 2, 1
    assert {picked(fleet) for _ in range(6)} == {idle}


def test_an_excluded_one_is_the_last_resort() -> None:
    fleet = fleet_of({"b": three()})
    one, two, busy = fleet.targets()
    busy.in_flight = 9
    assert {fleet.pick("b", exclude=[one, two]) for _ in range(6)} == {busy}
    assert fleet.pick("b", exclude=[one, two, busy]) in (one, two)


def test_the_unhealthy_the_starting_and_the_open_are_passed_over() -> None:
    fleet = fleet_of({"b": three()})
    sick, starting, open_ = fleet.targets()
    sick.healthy = False
    starting.starting = True
    assert {picked(fleet) for _ in range(6)} == {open_}
    _open(open_)
    assert fleet.pick("b") is None
    assert not fleet.ready("b")
    sick.healthy = True
    assert fleet.pick("b") is sick
    assert fleet.ready("b")


@pytest.mark.parametrize("trouble", ["healthy", "starting", "circuit"])
def test_a_lone_target_in_trouble_is_nobody(trouble: str) -> None:
    fleet = fleet_of({"b": settings_of(url="http://gpu:8000/v1")})
    target = picked(fleet)
    if trouble == "healthy":
        target.healthy = False
    elif trouble == "starting":
        target.starting = True
    else:
        _open(target)
    assert fleet.pick("b") is None
    assert not fleet.ready("b")
    assert not target.up


@pytest.mark.parametrize("replicas", [1, 3])
def test_a_half_open_circuit_gets_one_probe(replicas: int) -> None:
    clock = ManualClock()
    urls = [f"http://gpu{n}:8000/v1" for n in range(replicas)]
    fleet = fleet_of({"b": settings_of(urls=urls)}, clock)
    for target in fleet.targets():
        _open(target)
    clock.advance(10.0)
    assert fleet.ready("b")
    assert fleet.ready("b"), "asking claims no probe"
    assert {fleet.pick("b") for _ in range(replicas)} == set(fleet.targets())
    assert fleet.pick("b") is None


def test_an_unknown_backend_has_nobody() -> None:
    fleet = fleet_of({"b": three()})
    assert fleet.pick("other") is None
    assert not fleet.ready("other")
    assert fleet.engine("b") is None


def _open(target: Target) -> None:
    for _ in range(target.settings.breaker.failures):
        target.breaker.failed()


# ---------------------------------------------------------------------- reload


async def test_a_reload_keeps_what_it_leaves_alone() -> None:
    fleet = fleet_of({"kept": three(), "moved": settings_of(url="http://old/v1"), "gone": three()})
    await fleet.start()
    kept = [target for target in fleet.targets() if target.backend == "kept"]
    kept[0].in_flight = 4
    _open(kept[1])
    changed = settings_of(
        urls=three().base_urls,
        api_key="sk-rotated",
        models={"n": "n"},
        timeouts={"connect": "7s"},
        breaker={"failures": 1, "open_for": "1h"},
        health={"every": "1h"},
    )
    await fleet.reconcile({"kept": changed, "moved": settings_of(url="http://new/v1"), "added": three()})
    now = fleet.targets()
    assert [target for target in now if target.backend == "kept"] == kept
    assert kept[0].in_flight == 4
    assert not kept[1].up
    assert kept[0].settings is changed
    assert kept[0].timeouts.connect_s == 7.0
    assert dict(kept[0].headers)[b"authorization"] == b"Bearer sk-rotated"
    kept[2].breaker.failed()
    assert not kept[2].up, "one failure is enough now"
    assert picked(fleet, "moved").label == "http://new/v1"
    assert fleet.ready("added")
    assert not fleet.ready("gone")
    await fleet.stop()


async def test_without_checks_nobody_stays_out() -> None:
    checked = settings_of(url="http://gpu:8000/v1", health={"every": "1h"})
    fleet = fleet_of({"b": checked})
    (target,) = fleet.targets()
    target.healthy = False
    await fleet.reconcile({"b": settings_of(url="http://gpu:8000/v1")})
    assert fleet.pick("b") is target
    await fleet.stop()


# ---------------------------------------------------------------------- engines


def launched(**given: Any) -> BackendSettings:
    return settings_of(kind="llamacpp", launch={"weights": "model.gguf", **given})


async def test_a_launched_engine_is_nobody_until_it_is_ready() -> None:
    told: list[tuple[str, str, str, str]] = []
    spawn = FakeSpawn()
    fleet = fleet_of({"b": launched()}, spawn=spawn, told=told)
    assert fleet.pick("b") is None
    await fleet.start()
    assert await fleet.wait_ready(5)
    assert picked(fleet).url == "http://127.0.0.1:7001/v1"
    assert picked(fleet).label == "launched"
    assert "--alias=m-upstream" in spawn.arguments[0]
    assert told == [("b", "launched", "ready", "")]
    json.dumps(fleet.snapshot())
    await fleet.stop()
    assert not spawn.children[0].running
    assert fleet.pick("b") is None


async def test_an_engine_that_ended_is_out_at_once_and_comes_back_with_a_clean_slate() -> None:
    told: list[tuple[str, str, str, str]] = []
    spawn = FakeSpawn()
    fleet = fleet_of({"b": launched()}, spawn=spawn, told=told)
    await fleet.start()
    await fleet.wait_ready(5)
    _open(picked(fleet))
    spawn.children[0].end(-9, "killed")
    for _ in range(20):
        await asyncio.sleep(0)
    assert fleet.pick("b") is None
    assert "signal 9" in fleet.snapshot()[0]["targets"][0]["detail"]
    assert await fleet.wait_ready(5)
    assert picked(fleet).url == "http://127.0.0.1:7002/v1"
    await fleet.stop()
    assert [state for _, _, state, _ in told] == ["ready", "restarting", "ready", "stopped"]


async def test_waiting_ends_with_an_engine_that_cannot_start() -> None:
    spawn = FakeSpawn()
    fleet = fleet_of({"b": launched()}, spawn=spawn)
    hopeless = FakeChild(BAD, 1)
    hopeless.end(78, "weights model.gguf: there is no file model.gguf")
    spawn.next = [hopeless]
    await fleet.start()
    assert not await fleet.wait_ready(5)
    engine = fleet.engine("b")
    assert engine is not None
    assert "no file model.gguf" in engine.detail
    await fleet.stop()


async def test_waiting_gives_up_in_time() -> None:
    spawn = FakeSpawn()
    spawn.next = [FakeChild(None, 1)]
    fleet = fleet_of({"b": launched()}, spawn=spawn)
    await fleet.start()
    assert not await fleet.wait_ready(0.01)
    await fleet.stop()


async def test_a_removed_engine_finishes_its_requests_first() -> None:
    spawn = FakeSpawn()
    fleet = fleet_of({"b": launched()}, spawn=spawn)
    await fleet.start()
    await fleet.wait_ready(5)
    answering = picked(fleet)
    answering.in_flight = 1
    await fleet.reconcile({"other": three()})
    for _ in range(20):
        await asyncio.sleep(0)
    assert fleet.pick("b") is None
    assert spawn.children[0].running
    answering.in_flight = 0
    async with asyncio.timeout(5):
        await spawn.children[0].wait()
    await fleet.stop()


async def test_another_launch_is_another_engine() -> None:
    spawn = FakeSpawn()
    fleet = fleet_of({"b": launched()}, spawn=spawn)
    await fleet.start()
    await fleet.wait_ready(5)
    await fleet.reconcile({"b": launched().model_copy(update={"api_key": None, "price_provider": "p"})})
    assert len(spawn.children) == 1
    await fleet.reconcile({"b": launched(slots=2)})
    assert await fleet.wait_ready(5)
    assert picked(fleet).url == "http://127.0.0.1:7002/v1"
    await fleet.stop()
    assert not any(child.running for child in spawn.children)
