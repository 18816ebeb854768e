"""Redis frozen, killed, restarted empty and failed over, while holds are asked for: nobody waits long, what
is granted meanwhile stays within the stated exposure, and afterwards every counter is right."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, suppress

import pytest

from metering.budgets.desk import BudgetDesk, Hold
from metering.budgets.model import Budget, Selector
from metering.budgets.redis_store import RedisStore
from metering.budgets.refusal import Refused
from metering.budgets.store import StateAway
from tests import redis_server
from tests.fakes.budgets import ALICE, Heard, bound, budget, the

LONGEST_S = 0.25 + 0.1  # the second for an event loop that others keep waiting
OPEN = 600
CLOSED = budget(100_000, name="closed", selector=Selector(tenant="acme"))
OPENED = budget(100_000, name="open", open_up_to=OPEN)


class Clock:
    wall_ns = staticmethod(time.time_ns)
    monotonic = staticmethod(time.monotonic)

    @property
    def now_us(self) -> int:
        return time.time_ns() // 1_000


CLOCK = Clock()


@pytest.fixture
def server() -> Iterator[redis_server.Server]:
    """One that may be hurt."""
    with redis_server.server() as running:
        yield running


@asynccontextmanager
async def desks(url: str, *budgets: Budget, number: int = 2) -> AsyncIterator[list[tuple[BudgetDesk, Heard]]]:
    made = []
    for position in range(number):
        heard = Heard()
        it = BudgetDesk(
            RedisStore(url, settle_in_us=300_000),
            CLOCK,
            process=f"p{position}",
            on_state=heard.states.append,
            on_notify=heard.notice,
        )
        it.use(budgets)
        await it.tick()
        made.append((it, heard))
    running = [asyncio.create_task(it.run()) for it, _ in made]
    try:
        await until(lambda: all(row.state == "ok" for it, _ in made for row in it.standings(CLOCK.now_us)))
        yield made
    finally:
        for task in running:
            task.cancel()
        await asyncio.wait(running)
        for it, _ in made:
            await it.aclose()


class Load:
    """Clients that ask, wait a moment, settle, and ask again."""

    def __init__(self, it: BudgetDesk, size: int) -> None:
        self.desk, self.size = it, size
        self.longest_s, self.settled = 0.0, 0
        self.refusals: list[Refused] = []

    async def one(self) -> None:
        began = time.monotonic()
        try:
            hold: Hold | None = await self.desk.hold(ALICE, bound(self.size), CLOCK.now_us)
        except Refused as refused:
            self.refusals.append(refused)
            hold = None
        self.longest_s = max(self.longest_s, time.monotonic() - began)
        if hold is None:
            return
        await asyncio.sleep(0)
        hold.settle(self.size // 2, 0)
        self.settled += self.size // 2

    async def until(self, end: asyncio.Event, clients: int = 4) -> None:
        async def client() -> None:
            while not end.is_set():
                await self.one()
                await asyncio.sleep(0.005)  # a client's own pace

        await asyncio.gather(*(client() for _ in range(clients)))


async def until(what: Callable[[], bool], within_s: float = 10.0) -> None:
    async with asyncio.timeout(within_s):
        while not what():  # noqa: ASYNC110 - what is waited for is another process
            await asyncio.sleep(0.01)


async def back(made: list[tuple[BudgetDesk, Heard]]) -> None:
    """Everybody noticed the return."""
    await until(lambda: all(None in heard.states for _, heard in made))


async def all_say(made: list[tuple[BudgetDesk, Heard]], name: str, spent: int) -> None:
    """Everybody sees as much spent and nothing reserved, and the state knows its past."""

    def rows() -> list[tuple[int, int, str]]:
        found = [the(it.standings(CLOCK.now_us), name) for it, _ in made]
        return [(row.spent, row.reserved, row.state) for row in found]

    with suppress(TimeoutError):
        await until(lambda: rows() == [(spent, 0, "ok")] * len(made))
    assert rows() == [(spent, 0, "ok")] * len(made)


def changes(heard: Heard) -> list[str]:
    return ["back" if cause is None else "away" for cause in heard.states]


def hurt(how: str, server: redis_server.Server) -> None:
    (server.freeze if how == "frozen" else server.kill)()


def heal(how: str, server: redis_server.Server) -> None:
    (server.thaw if how == "frozen" else server.start)()


@pytest.mark.parametrize("how", ["frozen", "killed"])
async def test_nobody_waits_and_nothing_is_lost(server: redis_server.Server, how: str) -> None:
    """litellm#35273, #34299, #40620, #36804, #34238."""
    async with desks(server.url, OPENED) as made:
        loads = [Load(it, 10) for it, _ in made]
        for load in loads:
            await load.one()
        end = asyncio.Event()
        under_load = asyncio.gather(*(load.until(end) for load in loads))
        await asyncio.sleep(0.1)
        hurt(how, server)
        before = [load.settled for load in loads]
        await asyncio.sleep(1.0)
        meanwhile = sum(load.settled for load in loads) - sum(before)
        heal(how, server)
        await back(made)
        await asyncio.sleep(0.1)
        end.set()
        await under_load
        slices = 2 * 100_000 // 128
        assert 0 < meanwhile <= OPEN + slices
        assert max(load.longest_s for load in loads) < LONGEST_S
        assert [changes(heard) for _, heard in made] == [["away", "back"]] * 2
        await all_say(made, "open", sum(load.settled for load in loads))


