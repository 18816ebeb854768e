"""The desk: who is covered, what is refused and in which words, what a hold leaves behind."""

from __future__ import annotations

import asyncio

import pytest

from metering.budgets.model import MAX_LIMIT, Action, Budget, Selector, Subject
from metering.budgets.periods import Calendar, Rolling
from metering.budgets.refusal import Refused
from tests.fakes.budgets import (
    ALICE,
    BOB,
    EVE,
    USD,
    Heard,
    MovedClock,
    bound,
    budget,
    desk,
    quiet,
    the,
)  # fmt: skip


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock()


async def test_a_refusal_names_budget_limit_spent_reserved_and_reset(clock: MovedClock) -> None:
    """litellm#22726, #14144: say which budget."""
    it = desk(clock)
    it.use([budget(500 * USD, name="acme", selector=Selector(tenant="acme"))])
    (await it.hold(ALICE, bound(400 * USD), clock.now_us)).settle(390 * USD, 0)
    running = await it.hold(ALICE, bound(90 * USD), clock.now_us)
    await quiet([it], clock)
    with pytest.raises(Refused) as refused:
        await it.hold(ALICE, bound(30 * USD), clock.now_us)
    assert str(refused.value) == (
        "budget 'acme' (tenant acme, 500.00 USD per month): exceeded; limit 500.00 USD, spent 390.00 USD, "
        "reserved 90.00 USD, needed 30.00 USD; resets at 2026-02-01T00:00:00Z"
    )
    assert refused.value.retry_after_s == 1.0  # what is reserved may come back
    running.release()
    (await it.hold(ALICE, bound(30 * USD), clock.now_us)).settle(110 * USD, 0)
    with pytest.raises(Refused) as refused:
        await it.hold(ALICE, bound(1), clock.now_us)
    assert refused.value.retry_after_s == pytest.approx(30 * 86_400 + 82_794)


async def test_all_scopes_are_reserved_or_none(clock: MovedClock) -> None:
    it = desk(clock)
    it.use([
        budget(100, name="all"),
        budget(50, name="acme", selector=Selector(tenant="acme")),
        budget(10, "tokens", "web", selector=Selector(tenant="acme", project="web")),
    ])  # fmt: skip
    with pytest.raises(Refused, match="'web'"):
        await it.hold(ALICE, bound(20, 11), clock.now_us)
    await quiet([it], clock)
    assert [(row.spent, row.reserved) for row in it.standings(clock.now_us)] == [(0, 0)] * 3
    hold = await it.hold(ALICE, bound(20, 9), clock.now_us)
    assert [row.reserved for row in it.standings(clock.now_us)] == [20, 20, 9]
    hold.settle(7, 3)
    hold.settle(7, 3)
    hold.release()
    await quiet([it], clock)
    assert [(row.spent, row.reserved) for row in it.standings(clock.now_us)] == [(7, 0), (7, 0), (3, 0)]


@pytest.mark.parametrize(
    ("selector", "covered"),
    [
        (Selector(), "alice bob eve tagged"),
        (Selector(tenant="acme"), "alice bob"),
        (Selector(project="web"), "alice eve tagged"),
        (Selector(tenant="globex", project="web"), "eve tagged"),
        (Selector(tenant="acme", key="bob"), "bob"),
        (Selector(tag=("team", "a")), "tagged"),
    ],
)
async def test_whom_a_selector_covers(clock: MovedClock, selector: Selector, covered: str) -> None:
    subjects = {"alice": ALICE, "bob": BOB, "eve": EVE, "tagged": EVE._replace(tags=(("team", "a"),))}
    it = desk(clock)
    it.use([budget(5, selector=selector)])
    for name, subject in subjects.items():
        if name in covered.split():
            with pytest.raises(Refused):
                await it.hold(subject, bound(6), clock.now_us)
        else:
            (await it.hold(subject, bound(6), clock.now_us)).release()


async def test_each_key_has_a_counter_of_its_own_that_comes_into_being_with_its_first_request(
    clock: MovedClock,
) -> None:
    """litellm#40095: concurrent first requests of an unknown user went past the default budget."""
    it = desk(clock)
    it.use([budget(10, selector=Selector(each="key"))])
    first = [it.hold(Subject("acme", "web", "new"), bound(4), clock.now_us) for _ in range(20)]
    answers = await asyncio.gather(*first, return_exceptions=True)
    assert sum(not isinstance(answer, Refused) for answer in answers) == 2
    (await it.hold(Subject("acme", "web", "newer"), bound(10), clock.now_us)).settle(10, 0)
    (await it.hold(Subject("globex", "web", "newer"), bound(10), clock.now_us)).settle(1, 0)
    spent = {row.counter: row.spent for row in it.standings(clock.now_us)}
    assert spent == {"key acme/new": 0, "key acme/newer": 10, "key globex/newer": 1}


