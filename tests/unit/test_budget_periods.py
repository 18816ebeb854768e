"""When counters begin and end, with the hours that a clock change adds and takes."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.budgets.periods import Calendar, Per, Rolling, iso
from metering.periods import NoSuchZone

HOUR_US = 3_600_000_000


def us(text: str, zone: str = "UTC") -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()) * 1_000_000


@pytest.mark.parametrize(
    ("at", "hours"),
    [("2026-03-29T12:00", 23), ("2026-10-25T12:00", 25), ("2026-06-01T12:00", 24)],
)
def test_a_day_has_23_or_25_hours_when_the_clocks_change(at: str, hours: int) -> None:
    """litellm#34896: a 24 h budget covered 32 h."""
    span = Calendar("day", "Europe/Berlin").bucket(us(at, "Europe/Berlin"))
    assert span.start_us == us(at[:10] + "T00:00", "Europe/Berlin")
    assert span.end_us - span.start_us == hours * HOUR_US


def test_both_of_the_hours_that_have_one_name_belong_to_the_same_day_and_to_an_hour_each() -> None:
    first = us("2026-10-25T00:30")  # 02:30 in Berlin, and an hour later again
    day, hour = Calendar("day", "Europe/Berlin"), Calendar("hour", "Europe/Berlin")
    assert day.bucket(first) == day.bucket(first + HOUR_US)
    assert hour.bucket(first).end_us == hour.bucket(first + HOUR_US).start_us


def test_an_hour_is_the_zones_own() -> None:
    span = Calendar("hour", "Asia/Kolkata").bucket(us("2026-01-01T00:10"))
    assert iso(span.start_us) == "2025-12-31T23:30:00Z"


@pytest.mark.parametrize(
    ("at", "start", "end"),
    [
        ("2026-02-28T23:59:59", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"),
        ("2028-02-29T00:00:00", "2028-02-01T00:00:00Z", "2028-03-01T00:00:00Z"),
        ("2026-12-31T23:59:59", "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"),
        ("2026-01-31T00:00:00", "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"),
    ],
)
def test_months_end_when_they_end(at: str, start: str, end: str) -> None:
    span = Calendar("month").bucket(us(at))
    assert (iso(span.start_us), iso(span.end_us)) == (start, end)


def test_a_week_starts_on_monday() -> None:
    sunday = Calendar("week", "America/New_York").bucket(us("2026-11-01T12:00", "America/New_York"))
    assert sunday.start_us == us("2026-10-26T00:00", "America/New_York")
    assert sunday.end_us - sunday.start_us == (7 * 24 + 1) * HOUR_US


ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Africa/Cairo"])
INSTANTS = st.integers(us("2020-01-01T00:00"), us("2034-01-01T00:00"))


@given(st.sampled_from(["hour", "day", "week", "month"]), ZONES, INSTANTS)
def test_buckets_follow_each_other_without_a_gap(per: Per, zone: str, instant: int) -> None:
    calendar = Calendar(per, zone)
    span = calendar.bucket(instant)
    assert span.start_us <= instant < span.end_us
    assert calendar.bucket(span.start_us) == calendar.bucket(span.end_us - 1) == span
    assert calendar.bucket(span.end_us).start_us == span.end_us


@given(st.integers(1, 100_000), st.integers(1, 60), INSTANTS)
def test_any_rolling_window_that_ends_now_lies_within_what_is_counted(
    seconds: int, buckets: int, now: int
) -> None:
    rolling = Rolling(seconds, buckets)
    counted = rolling.window(rolling.bucket(now))
    assert counted[-1].start_us <= now - seconds * 1_000_000
    assert now < counted[0].end_us
    assert all(newer.start_us == older.end_us for newer, older in pairwise(counted))
    assert rolling.resets_us(counted[0]) == counted[0].start_us + len(counted) * rolling.width_us


def test_what_makes_no_sense_is_named() -> None:
    with pytest.raises(ValueError, match="per: 'year'"):
        Calendar("year")  # type: ignore[arg-type]
    with pytest.raises(NoSuchZone, match="Mars"):
        Calendar("day", "Mars/Olympus")
    with pytest.raises(ValueError, match="seconds"):
        Rolling(0)
    with pytest.raises(ValueError, match="buckets"):
        Rolling(60, 61)


def test_names() -> None:
    assert str(Calendar("month")) == "per month"
    assert str(Calendar("day", "Europe/Berlin")) == "per day (Europe/Berlin)"
    assert (str(Rolling(60)), str(Rolling(90))) == ("per rolling minute", "per rolling 90 s")
    assert datetime.fromtimestamp(0, UTC).strftime("%Y") in iso(0)
