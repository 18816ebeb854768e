"""A budget of one dollar, a thousand clients at once, two gateways on one Redis: never a cent over, hardly
one left, and nothing reserved in the end; whatever else happens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.fakes.client import Answer
from tests.fakes.gateway_process import GatewayProcess
from tests.fakes.upstream import FakeUpstream
from tests.fault.budget_crowd import (
    BUDGET_NANOS,
    Crowd,
    asked,
    budget,
    charged_nanos,
    config,
    plainly,
    until_nothing_is_reserved,
)

USABLE_NANOS = 970_000_000


@asynccontextmanager
async def gateways(
    folder: Path, state: str, number: int, **more: Any
) -> AsyncIterator[tuple[list[GatewayProcess], list[Path]]]:
    """Each with a ledger of its own: what they share is the state alone."""
    async with AsyncExitStack() as stack:
        upstream = await stack.enter_async_context(FakeUpstream())
        running, ledgers = [], []
        for name in range(number):
            home = folder / f"gateway-{name}"
            home.mkdir()
            settings = config(home, upstream.base_url, state, **more)
            gateway = GatewayProcess(settings, home)
            await asyncio.to_thread(gateway.__enter__)
            stack.push_async_callback(asyncio.to_thread, ended, gateway)
            running.append(gateway)
            ledgers.append(home / "ledger.db")
        yield running, ledgers


def ended(gateway: GatewayProcess) -> None:
    if gateway.running:
        gateway.stop()


async def settled(running: list[GatewayProcess], ledgers: list[Path]) -> int:
    """What all ledgers say was charged, once every gateway says that the budget spent it, and reserves
    nothing."""
    async with asyncio.timeout(15):
        while True:
            charged = await asyncio.to_thread(charged_nanos, *ledgers)
            shown = [await budget(gateway) for gateway in running]
            if {(each["spent_nanos"], each["reserved_nanos"]) for each in shown} == {(charged, 0)}:
                return charged
            await asyncio.sleep(0.2)


@pytest.mark.parametrize("shared", [True, False])
async def test_a_thousand_clients_spend_one_dollar_and_no_more(
    tmp_path: Path, redis_url: str, shared: bool
) -> None:
    state, number = (redis_url, 2) if shared else ("memory://", 1)
    async with gateways(tmp_path, state, number) as (running, ledgers):
        crowd = Crowd(running, plainly, seed=1)
        await crowd.run()
        spent = await settled(running, ledgers)
    assert USABLE_NANOS <= spent <= BUDGET_NANOS
    assert set(crowd.statuses) <= {200, 402, 503}
    assert crowd.refusal is not None
    error = crowd.refusal.json()["error"]
    assert error["code"] == "budget_exceeded"
    for words in ("dollar", "limit 1.00 USD", "spent ", "reserved ", "resets at "):
        assert words in error["message"]
    assert crowd.refusal.headers["x-should-retry"] in ("true", "false")


async def test_abandoned_streams_spend_no_more(tmp_path: Path, redis_url: str) -> None:
    async def impatiently(crowd: Crowd, random: Random) -> Answer:
        body = asked(random, stream=True, stream_options={"include_usage": True})
        if random.random() < 0.5:
            return await crowd.post(random, body)
        try:
            async with asyncio.timeout(random.uniform(0.01, 0.08)):
                return await crowd.post(random, body)
        except TimeoutError:
            return Answer(-1)

    async with gateways(tmp_path, redis_url, 2) as (running, ledgers):
        crowd = Crowd(running, impatiently, seed=2)
        await crowd.run(300)
        spent = await settled(running, ledgers)
    assert USABLE_NANOS <= spent <= BUDGET_NANOS
    assert crowd.statuses[-1] > 20


async def test_falling_back_from_free_to_paid_spends_no_more(tmp_path: Path, redis_url: str) -> None:
    async def by_way_of_the_free_one(crowd: Crowd, random: Random) -> Answer:
        return await crowd.post(random, asked(random, "falls"))

    async with gateways(tmp_path, redis_url, 2) as (running, ledgers):
        crowd = Crowd(running, by_way_of_the_free_one, seed=3)
        await crowd.run(300)
        spent = await settled(running, ledgers)
    assert USABLE_NANOS <= spent <= BUDGET_NANOS
    assert set(crowd.statuses) <= {200, 402, 503}


async def test_a_gateway_that_is_killed_takes_no_dollar_with_it(tmp_path: Path, redis_url: str) -> None:
    """What it had under way is charged as its journal will say; the rest of its lease is free again."""
    async with gateways(tmp_path, redis_url, 2) as (running, ledgers):
        crowd = Crowd(running, plainly, seed=4)
        under_way = asyncio.create_task(crowd.run(300))
        await crowd.served(15)
        running[1].kill()
        crowd.gateways = running[:1]
        await under_way
        await until_nothing_is_reserved(running[0], within_s=15)
        await Crowd(running[:1], plainly, seed=5).run(300)
        shown = await until_nothing_is_reserved(running[0])
        assert USABLE_NANOS <= shown["spent_nanos"] <= BUDGET_NANOS
        await asyncio.to_thread(running[1].__enter__)  # it finds its journal, and says what really was
        again = await until_nothing_is_reserved(running[1])
        assert again["spent_nanos"] <= BUDGET_NANOS
        assert await settled(running, ledgers) <= BUDGET_NANOS
