"""The figure at settle time."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from metering.gpu.capacity import GpuPrice
from metering.gpu.provisional import Presence, Provisional, provisional
from tests.fakes.gpu_time import EVEN, ONE_GPU, held, seconds


def test_presence_gives_the_even_split_of_the_check_vector() -> None:
    presence = Presence(0)
    a = presence.begin(seconds(0))
    b = presence.begin(seconds(2))
    assert presence.active == 2
    assert presence.end(a, seconds(4)) == seconds(3)
    c = presence.begin(seconds(5))
    assert presence.end(c, seconds(5.5)) == seconds(0.25)
    assert presence.end(b, seconds(6)) == seconds(2.75)


def test_a_clock_that_runs_backwards_stands_still() -> None:
    presence = Presence(seconds(10))
    begun = presence.begin(seconds(10))
    presence.begin(seconds(9))
    assert presence.end(begun, seconds(12)) == seconds(1)


def test_alone_it_is_the_whole_wall_time() -> None:
    two = GpuPrice(Decimal("3.6"), 2)
    assert provisional(held("a", 0, 4), EVEN, two, seconds(4)) == Provisional(seconds(8), 8_000_000)


def test_before_anything_is_usual_the_split_is_even() -> None:
    assert provisional(held("a", 0, 4), EVEN, ONE_GPU, seconds(2)).gpu_ns == seconds(2)


def test_one_that_works_three_times_as_hard_as_usual_has_three_quarters_beside_one_other() -> None:
    """40 microseconds of work in 4 s is its rate; a third of that is usual."""
    usual = (10_000, seconds(3))
    assert provisional(held("a", 0, 4), EVEN, ONE_GPU, seconds(2), usual).gpu_ns == seconds(3)


def test_unknown_tokens_split_evenly_and_no_work_is_free() -> None:
    usual = (10_000, seconds(3))
    unknown = replace(held("a", 0, 4), decode_tokens=None)
    assert provisional(unknown, EVEN, ONE_GPU, seconds(2), usual).gpu_ns == seconds(2)
    assert provisional(held("a", 0, 4, tokens=0), EVEN, ONE_GPU, seconds(4), usual) == Provisional(0, 0)


def test_never_more_than_wall_time_and_never_less_than_nothing() -> None:
    assert provisional(held("a", 0, 4), EVEN, ONE_GPU, seconds(9)).gpu_ns == seconds(4)
    backwards = replace(held("a", 0, 4), last_token_ns=-5)
    assert provisional(backwards, EVEN, ONE_GPU, seconds(9)).gpu_ns == 0


def test_what_is_usual_fades() -> None:
    presence = Presence(0)
    presence.note(100, seconds(599))
    presence.note(300, seconds(1))
    assert presence.usual == (400, seconds(600))
    presence.note(0, 2)
    assert presence.usual == (200, seconds(300) + 1)
