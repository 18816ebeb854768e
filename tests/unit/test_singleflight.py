from __future__ import annotations

import asyncio

import pytest

from cache.singleflight import Landed, Outcome, SingleFlight
from tests.fakes.kept_answers import key, partition

OURS, THEIRS = partition("ours"), partition("theirs")
KEY = key("Hello")
LONG_S = 30.0


async def turns() -> None:
    """Lets every task that can go on go on."""
    for _ in range(5):
        await asyncio.sleep(0)


def flights() -> SingleFlight[str]:
    return SingleFlight()


def waiting(it: SingleFlight[str], number: int = 1) -> list[asyncio.Task[Landed[str]]]:
    return [asyncio.create_task(it.enter(OURS, KEY).wait(LONG_S)) for _ in range(number)]


async def test_the_first_goes_out_and_the_others_get_its_answer() -> None:
    it = flights()
    first = it.enter(OURS, KEY)
    assert first.leads
    tasks = waiting(it, 3)
    await turns()
    with first:
        first.answer("hi")
    assert await asyncio.gather(*tasks) == [Landed(Outcome.ANSWERED, "hi")] * 3
    assert len(it) == 0
    assert it.enter(OURS, KEY).leads


async def test_partitions_and_keys_do_not_wait_for_each_other() -> None:
    it = flights()
    assert it.enter(OURS, KEY).leads
    assert it.enter(THEIRS, KEY).leads
    assert it.enter(OURS, key("Bye")).leads
    assert it.enter(OURS, KEY).waits


async def test_when_the_first_fails_the_next_goes_out_and_the_rest_wait_for_it() -> None:
    it = flights()
    first = it.enter(OURS, KEY)
    second = it.enter(OURS, KEY)
    task = asyncio.create_task(second.wait(LONG_S))
    await turns()
    others = waiting(it, 2)
    await turns()
    with pytest.raises(ConnectionError), first:
        raise ConnectionError
    assert await task == Landed(Outcome.LEADS)
    assert second.leads
    await turns()
    assert not any(other.done() for other in others)
    with second:
        second.answer("hi")
    assert [landed.answer for landed in await asyncio.gather(*others)] == ["hi", "hi"]


async def test_when_the_first_client_leaves_the_next_goes_out() -> None:
    it = flights()
    began = asyncio.Event()

    async def first() -> None:
        with it.enter(OURS, KEY):
            began.set()
            await asyncio.Event().wait()

    leader = asyncio.create_task(first())
    await began.wait()
    (other,) = waiting(it)
    await turns()
    leader.cancel()
    assert await other == Landed(Outcome.LEADS)


async def test_an_answer_that_is_not_for_others_sends_all_out_alone() -> None:
    it = flights()
    first = it.enter(OURS, KEY)
    tasks = waiting(it, 2)
    await turns()
    with first:
        first.release()
    assert await asyncio.gather(*tasks) == [Landed(Outcome.ALONE)] * 2
    assert len(it) == 0


async def test_who_waits_too_long_goes_out_alone_and_is_forgotten() -> None:
    it = flights()
    first = it.enter(OURS, KEY)
    late = it.enter(OURS, KEY)
    assert await late.wait(0) == Landed(Outcome.ALONE)
    assert not late.leads
    with first:
        pass
    assert len(it) == 0


async def test_a_waiting_client_that_leaves_is_forgotten() -> None:
    it = flights()
    first = it.enter(OURS, KEY)
    gone, stays = waiting(it, 2)
    await turns()
    gone.cancel()
    await turns()
    with first:
        pass
    assert await stays == Landed(Outcome.LEADS)


async def test_a_client_that_leaves_just_as_its_turn_comes_passes_it_on() -> None:
    it = flights()
    first = it.enter(OURS, KEY)
    chosen, other = waiting(it, 2)
    await turns()
    with first:
        pass
    chosen.cancel()  # it was chosen, and has not heard of it yet
    assert await other == Landed(Outcome.LEADS)
    with pytest.raises(asyncio.CancelledError):
        await chosen


async def test_a_turn_that_does_not_lead_says_nothing_to_others() -> None:
    it = flights()
    first = it.enter(OURS, KEY)
    other = it.enter(OURS, KEY)
    other.answer("wrong")
    other.release()
    (task,) = waiting(it)
    await turns()
    assert not task.done()
    with first:
        first.answer("right")
        first.answer("again")
    assert (await task).answer == "right"


async def test_flights_and_waiters_are_bounded() -> None:
    it: SingleFlight[str] = SingleFlight(max_flights=1, max_waiting=1)
    first = it.enter(OURS, KEY)
    (task,) = waiting(it)
    await turns()
    for turn in (it.enter(OURS, KEY), it.enter(THEIRS, KEY)):
        assert (turn.leads, turn.waits) == (False, False)
        with turn:
            turn.answer("alone")
    assert len(it) == 1
    with first:
        first.answer("hi")
    assert (await task).answer == "hi"