async def test_an_attempt_is_charged_to_the_period_it_started_in(clock: MovedClock) -> None:
    it = desk(clock)
    it.use([budget(100, per="hour")])
    hold = await it.hold(ALICE, bound(60), clock.now_us)
    clock.advance(3_600)
    assert the(it.standings(clock.now_us)).spent == 0
    other = await it.hold(ALICE, bound(60), clock.now_us)
    hold.settle(50, 0)
    other.settle(3, 0)
    await quiet([it], clock)
    assert (the(it.standings(clock.now_us)).spent, the(it.standings(clock.now_us)).reserved) == (3, 0)


async def test_a_rolling_minute_never_holds_more_than_its_limit(clock: MovedClock) -> None:
    it = desk(clock)
    it.use([budget(10, "requests", per="minute", selector=Selector(each="key"))])
    at: list[float] = []
    for _ in range(400):
        clock.advance(0.7)
        try:
            (await it.permit(ALICE, clock.now_us)).release()
        except Refused as refused:
            clock.advance(refused.retry_after_s / 10)
        else:
            at.append(clock.monotonic())
        if len(at) % 3 == 0:
            await it.tick()
    assert len(at) > 30
    assert all(later - first > 60 for first, later in zip(at, at[10:], strict=False))
    limits = it.limits(ALICE, clock.now_us)
    assert [(left.unit, left.limit) for left in limits] == [("requests", 10)]


async def test_concurrency_counts_what_runs(clock: MovedClock) -> None:
    it = desk(clock)
    it.use([budget(2, "concurrency")])
    one, two = await it.permit(ALICE, clock.now_us), await it.permit(BOB, clock.now_us)
    with pytest.raises(Refused, match=r"2 concurrent requests\): exceeded.*reserved 2 concurrent") as refused:
        await it.permit(EVE, clock.now_us)
    assert (refused.value.resets_us, refused.value.retry_after_s) == (None, 1.0)
    one.release()
    one.release()
    three = await it.permit(EVE, clock.now_us)
    with pytest.raises(Refused):
        await it.permit(EVE, clock.now_us)
    two.release()
    three.release()
    await quiet([it], clock)
    assert (the(it.standings(clock.now_us)).spent, the(it.standings(clock.now_us)).reserved) == (0, 0)


async def test_a_permit_takes_all_its_limits_or_none(clock: MovedClock) -> None:
    it = desk(clock)
    it.use([budget(5, "requests", "rpm", per="minute"), budget(1, "concurrency", "running")])
    running = await it.permit(ALICE, clock.now_us)
    for _ in range(5):
        with pytest.raises(Refused, match="running"):
            await it.permit(ALICE, clock.now_us)
    assert the(it.standings(clock.now_us), "rpm").spent == 1
    running.release()


async def test_an_unknown_price_is_marked_and_never_zero(clock: MovedClock) -> None:
    it = desk(clock)
    it.use([budget(100), budget(100, "tokens", "tokens")])
    (await it.hold(ALICE, bound(None, 30), clock.now_us)).settle(None, 20)
    row = the(it.standings(clock.now_us))
    assert (row.spent, row.unknown_events) == (0, 1)
    assert the(it.standings(clock.now_us), "tokens").spent == 20


async def test_what_costs_more_than_its_bound_is_charged_in_full(clock: MovedClock) -> None:
    it = desk(clock)
    it.use([budget(100)])
    (await it.hold(ALICE, bound(10), clock.now_us)).settle(250, 0)
    assert (the(it.standings(clock.now_us)).spent, it.overruns) == (250, 1)
    with pytest.raises(Refused):
        await it.hold(ALICE, bound(1), clock.now_us)
    assert the(it.standings(clock.now_us)).remaining == 0


LADDER: tuple[tuple[int, Action], ...] = ((50, "notify"), (80, "economy"), (90, "notify"), (100, "refuse"))


async def test_each_rung_is_announced_once_and_the_strongest_holds(clock: MovedClock) -> None:
    heard = Heard()
    it = desk(clock, heard=heard)
    it.use([budget(1_000, ladder=LADDER)])
    seen = []
    for _ in range(10):
        (await it.hold(ALICE, bound(100), clock.now_us)).settle(100, 0)
        await quiet([it], clock)
        seen.append(it.action(ALICE, clock.now_us))
    assert seen == [None] * 4 + ["notify"] * 3 + ["economy"] * 2 + ["refuse"]
    assert [(percent, action) for _, percent, action in heard.notices] == list(LADDER)
    with pytest.raises(Refused):
        await it.hold(ALICE, bound(1), clock.now_us)


