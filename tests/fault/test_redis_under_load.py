"""Redis frozen, killed, restarted empty and failed over under load: no request waits for it, spending stays
inside what each budget states, each change is told once, and nothing has to be restarted."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from metering.budgets.account import SLICE_SHARE
from tests import redis_server
from tests.fakes.client import Answer, post
from tests.fakes.gateway_process import GatewayProcess
from tests.fakes.upstream import FakeUpstream
from tests.fault.budget_crowd import KEY, budget, charged_nanos, config, until_nothing_is_reserved

BEYOND_NORMAL_S = 0.25
PER_S = 60
NORMAL_S, AWAY_S = 0.7, 1.8
BACK_WITHIN_S = 2.8
"""It is looked for once a second, and one that came back empty asks the ledger after 1.25 s."""
AFTER_S = BACK_WITHIN_S + 0.6
"""From when it is mended on; a server that follows another one may take a second to be in step."""
BUDGET_USD = 2
EXPOSURE_USD = 0.05
TOKENS = 10
"""Of every answer: a tenth of a cent."""


@dataclass
class Load:
    """Requests at a steady pace until told otherwise, whatever becomes of them."""

    gateway: GatewayProcess
    answers: list[tuple[float, float, Answer]] = field(default_factory=list)
    """(when it was asked, how long it took, what came)"""
    over: bool = False

    async def run(self) -> None:
        asking: list[asyncio.Task[None]] = []
        began = time.monotonic()
        while not self.over:
            while len(asking) < (time.monotonic() - began) * PER_S:
                asking.append(asyncio.create_task(self._ask()))
            await asyncio.sleep(0.005)
        await asyncio.gather(*asking)

    async def _ask(self) -> None:
        body = {
            "model": "paid",
            "messages": [{"role": "user", "content": "how much?"}],
            "max_tokens": TOKENS,
            "fault": f"say-{TOKENS}-5",
        }
        began = time.monotonic()
        answer = await post(f"{self.gateway.base_url}/chat/completions", body, key=KEY)
        self.answers.append((began, time.monotonic() - began, answer))

    def statuses(self, since: float, until: float) -> list[int]:
        return [answer.status for began, _, answer in self.answers if since <= began < until]

    def slowest_s(self, since: float, until: float) -> float:
        return max(took for began, took, _ in self.answers if since <= began < until)


Hurt = Callable[[redis_server.Server, redis_server.Server], None]


def freeze(master: redis_server.Server, replica: redis_server.Server) -> None:
    master.freeze()


def kill(master: redis_server.Server, replica: redis_server.Server) -> None:
    master.kill()


def thaw(master: redis_server.Server, replica: redis_server.Server) -> None:
    master.thaw()


def start_empty(master: redis_server.Server, replica: redis_server.Server) -> None:
    master.start()


def fail_over(master: redis_server.Server, replica: redis_server.Server) -> None:
    """At the dead master's address answers a server with what its replica had, at first without writes."""
    replica.lead()
    master.start()
    master.follow(replica)
    master.lead()


@dataclass(frozen=True, slots=True)
class Case:
    hurt: Hurt
    mend: Hurt
    policy: Any


CASES = {
    "frozen-open": Case(freeze, thaw, {"open_up_to": EXPOSURE_USD}),
    "frozen-closed": Case(freeze, thaw, "closed"),
    "killed-and-empty": Case(kill, start_empty, {"open_up_to": EXPOSURE_USD}),
    "failed-over": Case(kill, fail_over, {"open_up_to": EXPOSURE_USD}),
}


async def test_requests_do_not_notice_that_redis_is_away(tmp_path: Path) -> None:
    """All cases side by side: each has servers of its own, and mostly waits."""
    with ExitStack() as stack:
        pairs = [[stack.enter_context(redis_server.server()) for _ in "12"] for _ in CASES]
        running = []
        for (name, case), (master, replica) in zip(CASES.items(), pairs, strict=True):
            (tmp_path / name).mkdir()
            running.append(run(case, tmp_path / name, master, replica))
        ended = await asyncio.gather(*running, return_exceptions=True)
    failed = {name: end for name, end in zip(CASES, ended, strict=True) if end is not None}
    if failed:
        raise BaseExceptionGroup(", ".join(failed), list(failed.values()))


async def run(case: Case, folder: Path, master: redis_server.Server, replica: redis_server.Server) -> None:
    hurt, mend, policy = case.hurt, case.mend, case.policy
    replica.follow(master)
    async with FakeUpstream() as upstream, asyncio.timeout(60):
        settings = config(folder, upstream.base_url, master.url)
        settings["tenants"]["acme"]["budgets"] = [
            {"name": "dollar", "usd": BUDGET_USD, "per": "day", "state_away": policy}
        ]
        gateway = await asyncio.to_thread(GatewayProcess(settings, folder).__enter__)
        try:
            load = Load(gateway)
            began = time.monotonic()
            running = asyncio.create_task(load.run())
            await asyncio.sleep(NORMAL_S)
            hurt_at = time.monotonic()
            await asyncio.to_thread(hurt, master, replica)
            await asyncio.sleep(AWAY_S)
            await asyncio.to_thread(mend, master, replica)
            mended_at = time.monotonic()
            await asyncio.sleep(AFTER_S)
            load.over = True
            await running
            shown = await until_nothing_is_reserved(gateway)
            spent = await until_charged(gateway, folder)
            ended = time.monotonic()
        finally:
            await asyncio.to_thread(gateway.stop)
    normal_s = load.slowest_s(began, hurt_at)
    assert load.slowest_s(hurt_at, ended) < normal_s + BEYOND_NORMAL_S
    assert set(load.statuses(began, hurt_at)) == {200}
    while_away = load.statuses(hurt_at + 0.3, mended_at)
    assert set(while_away) - {200} == {503}
    assert policy == "closed" or 200 in while_away
    served_nanos = while_away.count(200) * TOKENS * 100_000
    slice_nanos = BUDGET_USD * 10**9 // SLICE_SHARE
    exposure_nanos = 0 if policy == "closed" else int(EXPOSURE_USD * 1e9)
    assert served_nanos <= exposure_nanos + slice_nanos
    assert set(load.statuses(mended_at + BACK_WITHIN_S, ended)) == {200}
    assert shown["spent_nanos"] == spent
    assert states_told(gateway) == [False, True]


async def until_charged(gateway: GatewayProcess, folder: Path) -> int:
    """What budget and ledger agree on."""
    async with asyncio.timeout(10):
        while True:
            charged = await asyncio.to_thread(charged_nanos, folder / "ledger.db")
            if (await budget(gateway))["spent_nanos"] == charged:
                return charged
            await asyncio.sleep(0.1)


def states_told(gateway: GatewayProcess) -> list[bool]:
    lines = (orjson.loads(line) for line in gateway.log.read_text().splitlines() if line.startswith("{"))
    return [line["ok"] for line in lines if line["event"] == "budget_state"]
