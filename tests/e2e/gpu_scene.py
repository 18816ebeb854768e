"""Two gateways before one engine that is paid by the hour, eight tenants in a crowd, and the same requests
alone. What the ledger then says of GPU time is held against both."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from gateway.engine.process import ChildProcess, spawn_child
from gateway.tenants import make_key
from metering.event import Event
from metering.ledger import LedgerReader
from metering.ledger_url import open_reader
from metering.rows import COLUMNS, from_row
from tests.e2e.road import WEIGHTS
from tests.fakes.client import post
from tests.fakes.gateway_process import GatewayProcess

MODEL = "smollm2"
US = 1_000_000
WINDOWS_PER_FIT = 15
TENANTS: Mapping[str, tuple[int, int]] = {
    "chat": (6, 10),
    "mail": (12, 16),
    "search": (40, 6),
    "summaries": (60, 8),
    "stories": (4, 28),
    "code": (20, 14),
    "agents": (30, 20),
    "legal": (80, 10),
}
"""Words of the usual prompt, tokens of the usual answer."""
MARKUP = {"mail": "1.1"}
_WORDS = (
    "river",
    "stone",
    "light",
    "winter",
    "paper",
    "garden",
    "metal",
    "ocean",
    "window",
    "silver",
    "bread",
)


@dataclass(frozen=True, slots=True)
class Job:
    tenant: str
    after_s: float
    """Since the crowd began."""
    prompt: str
    output_tokens: int
    leaves_after_s: float | None
    """When its client hangs up."""


@dataclass(slots=True)
class Scene:
    reader: LedgerReader
    config: Path
    """Of one of the gateways."""
    engine: str
    """Its address."""
    gateways: Sequence[GatewayProcess]
    keys: Mapping[str, str]

    def events(self, condition: str = "kind = 'attempt'") -> list[Event]:
        sql = f"SELECT {', '.join(COLUMNS)} FROM events WHERE {condition} ORDER BY started_us"
        return [from_row(row) for row in self.reader.read((sql, ()))[0]]

    def crowd(self) -> list[Event]:
        """Without those of the warm-up."""
        return [event for event in self.events() if '"job"' in event.tags]

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in self.reader.read((sql, ()))[0]]


def jobs(seed: int, per_tenant: int, over_s: float) -> list[Job]:
    """Half to one and a half times the usual size, at any time of the crowd; every seventh client leaves."""
    pick, made = random.Random(seed), list[Job]()
    for tenant, (words, tokens) in TENANTS.items():
        for _ in range(per_tenant):
            prompt = " ".join(pick.choice(_WORDS) for _ in range(int(words * pick.uniform(0.5, 1.5))))
            size = int(tokens * pick.uniform(0.5, 1.5))
            leaves_s = pick.uniform(0.3, 1.0) if len(made) % 7 == 0 else None
            made.append(Job(tenant, pick.uniform(0, over_s), prompt, size, leaves_s))
    return made


@asynccontextmanager
async def scene(
    folder: Path, ledger: str, *, window_s: int, slots: int = 8, threads: int = 1
) -> AsyncIterator[Scene]:
    """The engine and both gateways run; at the end all are gone. More threads than free cores make an engine
    much slower, and its times mean nothing."""
    child = await spawn_child(
        [f"--weights={WEIGHTS}", f"--alias={MODEL}", f"--context-tokens={slots * 1024}", f"--slots={slots}",
         f"--threads={threads}", "--gpu-layers=0"]
    )  # fmt: skip
    try:
        async with asyncio.timeout(60):
            engine = await child.address()
        keys = {tenant: make_key() for tenant in TENANTS}
        with ExitStack() as stack:
            gateways = []
            for name in ("one", "two"):
                own = folder / name
                own.mkdir()
                config = settings(
                    ledger, engine, own, {tenant: key[1] for tenant, key in keys.items()}, window_s
                )
                gateways.append(await asyncio.to_thread(stack.enter_context, GatewayProcess(config, own)))
            yield Scene(
                open_reader(ledger),
                folder / "one" / "weir.yaml",
                engine,
                gateways,
                {tenant: key[0] for tenant, key in keys.items()},
            )
            await asyncio.to_thread(stack.close)
    finally:
        await _end(child)


def settings(ledger: str, engine: str, own: Path, hashes: Mapping[str, str], window_s: int) -> dict[str, Any]:
    return {
        "ledger": ledger,
        "journal": str(own / "journal"),
        "cache": {"exact": False},
        "backends": {
            "local": {
                "kind": "llamacpp",
                "url": f"{engine}/v1",
                "models": {MODEL: MODEL},
                "gpus": {"usd_per_hour": 3.6},
                "health": {"every": "500ms", "failures": 4, "timeout": "5s"},
            }
        },
        "gpu": {"window": window_s, "close_after": "2s", "late": 0},
        "markup": {"tenants": MARKUP},
        "tenants": {
            tenant: {"cost_center": f"CC-{tenant}", "keys": [{"name": "k", "hash": hashed}]}
            for tenant, hashed in hashes.items()
        },
    }


async def warm_up(scene: Scene, count: int, window_s: int) -> None:
    """Requests one after the other, of mixed sizes, to fit weights to; then until windows use them."""
    pick = random.Random(1)
    for number in range(count):
        words, tokens = pick.choice(list(TENANTS.values()))
        prompt = " ".join(pick.choice(_WORDS) for _ in range(int(words * pick.uniform(0.5, 1.5))))
        await _ask(scene, Job("chat", 0, prompt, tokens, None), number, "warm-up")
    fit_s = WINDOWS_PER_FIT * window_s
    await asyncio.sleep(fit_s - time.time() % fit_s + 0.05)


async def crowd(scene: Scene, planned: Sequence[Job]) -> None:
    """All of them, half through each gateway."""
    began_s = time.monotonic()

    async def one(number: int, job: Job) -> None:
        await asyncio.sleep(max(0.0, job.after_s - (time.monotonic() - began_s)))
        asking = asyncio.create_task(_ask(scene, job, number))
        done, _ = await asyncio.wait([asking], timeout=job.leaves_after_s)
        if not done:
            asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)

    await asyncio.gather(*(one(number, job) for number, job in enumerate(planned)))


async def settled(scene: Scene, attempts: int, within_s: float = 60.0) -> None:
    """Until all of them are in the ledger, their windows closed, and their final costs written."""
    deadline = time.monotonic() + within_s
    while not _is_settled(scene, attempts):
        assert time.monotonic() < deadline, scene.rows("SELECT kind, count(*) FROM events GROUP BY kind")
        await asyncio.sleep(0.2)


def _is_settled(scene: Scene, attempts: int) -> bool:
    events = scene.events()
    closed = scene.rows("SELECT coalesce(max(window_end_us), 0) FROM gpu_windows")[0][0]
    if len(events) < attempts or closed < max(event.finished_us for event in events):
        return False
    open_costs = scene.rows(
        "SELECT count(*) FROM (SELECT e.id FROM events e JOIN (SELECT event_id, sum(nanos) AS nanos FROM "
        "gpu_shares GROUP BY event_id) s ON s.event_id = e.id LEFT JOIN events c ON c.corrects = e.id WHERE "
        "e.kind = 'attempt' GROUP BY e.id, e.list_nanos, s.nanos "
        "HAVING e.list_nanos + coalesce(sum(c.list_nanos), 0) <> s.nanos) AS wrong"
    )
    return open_costs == [(0,)]


def job_of(event: Event, planned: Sequence[Job]) -> Job:
    """Its label says which."""
    return planned[int(orjson.loads(event.tags)["job"])]


async def alone(scene: Scene, events: Sequence[Event], planned: Sequence[Job]) -> dict[str, int]:
    """Nanoseconds of the engine per event, each request run with nothing beside it and as many tokens as it
    got in the crowd, as the engine itself measures."""
    took: dict[str, int] = {}
    for event in events:
        job = job_of(event, planned)
        tokens = event.usage.output if event.usage is not None else job.output_tokens
        if tokens == 0:
            took[event.id] = 0
            continue
        body = {**_body(job, tokens), "stream": False}
        answer = await post(f"{scene.engine}/v1/chat/completions", body)
        timings = answer.json()["timings"]
        took[event.id] = int(1e6 * (timings["prompt_ms"] + timings["predicted_ms"]))
    return took


async def _ask(scene: Scene, job: Job, number: int, label: str = "job") -> None:
    gateway = scene.gateways[number % len(scene.gateways)]
    body = _body(job, job.output_tokens)
    headers = {"x-weir-tags": f"{label}={number}"}
    url = f"{gateway.base_url}/chat/completions"
    answer = await post(url, body, key=scene.keys[job.tenant], headers=headers)
    assert answer.status == 200, answer.body


def _body(job: Job, tokens: int) -> dict[str, Any]:
    """The engine's prefix cache is off: alone, a request must be as much work as in the crowd."""
    message = {"role": "user", "content": f"Tell of {job.prompt}"}
    return {
        "model": MODEL,
        "messages": [message],
        "max_tokens": tokens,
        "temperature": 0,
        "ignore_eos": True,
        "cache_prompt": False,
        "stream": True,
    }


def shares_by_tenant(scene: Scene, events: Sequence[Event]) -> dict[str, int]:
    """Final GPU nanoseconds of these events."""
    tenant_of = {event.id: event.tenant for event in events}
    shares = dict.fromkeys(TENANTS, 0)
    for event_id, gpu_ns in scene.rows("SELECT event_id, gpu_ns FROM gpu_shares WHERE event_id <> ''"):
        if event_id in tenant_of:
            shares[tenant_of[event_id]] += gpu_ns
    return shares


def errors(shares: Mapping[str, int], costs: Mapping[str, int]) -> dict[str, float]:
    """How far each tenant's part of the busy time is off its part of the costs alone: 0.1 is ten percent."""
    busy, whole = sum(shares.values()), sum(costs.values())
    return {tenant: shares[tenant] * whole / (costs[tenant] * busy) - 1 for tenant in costs}


async def _end(child: ChildProcess) -> None:
    child.terminate()
    try:
        async with asyncio.timeout(10):
            await child.wait()
    except TimeoutError:
        child.kill()
        await child.wait()