async def test_without_refuse_nothing_is_refused_and_above_100_only_there(
    clock: MovedClock,
) -> None:
    it = desk(clock)
    it.use([
        budget(100, name="soft", ladder=((80, "notify"),)),
        budget(100, name="hard", ladder=((120, "refuse"),)),
    ])  # fmt: skip
    (await it.hold(ALICE, bound(120), clock.now_us)).settle(120, 0)
    with pytest.raises(Refused, match=r"'hard'.*limit 0.00000012 USD"):
        await it.hold(ALICE, bound(1), clock.now_us)
    assert it.action(ALICE, clock.now_us) == "refuse"
    it.use([budget(100, name="soft", ladder=((80, "notify"),))])
    (await it.hold(ALICE, bound(120), clock.now_us)).settle(120, 0)
    await quiet([it], clock)
    assert (the(it.standings(clock.now_us), "soft").spent, it.action(ALICE, clock.now_us)) == (240, "notify")


async def test_a_new_limit_keeps_what_was_spent(clock: MovedClock) -> None:
    it = desk(clock)
    it.use([budget(100)])
    (await it.hold(ALICE, bound(90), clock.now_us)).settle(80, 0)
    hold = await it.hold(ALICE, bound(15), clock.now_us)
    it.use([budget(40, name="renamed")])
    assert the(it.standings(clock.now_us), "renamed").spent == 80
    with pytest.raises(Refused):
        await it.hold(ALICE, bound(1), clock.now_us)
    it.use([budget(200)])
    (await it.hold(ALICE, bound(100), clock.now_us)).release()
    hold.settle(15, 0)
    await quiet([it], clock)
    assert (the(it.standings(clock.now_us)).spent, the(it.standings(clock.now_us)).reserved) == (95, 0)


async def test_two_budgets_on_the_same_thing_count_each_for_itself(clock: MovedClock) -> None:
    it = desk(clock)
    it.use([budget(100, name="a"), budget(50, name="b")])
    (await it.hold(ALICE, bound(50), clock.now_us)).settle(50, 0)
    with pytest.raises(Refused, match="'b'"):
        await it.hold(ALICE, bound(1), clock.now_us)
    assert [row.spent for row in it.standings(clock.now_us)] == [50, 50]


async def test_a_budget_that_comes_while_an_attempt_runs_counts_it(clock: MovedClock) -> None:
    it = desk(clock)
    it.use([budget(100)])
    hold = await it.hold(ALICE, bound(10), clock.now_us)
    it.use([budget(100), budget(100, name="new", selector=Selector(tenant="acme"))])
    hold.settle(9, 0)
    assert [row.spent for row in it.standings(clock.now_us)] == [9, 9]


async def test_a_correction_changes_the_period_of_what_it_corrects(clock: MovedClock) -> None:
    it = desk(clock)
    it.use([budget(100, per="hour")])
    started_us = clock.now_us
    (await it.hold(ALICE, bound(60), started_us)).settle(50, 0)
    it.correct(ALICE, started_us, -20, 0)
    assert the(it.standings(clock.now_us)).spent == 30
    clock.advance(3_600)
    it.correct(ALICE, started_us, 40, 0)
    it.correct(ALICE, clock.now_us, None, 0)
    assert the(it.standings(clock.now_us)).spent == 0


async def test_a_client_that_leaves_while_its_hold_is_asked_for_leaves_nothing(clock: MovedClock) -> None:
    it = desk(clock)
    it.use([budget(100)])
    asking = asyncio.create_task(it.hold(ALICE, bound(60), clock.now_us))
    asking.cancel()
    await asyncio.wait({asking})
    await quiet([it], clock)
    assert the(it.standings(clock.now_us)).reserved == 0


def test_labels() -> None:
    monthly = Calendar("month")
    assert Budget("b", Selector(tenant="acme"), "usd", 500 * USD, monthly).label == (
        "tenant acme: 500.00 USD per month"
    )
    assert Budget("b", Selector(each="key"), "requests", 60, Rolling(60)).label == (
        "each key: 60 requests per rolling minute"
    )
    assert Budget("b", Selector(tag=("team", "a")), "concurrency", 5).label == (
        "tag team=a: 5 concurrent requests"
    )


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"unit": "euro"}, "unit"),
        ({"limit": -1}, "limit"),
        ({"limit": MAX_LIMIT + 1}, "limit"),
        ({"period": None}, "period"),
        ({"unit": "concurrency"}, "period"),
        ({"open_up_to": -1}, "open_up_to"),
        ({"ladder": ((90, "refuse"), (80, "notify"))}, "ladder"),
        ({"ladder": ((0, "refuse"),)}, "ladder"),
        ({"ladder": ((80, "shout"),)}, "ladder"),
    ],
)
def test_what_makes_no_sense_is_named(changes: dict[str, object], field: str) -> None:
    good: dict[str, object] = {"unit": "usd", "limit": 5, "period": Calendar("day")}
    with pytest.raises(ValueError, match=f"^{field}: "):
        Budget("b", Selector(), **{**good, **changes})  # type: ignore[arg-type]
