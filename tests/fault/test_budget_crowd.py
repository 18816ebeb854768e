"""A dollar, a thousand clients, two processes on one Redis: what is settled never exceeds it, nearly all of
it can be used, and at the end nothing is reserved."""

from __future__ import annotations

import asyncio
import random
import time

import pytest

from metering.budgets.desk import BudgetDesk
from metering.budgets.memory_store import MemoryStore
from metering.budgets.periods import Calendar
from metering.budgets.redis_store import RedisStore
from metering.budgets.refusal import Refused
from metering.budgets.store import Store
from tests.fakes.budgets import ALICE, USD, bound, budget, the

CLIENTS = 1_000
CHEAPEST, DEAREST = USD // 10_000, USD // 50


class Clock:
    wall_ns = staticmethod(time.time_ns)
    monotonic = staticmethod(time.monotonic)


class Till:
    """Every dollar that was really settled, by whomever."""

    def __init__(self) -> None:
        self.settled = 0


async def client(desk: BudgetDesk, till: Till, chance: random.Random, end: asyncio.Event) -> None:
    while not end.is_set():
        price = chance.randint(CHEAPEST, DEAREST)
        try:
            hold = await desk.hold(ALICE, bound(price), time.time_ns() // 1_000)
        except Refused:
            await asyncio.sleep(chance.uniform(0.05, 0.4))  # a client that retries
            continue
        await asyncio.sleep(chance.uniform(0, 0.05))  # an answer
        spent = price if chance.random() < 0.8 else price // 3  # a stream that its client abandons
        hold.settle(spent, 0)
        till.settled += spent


async def crowd(desks: list[BudgetDesk], till: Till, seconds: float) -> None:
    end = asyncio.Event()
    clients = [
        asyncio.create_task(client(desks[number % len(desks)], till, random.Random(number), end))
        for number in range(CLIENTS)
    ]
    await asyncio.wait(clients, timeout=seconds)
    end.set()
    await asyncio.gather(*clients)


@pytest.mark.parametrize("kind", ["memory", "redis"])
async def test_a_dollar_holds_and_can_be_used(kind: str, redis_url: str) -> None:
    """litellm#34732, #26672: check-then-spend overshoots under concurrency."""
    stores: list[Store] = [MemoryStore(Clock())]
    if kind == "redis":
        stores = [RedisStore(redis_url, settle_in_us=0, patience_s=5) for _ in range(2)]
    desks = [BudgetDesk(store, Clock(), process=f"p{number}") for number, store in enumerate(stores)]
    for it in desks:
        it.use([budget(USD, period=Calendar("month"))])
        await it.tick()
    running = [asyncio.create_task(it.run()) for it in desks]
    till = Till()
    await crowd(desks, till, 2.5)
    assert USD * 97 // 100 <= till.settled <= USD
    async with asyncio.timeout(10):
        while any(the(it.standings(time.time_ns() // 1_000)).reserved for it in desks):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    for it in desks:
        assert the(it.standings(time.time_ns() // 1_000)).spent == till.settled
    for task in running:
        task.cancel()
    await asyncio.wait(running)
    for it in desks:
        await it.aclose()