async def test_a_closed_budget_refuses_while_redis_is_away_and_says_so(server: redis_server.Server) -> None:
    async with desks(server.url, CLOSED, number=1) as made:
        (it, heard) = made[0]
        (await it.hold(ALICE, bound(10), CLOCK.now_us)).settle(10, 0)
        server.freeze()
        began = time.monotonic()
        with pytest.raises(Refused, match=r"'closed'.*closed meanwhile") as refused:
            await it.hold(ALICE, bound(5_000), CLOCK.now_us)
        assert time.monotonic() - began < LONGEST_S
        assert (refused.value.reason, refused.value.retry_after_s) == ("away", 1.0)
        assert the(it.standings(CLOCK.now_us), "closed").state == "away"
        assert "no answer within 0.1 s" in str(heard.states[0])
        server.thaw()
        await back(made)
        (await it.hold(ALICE, bound(5_000), CLOCK.now_us)).release()


async def test_the_exposure_is_of_all_gateways_together(server: redis_server.Server) -> None:
    """litellm#34238, grob#566."""
    async with desks(server.url, OPENED) as made:
        await asyncio.sleep(0.6)  # so that both know of both
        server.kill()
        holds = []
        for it, _ in made:
            with suppress(Refused):
                while True:
                    holds.append(await it.hold(ALICE, bound(100), CLOCK.now_us))
        assert len(holds) * 100 <= OPEN
        assert len(holds) == 6
        server.start()
        await back(made)
        rows = [the(it.standings(CLOCK.now_us), "open") for it, _ in made]
        assert max(row.reserved for row in rows) >= OPEN
        for hold in holds:
            hold.settle(100, 0)
        await all_say(made, "open", OPEN)


async def test_a_server_that_comes_back_empty_is_told_everything_again(server: redis_server.Server) -> None:
    async with desks(server.url, CLOSED, budget(5, "concurrency", "running")) as made:
        permits = [await it.permit(ALICE, CLOCK.now_us) for it, _ in made for _ in range(2)]
        for it, _ in made:
            (await it.hold(ALICE, bound(300), CLOCK.now_us)).settle(300, 0)
        running = await made[0][0].hold(ALICE, bound(40_000), CLOCK.now_us)
        server.restart_empty()
        with closing(server.client()) as client:
            await until(lambda: bool(client.exists("{weir}:budgets:seeded")))
        with pytest.raises(Refused, match=r"spent 0\.0000006 USD, reserved 0\.00004"):
            await made[1][0].hold(ALICE, bound(60_000), CLOCK.now_us)
        fifth = await made[0][0].permit(ALICE, CLOCK.now_us)
        with pytest.raises(Refused, match="running"):
            await made[1][0].permit(ALICE, CLOCK.now_us)
        running.release()
        for permit in [*permits, fifth]:
            permit.release()
        await all_say(made, "closed", 600)
        await all_say(made, "running", 0)


async def test_data_that_vanishes_under_a_living_connection_is_told_again(
    server: redis_server.Server,
) -> None:
    async with desks(server.url, CLOSED) as made:
        for it, _ in made:
            (await it.hold(ALICE, bound(300), CLOCK.now_us)).settle(300, 0)
            await it.tick()
        with closing(server.client()) as client:
            client.flushall()
        await all_say(made, "closed", 600)
        assert all(heard.states == [] for _, heard in made)


