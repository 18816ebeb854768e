"""A ledger with every kind of charge, made by a real gateway: cached and reasoning tokens, charges per
request, GPU time and idle GPUs; then prices corrected, and the books' credit, adjustment, late usage and
split."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from gateway.cli import main
from gateway.tenants import make_key
from metering.focus.books_read import BookEntry
from metering.ledger import LedgerReader
from metering.ledger_url import open_reader
from tests.fakes.book_tables import entry, write_books
from tests.fakes.client import post
from tests.fakes.gateway_process import GatewayProcess
from tests.fakes.upstream import FakeUpstream

TENANTS = ("search", "support", "batch")
VENDOR_MODELS = {"gpt-mini": "fault/cached-1000-600-200-50", "gpt-large": "fault/cached-4000-0-300-0"}
GPU_MODEL = "qwen3-8b"
SETTLED_WITHIN_S = 30.0


@dataclass(frozen=True, slots=True)
class Scene:
    config: Path
    ledger: str
    month: str

    @property
    def reader(self) -> LedgerReader:
        return open_reader(self.ledger)


async def real_traffic(folder: Path) -> Scene:
    """The gateway has run and is gone; its ledger is complete. Takes about six seconds."""
    ledger = f"sqlite:///{folder / 'weir.db'}"
    keys = {tenant: make_key() for tenant in TENANTS}
    async with FakeUpstream() as upstream:
        config = _config(ledger, upstream.base_url, {name: hashed for name, (_, hashed) in keys.items()})
        gateway = GatewayProcess(config, folder)
        await asyncio.to_thread(gateway.__enter__)
        try:
            await _ask_everything(gateway.base_url, {name: plain for name, (plain, _) in keys.items()})
            await _settled(open_reader(ledger))
        finally:
            await asyncio.to_thread(gateway.stop)
    path = folder / "weir.yaml"
    _reprice(path, config)
    scene = Scene(path, ledger, f"{datetime.now(UTC):%Y-%m}")
    write_books(ledger, _entries(scene))
    return scene


async def _ask_everything(base_url: str, keys: Mapping[str, str]) -> None:
    async def ask(tenant: str, model: str, number: int, **more: Any) -> None:
        body = {"model": model, "messages": [{"role": "user", "content": f"[id:{tenant}{number}]"}], **more}
        headers = {"x-weir-tags": f"team={tenant}-team,env=live"}
        answer = await post(f"{base_url}/chat/completions", body, key=keys[tenant], headers=headers)
        assert answer.status == 200, answer.body

    asking = [
        ask(tenant, model, number)
        for number in range(7)
        for tenant in TENANTS
        for model in (*VENDOR_MODELS, GPU_MODEL)
    ]
    asking += [ask("search", GPU_MODEL, 100 + number, stream=True) for number in range(5)]
    await asyncio.gather(*asking)
    await ask("search", "gpt-mini", 1)  # again: from the cache


async def _settled(reader: LedgerReader) -> None:
    """Until every GPU window that an attempt lay in is closed, and one after it, which is idle."""
    sql = (
        "SELECT (SELECT count(*) FROM events WHERE kind = 'attempt'),"
        " (SELECT max(finished_us) FROM events), (SELECT max(window_end_us) FROM gpu_windows)"
    )
    deadline = time.monotonic() + SETTLED_WITHIN_S
    while True:
        ((attempts, finished_us, closed_us),) = reader.read((sql, ()))[0]
        if int(attempts or 0) >= 68 and int(closed_us or 0) > int(finished_us or 0) + 1_000_000:
            return
        assert time.monotonic() < deadline, (attempts, finished_us, closed_us)
        await asyncio.sleep(0.2)


def _config(ledger: str, upstream: str, hashes: Mapping[str, str]) -> dict[str, Any]:
    vendor = {"kind": "openai", "url": upstream, "api_key": "k", "models": VENDOR_MODELS}
    engine = {"kind": "vllm", "url": upstream, "models": {GPU_MODEL: "fault/slow-4-25"}}
    return {
        "ledger": ledger,
        "backends": {"vendor": vendor, "gpu1": {**engine, "gpus": {"count": 2, "usd_per_hour": "2.50"}}},
        "rates": [
            {"model": "gpt-mini", "input": "0.25", "output": "2", "cache_read": "0.025", "reasoning": "3"},
            {"model": "gpt-large", "input": "1.25", "output": "10", "per_request": "0.0001"},
        ],
        "markup": {"default": "1.1", "tenants": {"batch": "0.85"}},
        "gpu": {"window": "1s", "close_after": "1s", "late": 0},
        "tenants": {
            tenant: {"cost_center": f"CC-{tenant}", "keys": [{"name": "k", "hash": hashed, "project": "web"}]}
            for tenant, hashed in hashes.items()
        },
    }


def _reprice(path: Path, config: Mapping[str, Any]) -> None:
    """The larger model turns out to cost a fifth more."""
    rates = [config["rates"][0], {**config["rates"][1], "input": "1.5", "output": "12"}]
    path.write_bytes(orjson.dumps({**config, "rates": rates}))
    assert main(["reprice", "--config", str(path), "--yes", "--json"]) == 0


def _entries(scene: Scene) -> list[BookEntry]:
    sql = "SELECT sum(nanos) FROM gpu_shares WHERE line = 'idle'"
    idle_nanos = int(scene.reader.read((sql, ()))[0][0][0] or 0)
    assert idle_nanos, "the GPUs were never idle"
    first = idle_nanos // 2
    origin = {
        "category": "idle",
        "reference": f"split:{scene.month}:idle:gpu1",
        "details": '{"method": "use"}',
    }
    made = [
        entry(1, "credit", -5_000, tenant="search", description="goodwill"),
        entry(2, "adjustment", 1_234, tenant="support"),
        entry(3, "late", 777, tenant="support", description="late usage of the month before"),
        entry(4, "reconciliation", 31, tenant="", cost_center=""),
        entry(5, "split", -idle_nanos, tenant="", cost_center="", **origin),
        entry(6, "split", first, tenant="search", **origin),
        entry(7, "split", idle_nanos - first, tenant="batch", **origin),
    ]
    return [each._replace(month=scene.month) for each in made]
