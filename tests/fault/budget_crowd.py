"""A thousand clients before one budget: what they ask, what they meet, what is spent in the end."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

from metering.ledger_url import open_reader
from metering.reports import ReportQuery, usage_report
from tests.fakes.client import Answer, post
from tests.fakes.gateway_process import GatewayProcess, free_port

KEY = "weir-sk-budget-proofs-0123456789abcdefghijklmn"
ADMIN_KEY = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
USD_PER_TOKEN = 0.0001
MOST_TOKENS = 200
"""Of an answer: two cents."""
CLIENTS = 1000
REFUSALS_IN_A_ROW = 4
"""Then a client gives up."""
WITHIN_S = 60.0
BUDGET_NANOS = 1_000_000_000

Ask = Callable[["Crowd", Random], Awaitable[Answer]]


def config(folder: Path, upstream_url: str, state: str, **more: Any) -> dict[str, Any]:
    """One dollar a day for the tenant; a token of output costs a hundredth of a cent, input nothing."""
    backend = {
        "kind": "openai",
        "url": upstream_url,
        "models": {"paid": "fake/ok"},
        "health": {"every": 0},
        "breaker": {"failures": 1_000_000},
        "retry": {"base": 0.01, "cap": 0.1, "per_backend": 1},
    }
    key = {"name": "load", "hash": "sha256:" + hashlib.sha256(KEY.encode()).hexdigest()}
    return {
        "admin_key": ADMIN_KEY,
        "state": state,
        "ledger": f"sqlite:///{folder / 'ledger.db'}",
        "cache": {"exact": False},
        "backends": {
            "fake": backend,
            "gone": {**backend, "url": f"http://127.0.0.1:{free_port()}/v1", "models": {"free": "free"}},
        },
        "models": {"falls": {"tiers": ["free"], "fallback": ["paid"]}},
        "tenants": {"acme": {"keys": [key], "budgets": [{"name": "dollar", "usd": 1, "per": "day"}]}},
        "rates": [
            {"model": "paid", "input": 0, "output": USD_PER_TOKEN * 1e6},
            {"model": "free", "input": 0, "output": 0},
        ],
        **more,
    }


class Crowd:
    """The clients, and everything that they met."""

    def __init__(self, gateways: Sequence[GatewayProcess], ask: Ask, seed: int) -> None:
        self.gateways = list(gateways)
        self.statuses: Counter[int] = Counter()
        self.refusal: Answer | None = None
        self._ask = ask
        self._counted = asyncio.Event()
        self._seed = seed

    async def run(self, clients: int = CLIENTS) -> None:
        """Until every client was refused so often in a row that it gave up."""
        async with asyncio.timeout(WITHIN_S), asyncio.TaskGroup() as group:
            for number in range(clients):
                group.create_task(self._client(Random(f"{self._seed}/{number}")))

    async def served(self, answers: int) -> None:
        """Until so many were."""
        while self.statuses[200] < answers:
            await self._counted.wait()
            self._counted.clear()

    async def _client(self, random: Random) -> None:
        refused = 0
        while refused < REFUSALS_IN_A_ROW:
            answer = await self._ask(self, random)
            self.statuses[answer.status] += 1
            self._counted.set()
            if answer.status == 402:
                self.refusal = answer
                refused += 1
                await asyncio.sleep(random.uniform(0.05, 0.3))
            elif answer.status == 200:
                refused = 0
            else:  # a gateway that was killed, a stream that this client cut, a state that is away
                await asyncio.sleep(random.uniform(0.02, 0.1))

    async def post(self, random: Random, body: dict[str, Any]) -> Answer:
        """To one of the gateways; status 0 where it is not there."""
        gateway = random.choice(self.gateways)
        try:
            return await post(f"{gateway.base_url}/chat/completions", body, key=KEY)
        except OSError:
            return Answer()


def asked(random: Random, model: str = "paid", **more: Any) -> dict[str, Any]:
    """An answer of 1 to 200 tokens within a limit that is no less."""
    tokens = random.randint(1, MOST_TOKENS)
    return {
        "model": model,
        "messages": [{"role": "user", "content": "how much?"}],
        "max_tokens": random.randint(tokens, MOST_TOKENS),
        "fault": f"say-{tokens}-{random.randint(5, 60)}",
        **more,
    }


async def plainly(crowd: Crowd, random: Random) -> Answer:
    return await crowd.post(random, asked(random))


async def until_nothing_is_reserved(gateway: GatewayProcess, within_s: float = 10.0) -> dict[str, Any]:
    """The budget as the gateway shows it. Fails unless its reserve is exactly 0 in time."""
    deadline = time.monotonic() + within_s
    while (shown := await budget(gateway))["reserved_nanos"] != 0:  # or not known yet
        assert time.monotonic() < deadline, shown
        await asyncio.sleep(0.2)
    return shown


async def budget(gateway: GatewayProcess) -> dict[str, Any]:
    url = gateway.base_url.removesuffix("/v1") + "/admin/budgets"
    answer = await post(url, b"", key=ADMIN_KEY, method="GET")
    (shown,) = [each for each in answer.json()["data"] if each["name"] == "dollar"]
    found: dict[str, Any] = shown
    return found


def charged_nanos(*ledgers: Path) -> int:
    """By the ledgers, all together."""
    reports = [usage_report(open_reader(f"sqlite:///{path}"), ReportQuery(("tenant",))) for path in ledgers]
    return sum(report.totals.cost_nanos or 0 for report in reports)
