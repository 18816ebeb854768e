"""Overspends and phantom refusals that users of other gateways reported, one test each (docs/threads.md)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import pytest

from gateway.answering import limit_headers
from gateway.bounds import DEFAULT_OUTPUT_TOKENS, output_bound_tokens
from gateway.budget_view import standing_json
from gateway.call import Api
from metering.budgets import Hold
from metering.budgets.memory_store import MemoryStore
from metering.budgets.model import Selector, Subject
from metering.budgets.redis_store import RedisStore
from metering.budgets.refusal import Refused
from metering.budgets.store import Reply, Request, SeedAmount, SeedAsk, Seeds, StateAway
from metering.ledger import LedgerUnavailable
from metering.money import format_usd
from tests.fakes.budgets import ALICE, BOB, EVE, MovedClock, bound, budget, desk, quiet, the
from tests.fakes.calls import chat_call, served


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock()


class Books:
    """A ledger that knows what each process spent."""

    def __init__(self, **spent: int) -> None:
        self.spent, self.away = spent, False

    async def __call__(self, asks: Sequence[SeedAsk]) -> Sequence[Seeds]:
        if self.away:
            raise LedgerUnavailable("not now")
        return [{(): self._sums(ask)} for ask in asks]

    def _sums(self, ask: SeedAsk) -> dict[str, SeedAmount]:
        cut = {process for process, _ in ask.cuts}
        wanted = {p: n for p, n in self.spent.items() if p not in cut and ask.process in (None, p)}
        return {process: SeedAmount(amount, 0) for process, amount in wanted.items()}


class Deaf(MemoryStore):
    """Of what it `loses` it hears nothing (a request), or does it and cannot say so (a reply)."""

    loses = ""

    async def exchange(self, request: Request) -> Reply:
        if self.loses == "requests":
            raise StateAway("the request was lost")
        reply = self.exchange_now(request)
        if self.loses == "replies":
            raise StateAway("the reply was lost")
        return reply


async def test_litellm_34732_concurrent_requests_of_one_session_cannot_pass_the_budget(
    clock: MovedClock,
) -> None:
    """litellm#34732: concurrent requests passed max_budget_per_session before spend was recorded."""
    it = desk(clock)
    it.use([budget(100, name="session", selector=Selector(tag=("session", "s1")))])
    session = ALICE._replace(tags=(("session", "s1"),))
    asked = [it.hold(session, bound(9), clock.now_us) for _ in range(200)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert sum(not isinstance(answer, BaseException) for answer in answers) == 11
    assert sum(isinstance(answer, Refused) for answer in answers) == 189
    await it.hold(ALICE._replace(tags=(("session", "s2"),)), bound(9), clock.now_us)


@pytest.mark.parametrize("state", ["memory", "redis"])
async def test_litellm_26672_a_key_that_never_spent_is_held_by_all_replicas(
    state: str, request: pytest.FixtureRequest
) -> None:
    """litellm#26672: max_budget of keys and users did not hold, first of all where no spend row existed."""
    clock = MovedClock(time.time_ns())
    shared = MemoryStore(clock)
    url = request.getfixturevalue("redis_url") if state == "redis" else ""
    stores = [RedisStore(url, settle_in_us=0, patience_s=5) if url else shared for _ in range(3)]
    replicas = [desk(clock, store, f"p{number}") for number, store in enumerate(stores)]
    for it in replicas:
        it.use([budget(100, name="each", selector=Selector(each="key"))])
    new = Subject("acme", "web", "made a moment ago")
    asked = [it.hold(new, bound(15), clock.now_us) for _ in range(30) for it in replicas]
    holds = [each for each in await asyncio.gather(*asked, return_exceptions=True) if isinstance(each, Hold)]
    assert len(holds) == 6
    for hold in holds:
        hold.settle(15, 0)
    await quiet(replicas, clock)
    for it in replicas:
        with pytest.raises(Refused, match="made a moment ago"):
            await it.hold(new, bound(11), clock.now_us)
    for store in stores:
        await store.aclose()


async def test_litellm_pr26845_what_exceeds_the_headroom_is_refused_and_never_cut_to_fit(
    clock: MovedClock,
) -> None:
    """litellm PR#26845: an estimate above the headroom was capped to it, so one request could overshoot."""
    it = desk(clock)
    it.use([budget(100)])
    (await it.hold(ALICE, bound(60), clock.now_us)).settle(60, 0)
    with pytest.raises(Refused) as refused:
        await it.hold(ALICE, bound(41), clock.now_us)
    assert (refused.value.needed, refused.value.spent, refused.value.reserved) == (41, 60, 0)
    (await it.hold(ALICE, bound(40), clock.now_us)).settle(40, 0)
    await quiet([it], clock)
    assert the(it.standings(clock.now_us)).spent == 100


async def test_litellm_35569_a_cleanup_that_is_done_twice_counts_once(clock: MovedClock) -> None:
    """litellm#35569: a reservation whose cleanup failed half way was counted beside the spend."""
    store = Deaf(clock)
    it = desk(clock, store)
    other = desk(clock, store, "p2")
    for each in (it, other):
        each.use([budget(1_000)])
    hold = await it.hold(ALICE, bound(200), clock.now_us)
    hold.settle(150, 0)
    store.loses = "replies"
    await it.tick()  # told, but nobody says so
    assert it.away == "the reply was lost"
    hold.settle(150, 0)
    hold.release()
    store.loses = ""
    await quiet([it, other], clock)
    for each in (it, other):
        row = the(each.standings(clock.now_us))
        assert (row.spent, row.reserved) == (150, 0)


async def test_litellm_pr30039_what_is_settled_while_the_state_is_away_is_charged(clock: MovedClock) -> None:
    """litellm PR#30039: spend was lost when the reconciliation after the answer failed."""
    store = Deaf(clock)
    it, other = desk(clock, store), desk(clock, store, "p2")
    for each in (it, other):
        each.use([budget(1_000)])
    holds = [await it.hold(ALICE, bound(100), clock.now_us) for _ in range(3)]
    await it.tick()
    holds[0].settle(90, 0)
    store.loses = "requests"
    await it.tick()
    assert it.away == "the request was lost"
    for hold in holds:
        hold.settle(90, 0)
    store.loses = ""
    await quiet([it, other], clock)
    row = the(other.standings(clock.now_us))
    assert (row.spent, row.reserved) == (270, 0)
    with pytest.raises(Refused):
        await other.hold(BOB, bound(731), clock.now_us)


async def test_litellm_36926_sustained_load_in_one_process_makes_no_phantom(clock: MovedClock) -> None:
    """litellm#36926: 'current cost' was the limit plus recent spend, though no budget was used up."""
    books = Books()
    it = desk(clock, seeder=books)
    it.use([budget(10_000)])
    spent = 0
    for turn in range(900):
        holds = [await it.hold(ALICE, bound(30), clock.now_us) for _ in range(5)]
        for hold in holds:
            hold.settle(2, 0)
            spent += 2
        books.spent["p1"] = spent  # its rows reach the ledger at once
        clock.advance(0.1)
        if turn % 3 == 0:
            await it.tick()
        assert the(it.standings(clock.now_us)).spent == spent
    with pytest.raises(Refused, match=f"spent {format_usd(spent)} USD,"):
        await it.hold(ALICE, bound(10_001 - spent), clock.now_us)


async def test_litellm_27735_a_refusal_and_the_view_show_one_number_and_corrections_count_at_once(
    clock: MovedClock,
) -> None:
    """litellm#27735: requests were refused by a stale spend that /key/info did not show."""
    store = MemoryStore(clock)
    it, other = desk(clock, store), desk(clock, store, "p2")
    for each in (it, other):
        each.use([budget(100)])
    (await it.hold(ALICE, bound(90), clock.now_us)).settle(90, 0)
    await quiet([it, other], clock)
    with pytest.raises(Refused) as refused:
        await other.hold(ALICE, bound(60), clock.now_us)
    shown = the(other.standings(clock.now_us))
    assert (refused.value.spent, refused.value.reserved) == (shown.spent, shown.reserved) == (90, 0)
    it.correct(ALICE, clock.now_us, -50, 0)  # a credit, seen by another gateway
    await it.tick()
    (await other.hold(ALICE, bound(60), clock.now_us)).release()
    await quiet([it, other], clock)
    assert the(other.standings(clock.now_us)).spent == 40


async def test_litellm_30460_a_crash_loop_leaves_what_the_ledger_says(clock: MovedClock) -> None:
    """litellm#30460: Redis said 50 where the database said 14, and the gap grew with every crash."""
    store = MemoryStore(clock)
    books = Books()
    live = desk(clock, store, "live", seeder=books)
    live.use([budget(1_000)])
    await live.tick()
    for number in range(6):
        name = f"crashing{number}"
        dying = desk(clock, store, name, ttl_s=1.0)
        dying.use([budget(1_000)])
        (await dying.hold(ALICE, bound(50), clock.now_us)).settle(3, 0)
        await dying.hold(ALICE, bound(100, expected=80), clock.now_us)
        await dying.tick()
        books.spent[name] = 5
        await quiet([live], clock)
        assert await live.closed(name)
    await quiet([live], clock)
    row = the(live.standings(clock.now_us))
    assert (row.spent, row.reserved) == (6 * 5, 0)


async def test_litellm_22726_without_a_budget_nothing_is_refused(clock: MovedClock) -> None:
    """litellm#22726: 'budget has been exceeded' where no budget was set."""
    it = desk(clock)
    it.use([budget(1)])
    with pytest.raises(Refused):
        await it.hold(ALICE, bound(2), clock.now_us)
    for budgets in ((), (budget(1, selector=Selector(tenant="globex")),)):
        it.use(budgets)
        for _ in range(3):
            (await it.hold(ALICE, bound(10**15, 10**9), clock.now_us)).settle(10**15, 10**9)
            (await it.permit(ALICE, clock.now_us)).release()
    with pytest.raises(Refused, match="tenant globex"):
        await it.hold(EVE, bound(2), clock.now_us)


def test_litellm_pr38647_a_large_max_tokens_reserves_no_more_than_the_model_can_say() -> None:
    """litellm PR#38647: one reservation for a huge `max_tokens` starved everybody else."""
    model = served(max_output_tokens=2_000)
    assert output_bound_tokens(chat_call(max_tokens=10**9), model) == 2_000
    assert output_bound_tokens(chat_call(max_tokens=10**9), served(context_tokens=8_192)) == 8_192
    assert output_bound_tokens(chat_call(max_completion_tokens=100, n=3), model) == 300


async def test_litellm_pr38647_a_request_too_large_for_the_rest_starves_nobody(clock: MovedClock) -> None:
    """litellm PR#38647: what was refused must not stand in the way of what fits."""
    it = desk(clock)
    it.use([budget(1_000)])
    for _ in range(50):
        with pytest.raises(Refused):
            await it.hold(ALICE, bound(5_000), clock.now_us)
        (await it.hold(BOB, bound(15), clock.now_us)).settle(15, 0)
    await quiet([it], clock)
    assert the(it.standings(clock.now_us)).spent == 750


def test_tensorzero_3648_a_request_without_max_tokens_is_estimated() -> None:
    """tensorzero#3648: limits on tokens made `max_tokens` compulsory."""
    assert output_bound_tokens(chat_call(), served()) == DEFAULT_OUTPUT_TOKENS
    assert output_bound_tokens(chat_call(max_tokens=None), served(max_output_tokens=300)) == 300
    assert output_bound_tokens(chat_call(api=Api.EMBEDDINGS), served()) == 0


async def test_bifrost_pr4123_scopes_add_to_each_other_and_none_replaces_another(clock: MovedClock) -> None:
    """bifrost PR#4123: what a key used was not counted when the request named a user as well."""
    selectors = {
        "organisation": Selector(),
        "tenant": Selector(tenant="acme"),
        "project": Selector(tenant="acme", project="web"),
        "key": Selector(tenant="acme", key="alice"),
        "user": Selector(tag=("user", "u1")),
        "each": Selector(each="key"),
    }
    it = desk(clock)
    it.use([budget(100, name=name, selector=selector) for name, selector in selectors.items()])
    (await it.hold(ALICE._replace(tags=(("user", "u1"),)), bound(40), clock.now_us)).settle(30, 0)
    assert {row.budget.name: row.spent for row in it.standings(clock.now_us)} == dict.fromkeys(selectors, 30)


async def test_langwatch_6141_a_budget_that_knows_nothing_shows_nothing_and_not_zero(
    clock: MovedClock,
) -> None:
    """langwatch#6141: budgets never accrued, and the page showed a confident $0."""
    books = Books(gone=70)
    books.away = True
    it = desk(clock, seeder=books)
    it.use([budget(100)])
    with pytest.raises(Refused) as refused:
        await it.hold(ALICE, bound(1), clock.now_us)
    assert refused.value.reason == "away"
    shown = standing_json(the(it.standings(clock.now_us)))
    assert (shown["state"], shown["spent"], shown["spent_nanos"], shown["remaining"]) == (
        "unseeded", None, None, None,
    )  # fmt: skip
    books.away = False
    clock.advance(2)
    await it.tick()
    await it.seeded()
    await it.hold(ALICE, bound(1), clock.now_us)
    assert standing_json(the(it.standings(clock.now_us)))["spent_nanos"] == 70


async def test_envoy_680_parallel_requests_cannot_all_see_the_same_free_tokens(clock: MovedClock) -> None:
    """envoyproxy/ai-gateway#680: what is charged after the answer lets all parallel requests pass."""
    it = desk(clock)
    it.use([budget(1_000, "tokens", per="minute"), budget(20, "requests", "rpm", per="minute")])
    asked = [it.hold(ALICE, bound(None, 300), clock.now_us) for _ in range(50)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert sum(not isinstance(answer, Refused) for answer in answers) == 3
    permits = [it.permit(ALICE, clock.now_us) for _ in range(50)]
    permitted = await asyncio.gather(*permits, return_exceptions=True)
    assert sum(not isinstance(answer, Refused) for answer in permitted) == 20


async def test_envoy_1754_what_remains_falls_with_every_answer(clock: MovedClock) -> None:
    """envoyproxy/ai-gateway#1754: x-ratelimit-remaining did not decrease after inference."""
    it = desk(clock)
    it.use([budget(1_000_000, "tokens", per="minute", selector=Selector(tenant="acme"))])

    def remaining(subject: Subject) -> int:
        headers = dict(limit_headers(it.limits(subject, clock.now_us), clock.now_us))
        return int(headers[b"x-ratelimit-remaining-tokens"])

    seen = []
    for _ in range(4):
        (await it.hold(ALICE, bound(None, 5_000), clock.now_us)).settle(None, 250)
        await it.tick()
        await it.tick()
        seen.append(remaining(ALICE))
    assert seen == [999_750, 999_500, 999_250, 999_000]
    assert remaining(BOB) == 999_000
    clock.advance(70)
    assert remaining(ALICE) == 1_000_000
