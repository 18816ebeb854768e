"""Several clocks, one time line."""

from __future__ import annotations

from dataclasses import replace

from metering.gpu.clock import Offset, Reading, estimate_offset, place, place_all
from tests.fakes.gpu_time import held, seconds


def test_the_quickest_exchange_tells_the_offset() -> None:
    slow = Reading(sent_ns=1_000, reference_ns=100, received_ns=1_500)
    quick = Reading(sent_ns=2_000, reference_ns=1_005, received_ns=2_020)
    assert estimate_offset([slow, quick]) == estimate_offset([quick, slow]) == Offset(1_005, 10)


def test_an_offset_within_its_error_is_none() -> None:
    assert Offset(10, 10).correction_ns == 0
    assert Offset(-11, 10).correction_ns == -11


def test_a_reading_received_before_it_was_sent_says_nothing() -> None:
    assert estimate_offset([Reading(10, 5, 9)]) is None


def test_possible_times_are_left_alone() -> None:
    attempt = held("a", 1, 3, first_token_ns=seconds(2))
    placed = place(attempt, seconds(1))
    times = (placed.dispatch_ns, placed.first_token_ns, placed.last_token_ns)
    assert (*times, placed.mark) == (0, seconds(1), seconds(2), "")


def test_a_first_token_before_dispatch_is_moved_up_to_it() -> None:
    placed = place(held("a", 1, 3, first_token_ns=0))
    assert (placed.first_token_ns, placed.last_token_ns, placed.mark) == (seconds(1), seconds(3), "clamped")


def test_a_first_token_after_the_last_is_moved_down_to_it() -> None:
    placed = place(held("a", 1, 3, first_token_ns=seconds(9)))
    assert (placed.first_token_ns, placed.last_token_ns, placed.mark) == (seconds(3), seconds(3), "clamped")


def test_an_end_before_the_start_is_moved_to_where_the_engine_puts_it() -> None:
    attempt = replace(held("a", 5, 5), last_token_ns=0, prefill_us=2, decode_us=3)
    placed = place(attempt)
    assert (placed.last_token_ns - placed.dispatch_ns, placed.mark) == (5_000, "clamped")


def test_of_equal_revisions_the_longer_counts_and_order_never_does() -> None:
    short, long = held("a", 0, 1), held("a", 0, 2)
    twin = replace(long, tenant="other")
    assert place_all([short, long], {}) == place_all([long, short], {}) == [place(long)]
    assert place_all([twin, long], {}) == place_all([long, twin], {})


def test_a_clamped_moment_is_in_exactly_one_of_two_windows() -> None:
    moment = place(held("a", 5, 5))
    assert moment.touches(seconds(5), seconds(6))
    assert not moment.touches(seconds(4), seconds(5))
