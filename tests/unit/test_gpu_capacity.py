"""Up-time, in GPU nanoseconds and nano-dollars."""

from __future__ import annotations

from decimal import Decimal

import pytest

from metering.gpu.capacity import (
    NS_PER_HOUR,
    WINDOW_NS,
    GpuPrice,
    UpInterval,
    capacity_nanos,
    capacity_ns,
    merge_intervals,
    window_start,
    windows,
)
from tests.fakes.gpu_time import seconds, up

HOUR = UpInterval(0, 0, NS_PER_HOUR)


def test_an_hour_of_two_gpus_costs_twice_the_price() -> None:
    price = GpuPrice(Decimal("2.49"), 2)
    assert capacity_ns([HOUR], 0, NS_PER_HOUR, 2) == 2 * NS_PER_HOUR
    assert capacity_nanos([HOUR], 0, NS_PER_HOUR, price) == 4_980_000_000


def test_minutes_that_do_not_divide_evenly_still_add_up() -> None:
    """$1 an hour is 16,666,666.67 nano-dollars a minute."""
    price = GpuPrice(Decimal(1), 1)
    minutes = [capacity_nanos([HOUR], start, end, price) for start, end in windows(0, NS_PER_HOUR)]
    assert len(minutes) == 60
    assert set(minutes) == {16_666_666, 16_666_667}
    assert sum(minutes) == 1_000_000_000


def test_only_the_time_up_counts() -> None:
    intervals = [up(5, 5, 20), up(50, 50, None)]
    assert capacity_ns(intervals, 0, seconds(60), 1) == seconds(25)
    assert capacity_ns(intervals, seconds(20), seconds(50), 1) == 0
    assert capacity_nanos(intervals, seconds(20), seconds(50), GpuPrice(Decimal(1), 1)) == 0


def test_two_observers_of_one_life_are_one_interval() -> None:
    seen = [UpInterval(10, None, 50), UpInterval(12, 20, None), UpInterval(11, 18, 40)]
    assert merge_intervals(seen) == [UpInterval(10, 18, None)]
    assert merge_intervals(reversed(seen)) == [UpInterval(10, 18, None)]


def test_a_restart_has_a_warm_up_of_its_own() -> None:
    lives = [UpInterval(0, 2, 10), UpInterval(10, 13, 20)]
    assert merge_intervals(lives) == lives


def test_windows_are_aligned_to_the_epoch() -> None:
    assert window_start(WINDOW_NS + 1) == WINDOW_NS
    assert list(windows(WINDOW_NS - 1, WINDOW_NS + 1)) == [(0, WINDOW_NS), (WINDOW_NS, 2 * WINDOW_NS)]
    assert list(windows(5, 5)) == []


@pytest.mark.parametrize("usd", ["-1", "NaN", "Infinity"])
def test_a_price_is_a_finite_amount(usd: str) -> None:
    with pytest.raises(ValueError, match="usd_per_hour"):
        GpuPrice(Decimal(usd), 1)


def test_no_gpus_have_no_price() -> None:
    with pytest.raises(ValueError, match="count"):
        GpuPrice(Decimal(1), 0)


def test_times_of_an_interval_run_forwards() -> None:
    with pytest.raises(ValueError, match="went down"):
        UpInterval(5, 5, 4)
    with pytest.raises(ValueError, match="ready"):
        UpInterval(5, 4, None)
