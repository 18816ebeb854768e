"""Four gateways share one Redis: what was purged is never served again, whatever happens to the server, and
no client hears of it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from gateway.tenants import make_key
from tests import redis_server
from tests.fakes.client import Answer, post
from tests.fakes.gateway_process import GatewayProcess
from tests.fakes.upstream import FakeUpstream

ADMIN = "weir-admin-" + "x7Kq9" * 8
TENANTS = {name: make_key() for name in ("one", "two")}
QUESTIONS = [f"How do I tune instrument number {number}?" for number in range(12)]
GATEWAYS, CLIENTS = 4, 8


@dataclass
class House:
    gateways: list[GatewayProcess]
    seen: dict[str, set[str]] = field(default_factory=lambda: {name: set() for name in TENANTS})
    """Ids of kept answers that were served, by tenant."""
    purged: set[str] = field(default_factory=set)
    """Ids of answers that an acknowledged purge has dropped."""
    stale: list[str] = field(default_factory=list)
    failed: list[Answer] = field(default_factory=list)
    tiers: dict[str, int] = field(default_factory=dict)

    async def ask(self, number: int, tenant: str) -> str | None:
        """The id of the kept answer that was served. What was purged before it was asked is stale."""
        gone = set(self.purged)
        gateway = self.gateways[number % len(self.gateways)]
        body = {"model": "m", "messages": [{"role": "user", "content": QUESTIONS[number % len(QUESTIONS)]}]}
        answer = await post(f"{gateway.base_url}/chat/completions", body, key=TENANTS[tenant][0])
        if answer.status != 200:
            self.failed.append(answer)
            return None
        tier = answer.headers["x-weir-cache"]
        self.tiers[tier] = self.tiers.get(tier, 0) + 1
        served = answer.headers.get("x-weir-cache-id")
        if served in gone:
            self.stale.append(f"{served} from gateway {number % len(self.gateways)}")
        return served

    async def purge(self, number: int, tenant: str) -> bool:
        """Of one tenant, by one gateway. Whether it was acknowledged."""
        before = set(self.seen[tenant])
        gateway = self.gateways[number % len(self.gateways)]
        url = f"{gateway.base_url.removesuffix('/v1')}/admin/cache/purge"
        answer = await post(url, {"tenant": tenant}, key=ADMIN)
        assert answer.status == 200, answer.body
        if answer.json()["acknowledged"]:
            self.purged |= before
        return bool(answer.json()["acknowledged"])


@pytest.fixture
def redis() -> Iterator[redis_server.Server]:
    with redis_server.server() as found:
        yield found


def config(folder: Path, upstream: str, state: str) -> dict[str, Any]:
    return {
        "ledger": f"sqlite:///{folder / 'ledger.db'}",
        "state": state,
        "admin_key": ADMIN,
        "cache": {"secret": "one secret for all four", "wait": 0},
        "backends": {
            "fake": {"kind": "openai", "url": upstream, "models": {"m": "fake/ok"}, "health": {"every": 0}}
        },
        "tenants": {name: {"keys": [{"name": "k", "hash": key[1]}]} for name, key in TENANTS.items()},
        "rates": [{"model": "m", "input": 1, "output": 2}],
    }


async def test_what_was_purged_is_served_by_none_of_four(tmp_path: Path, redis: redis_server.Server) -> None:
    async with FakeUpstream() as upstream:
        with ExitStack() as stack:
            gateways = []
            for number in range(GATEWAYS):
                folder = tmp_path / str(number)
                folder.mkdir()
                told = config(folder, upstream.base_url, redis.url)
                gateways.append(stack.enter_context(GatewayProcess(told, folder)))
            house = House(gateways)
            acknowledged = await _with_load(house, _trouble(house, redis))
    assert house.failed == []
    assert house.stale == []
    assert acknowledged >= 8
    assert house.tiers["exact"] > house.tiers["miss"] / 4, "hardly anything was served from the cache"


async def _with_load(house: House, trouble: Any) -> int:
    """Clients ask in a closed loop until the trouble is over."""
    over = asyncio.Event()

    async def client(number: int) -> None:
        tenant = list(TENANTS)[number % 2]
        for turn in itertools.count(number):
            if over.is_set():
                return
            served = await house.ask(turn * 5 + number, tenant)
            if served is not None:
                house.seen[tenant].add(served)

    clients = [asyncio.create_task(client(number)) for number in range(CLIENTS)]
    try:
        return int(await trouble)
    finally:
        over.set()
        await asyncio.gather(*clients)


async def _trouble(house: House, redis: redis_server.Server) -> int:
    """Purges from every gateway, with a healthy, a frozen, a killed and empty server. How many were
    acknowledged."""
    acknowledged = 0
    for round_ in range(12):
        if round_ == 4:
            redis.freeze()
            await asyncio.sleep(1.0)  # longer than a lease: load goes on against a server that stands still
            redis.thaw()
        if round_ == 8:
            redis.kill()
            await asyncio.sleep(0.7)
            redis.start()
        tenant = list(TENANTS)[round_ % 2]
        for _ in range(40):
            if await house.purge(round_, tenant):
                acknowledged += 1
                break
            await asyncio.sleep(0.1)
    return acknowledged