async def test_a_failover_that_lost_writes_loses_nothing(server: redis_server.Server) -> None:
    """The sentinel's part is played here: the old master is killed, and the replica leads on its port."""
    with redis_server.server() as replica:
        replica.follow(server)
        async with desks(server.url, CLOSED) as made:
            (await made[0][0].hold(ALICE, bound(300), CLOCK.now_us)).settle(300, 0)
            await made[0][0].tick()
            replica.freeze()  # so that it misses what follows
            for it, _ in made:
                (await it.hold(ALICE, bound(70), CLOCK.now_us)).settle(70, 0)
                await it.tick()
            server.kill()
            replica.thaw()
            replica.lead()
            with redis_server.relayed(server.port, replica.port):
                await all_say(made, "closed", 440)
                assert all(changes(heard) in ([], ["away", "back"]) for _, heard in made)


async def test_a_sentinel_names_the_new_master(server: redis_server.Server) -> None:
    with redis_server.server() as replica:
        replica.follow(server)
        with redis_server.sentinel(server) as watching:
            url = f"redis+sentinel://127.0.0.1:{watching.port},127.0.0.1:1/weir/0"
            async with desks(url, CLOSED) as made:
                for it, _ in made:
                    (await it.hold(ALICE, bound(70), CLOCK.now_us)).settle(70, 0)
                with closing(watching.client()) as client:
                    await until(lambda: bool(client.execute_command("SENTINEL", "REPLICAS", "weir")), 20)
                server.kill()
                await until(lambda: all(heard.states for _, heard in made))
                await back(made)
                await all_say(made, "closed", 140)
                assert [changes(heard) for _, heard in made] == [["away", "back"]] * 2


async def test_a_process_that_never_saw_the_state_opens_nothing(server: redis_server.Server) -> None:
    """grob#566: every replica that starts during an outage would open the whole amount anew."""
    server.kill()
    it = BudgetDesk(RedisStore(server.url), CLOCK, process="late")
    it.use([OPENED])
    with pytest.raises(Refused) as refused:
        await it.hold(ALICE, bound(1), CLOCK.now_us)
    assert refused.value.reason == "away"
    await it.aclose()


async def test_a_master_that_became_a_replica_is_away_and_named(server: redis_server.Server) -> None:
    with redis_server.server() as other:
        async with desks(server.url, CLOSED, number=1) as made:
            it, heard = made[0]
            server.follow(other)
            await until(lambda: bool(heard.states))
            assert "read only replica" in str(heard.states[0])
            server.lead()
            await back(made)
            await all_say(made, "closed", 0)
            await it.hold(ALICE, bound(10), CLOCK.now_us)


async def test_a_server_that_forbids_scripts_is_named_at_the_start(server: redis_server.Server) -> None:
    """litellm#32232: SCRIPT was blocked, and limits were silently per replica."""
    with closing(server.client()) as client:
        for name, commands in (("weak", ["-@scripting"]), ("half", ["-evalsha"])):
            client.execute_command("ACL", "SETUSER", name, "on", ">pw", "~*", "+@all", *commands)
    weak, half = (server.url.replace("//", f"//{name}:pw@") for name in ("weak", "half"))
    store = RedisStore(weak)
    with pytest.raises(StateAway, match=r"does not allow what budgets need \(EVAL\)"):
        await store.questions()
    await store.aclose()
    async with desks(half, CLOSED, number=1) as made:
        (await made[0][0].hold(ALICE, bound(10), CLOCK.now_us)).release()
        assert made[0][1].states == []


async def test_a_server_that_evicts_is_questioned(server: redis_server.Server) -> None:
    store = RedisStore(server.url)
    assert await store.questions() == []
    with closing(server.client()) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
    (question,) = await store.questions()
    assert "noeviction" in question
    await store.aclose()


@pytest.mark.parametrize(
    "url",
    ["http://here", "redis+sentinel://here:1", "redis+sentinel://here:x/mymaster", "redis+sentinel:///m/0"],
)
def test_an_address_that_makes_no_sense_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"^state: "):
        RedisStore(url)
