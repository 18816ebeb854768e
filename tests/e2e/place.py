"""A gateway in a process of its own before a fake upstream in this one, with every kind of trouble."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from gateway.tenants import make_key
from tests.fakes.client import post
from tests.fakes.gateway_process import GatewayProcess, free_port
from tests.fakes.upstream import FakeUpstream

UPSTREAM_KEY = "sk-upstream-0123456789abcdefghij"
ADMIN_KEY = "0123456789abcdefghijklmnopqrstuv"
FAST = {"base": 0.01, "cap": 0.2, "per_backend": 2}
KEY, KEY_HASH = make_key()
OTHER_KEY, OTHER_HASH = make_key()
SECOND_KEY, SECOND_HASH = make_key()
FINANCE_KEY, FINANCE_HASH = make_key()


def config(folder: Path, upstream: FakeUpstream, **changes: Any) -> dict[str, Any]:
    def backend(models: dict[str, str], **more: Any) -> dict[str, Any]:
        common = {
            "kind": "openai",
            "url": upstream.base_url,
            "api_key": "${FAKE_UPSTREAM_KEY}",
            "retry": FAST,
        }
        return {**common, "health": {"every": 0}, "breaker": {"failures": 1000}, "models": models, **more}

    dead = f"http://127.0.0.1:{free_port()}/v1"
    return {
        "server": {"attempts": 5, "drain_timeout": 20},
        "admin_key": ADMIN_KEY,
        "ledger": f"sqlite:///{folder / 'ledger.db'}",
        "backends": {
            "good": backend({"good": "fake/ok", "large": "fake/ok"}, stand_in_for="a better one"),
            "failing": backend({"failing": "fake/status-500"}),
            "secretive": backend({"secretive": "fake/status-401"}),
            "busy": backend({"busy": "fake/status-429-7"}),
            "slow": backend({"slow": "fake/slow-20-100"}, slots=1),
            "dead": backend({"dead": "x"}, url=dead),
            "hurried": backend({"hurried": "fake/big-7000"}, timeouts={"total": 2}),
            "replicas": backend({"replicas": "fake/ok"}, url=None, urls=[dead, upstream.base_url]),
        },
        "models": {
            "auto": {"tiers": ["good", "large"]},
            "falls": {"tiers": ["failing"], "fallback": ["dead", "good"]},
            "leaks": {"tiers": ["secretive"], "fallback": ["good"]},
        },
        "rules": [{"when": {"tag": {"task": "hard"}}, "use": "large"}],
        "tenants": {
            "one": {"keys": [{"name": "k", "hash": KEY_HASH}, {"name": "second", "hash": SECOND_HASH}]},
            "two": {"keys": [{"name": "k", "hash": OTHER_HASH}]},
            "office": {"keys": [{"name": "books", "hash": FINANCE_HASH, "role": "finance"}]},
        },
        "unknown_price": "flag",
        "rates": [{"model": "good", "input": 1, "output": 2}, {"model": "large", "input": 10, "output": 20}],
        **changes,
    }


class Place:
    """A gateway in a process of its own before a fake upstream in this one."""

    def __init__(self, folder: Path, upstream: FakeUpstream, gateway: GatewayProcess) -> None:
        self.folder = folder
        self.upstream = upstream
        self.gateway = gateway

    async def chat(self, model: str, text: str, *, key: str = KEY, **more: Any) -> Any:
        headers = more.pop("headers", {})
        body = {"model": model, "messages": [{"role": "user", "content": text}], **more}
        return await post(f"{self.gateway.base_url}/chat/completions", body, key=key, headers=headers)

    def rows(self, request_id: str, at_least: int = 1) -> list[dict[str, Any]]:
        """Waits for so many, since rows are written a moment after the answer."""
        until(lambda: len(self._rows(request_id)) >= at_least, f"{at_least} rows")
        return self._rows(request_id)

    def _rows(self, request_id: str) -> list[dict[str, Any]]:
        with sqlite3.connect(f"file:{self.folder / 'ledger.db'}?mode=ro", uri=True) as db:
            db.row_factory = sqlite3.Row
            query = "SELECT * FROM events WHERE request_id = ? ORDER BY attempt"
            return [dict(row) for row in db.execute(query, (request_id,))]

    def everything_said(self) -> str:
        return self.gateway.log.read_text(errors="replace")


def until(true: Callable[[], bool], what: str, within_s: float = 10.0) -> None:
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline, f"{what} not within {within_s} s"
        time.sleep(0.01)


@asynccontextmanager
async def running(folder: Path, **changes: Any) -> AsyncIterator[Place]:
    """`changes` replaces top-level sections of the configuration."""
    async with FakeUpstream() as upstream:
        gateway = GatewayProcess(
            config(folder, upstream, **changes), folder, environment={"FAKE_UPSTREAM_KEY": UPSTREAM_KEY}
        )
        await asyncio.to_thread(gateway.__enter__)
        try:
            yield Place(folder, upstream, gateway)
        finally:
            await asyncio.to_thread(gateway.stop)


async def get(place: Place, path: str, key: str = ADMIN_KEY, method: str = "GET") -> Any:
    root = place.gateway.base_url.removesuffix("/v1")
    return await post(root + path, b"", key=key, method=method)
