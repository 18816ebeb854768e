"""Active health checks: the decision, one check, and the loop on a clock that is moved by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from gateway.backends.health import Check, Health, check, watch
from gateway.backends.target import Target
from gateway.clock import ManualClock
from gateway.config import BackendSettings, Kind
from gateway.transport.base import (
    ConnectFailed,
    Header,
    NoAnswer,
    Origin,
    Reply,
    Timeouts,
    TransportError,
    TransportStats,
)

STORIES = {
    "one failure is forgiven": ("-", "up"),
    "failures in a row take out": ("- -", "down"),
    "a success between starts the count anew": ("- + -", "up"),
    "one success brings back": ("- - - +", "up"),
    "a single failure after coming back is forgiven": ("- - + -", "up"),
}


@pytest.mark.parametrize(("steps", "state"), STORIES.values(), ids=STORIES.keys())
def test_decision(steps: str, state: str) -> None:
    health = Health(failures=2)
    for step in steps.split():
        before = health.healthy
        assert health.saw(step == "+") is (health.healthy is not before)
    assert health.healthy is (state == "up")


@dataclass
class FakeReply:
    status: int
    headers: Sequence[Header] = ()
    aborted: bool = False

    def header(self, name: bytes) -> bytes | None:
        return None

    async def read(self, limit_bytes: int) -> bytes:
        return b"{}"

    async def chunk(self) -> bytes:
        return b""

    def abort(self) -> None:
        self.aborted = True


@dataclass
class FakeTransport:
    """Answers each request with the next of `answers`: a status, or an error to raise."""

    answers: list[int | TransportError]
    asked: list[tuple[bytes, bytes, tuple[Header, ...], bool]] = field(default_factory=list)

    async def send(
        self,
        origin: Origin,
        method: bytes,
        target: bytes,
        headers: Sequence[Header],
        body: bytes,
        timeouts: Timeouts,
        *,
        fresh: bool = False,
    ) -> Reply:
        self.asked.append((method, target, tuple(headers), fresh))
        answer = self.answers.pop(0)
        if isinstance(answer, TransportError):
            raise answer
        return FakeReply(answer)

    def stats(self) -> TransportStats:
        raise NotImplementedError

    async def aclose(self) -> None: ...


def target_of(kind: Kind, *, failures: int = 2, api_key: str | None = None) -> Target:
    settings = BackendSettings.model_validate(
        {
            "kind": kind,
            "url": "http://upstream.test:8000/prefix/v1",
            "api_key": api_key,
            "models": {"m": "m"},
            "health": {"every": 5, "failures": failures},
        }
    )
    return Target("b", settings, "http://upstream.test:8000/prefix/v1", ManualClock())


CHECKS: list[tuple[Kind, int, bool]] = [
    ("vllm", 200, True),
    ("vllm", 503, False),
    ("llamacpp", 503, False),
    ("sglang", 404, False),
    ("openai", 200, True),
    ("openai", 401, True),
    ("openai", 404, True),
    ("openai", 429, True),
    ("openai", 500, False),
]


@pytest.mark.parametrize(("kind", "status", "ok"), CHECKS)
async def test_what_counts_as_alive(kind: Kind, status: int, ok: bool) -> None:
    transport = FakeTransport([status])
    seen = await check(target_of(kind, api_key="sk-upstream"), transport, 1.0)
    assert seen.ok is ok
    assert bool(seen.detail) is not ok
    ((method, path, headers, _),) = transport.asked
    assert method == b"GET"
    assert path == (b"/prefix/v1/models" if kind == "openai" else b"/health")
    assert (b"authorization", b"Bearer sk-upstream") in headers


async def test_nobody_there_is_a_failed_check() -> None:
    seen = await check(target_of("vllm"), FakeTransport([ConnectFailed("refused")]), 1.0)
    assert seen == Check(False, "ConnectFailed: refused")


async def test_a_connection_that_went_stale_is_no_failed_check() -> None:
    transport = FakeTransport([NoAnswer("closed", reused=True), 200])
    assert (await check(target_of("vllm"), transport, 1.0)).ok
    assert [fresh for *_, fresh in transport.asked] == [False, True]


class EndOfStory(Exception):
    """The transport has no more answers to give."""


async def _watched(target: Target, answers: list[int | TransportError]) -> list[tuple[float, bool, str]]:
    """(second, healthy, detail) of each change while the watch goes through the answers."""
    clock = ManualClock(monotonic=0.0)
    changes: list[tuple[float, bool, str]] = []
    transport = FakeTransport(answers)

    async def sleep(seconds: float) -> None:
        clock.advance(seconds)
        if not answers:
            raise EndOfStory

    def changed(target: Target) -> None:
        changes.append((clock.monotonic(), target.healthy, target.detail))

    with pytest.raises(EndOfStory):
        await watch(target, transport, changed, sleep)
    return changes


async def test_a_change_is_told_once() -> None:
    target = target_of("llamacpp")
    changes = await _watched(target, [200, 503, 503, 503, ConnectFailed("refused"), 200, 200])
    assert changes == [(10.0, False, "GET /health answered 503"), (25.0, True, "")]
    assert target.healthy


async def test_a_new_watch_knows_what_the_last_one_found() -> None:
    target = target_of("llamacpp")
    target.healthy = False
    assert await _watched(target, [200]) == [(0.0, True, "")]


async def test_a_starting_engine_is_left_to_its_supervisor() -> None:
    target = target_of("llamacpp", failures=1)
    target.starting = True
    transport = FakeTransport([])
    rounds = 0

    async def sleep(seconds: float) -> None:
        nonlocal rounds
        rounds += 1
        if rounds == 3:
            raise EndOfStory

    with pytest.raises(EndOfStory):
        await watch(target, transport, lambda _: None, sleep)
    assert transport.asked == []


async def test_watching_ends_when_cancelled() -> None:
    transport = FakeTransport([200])
    task = asyncio.create_task(watch(target_of("vllm"), transport, lambda _: None))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
