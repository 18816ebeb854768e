"""Sums when it is quiet, and old rows once a day."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from gateway.clock import ManualClock
from gateway.config import RetentionSettings
from gateway.upkeep import DROP_AGAIN_AFTER_S, DROP_EVERY_S, DROP_FIRST_AFTER_S, Upkeep
from metering.event_query import query_events
from metering.ledger import Books, LedgerUnavailable
from metering.ledger_url import open_ledger, open_reader
from metering.reports import ReportQuery, usage_report
from metering.store.ids import lowest_id
from tests.fakes.events import NEW_YEAR_2026_US, make_event

DAY_US = 86_400_000_000


class House:
    """It is New Year 2026; there are a row of today and one of 100 days ago."""

    def __init__(self, ledger: Books, url: str) -> None:
        self.ledger, self.reader = ledger, open_reader(url)
        self.clock = ManualClock()
        self.backlog, self.rows = 0, 2
        self.retention = RetentionSettings()
        self.told: list[dict[str, Any]] = []
        self.upkeep = self.made(ledger)
        days = (NEW_YEAR_2026_US, NEW_YEAR_2026_US - 100 * DAY_US)
        ledger.append(
            [make_event(n, id=lowest_id(at) + f"{n:016}", started_us=at) for n, at in enumerate(days)]
        )

    def made(self, ledger: Books) -> Upkeep:
        return Upkeep(
            ledger,
            self.clock,
            backlog=lambda: self.backlog,
            rows=lambda: self.rows,
            retention=lambda: self.retention,
            news=lambda event, **fields: self.told.append({"event": event, **fields}),
        )

    def keep(self, days: int) -> None:
        self.retention = RetentionSettings.model_validate({"events": f"{days}d"})

    def look_after(self, seconds: float) -> int:
        """How many rows are left."""
        self.clock.advance(seconds)
        self.upkeep.look()
        return len(query_events(self.reader))


@pytest.fixture
def house(ledger_url: str) -> Iterator[House]:
    with closing(open_ledger(ledger_url)) as ledger:
        yield House(ledger, ledger_url)


def test_rows_are_kept_for_ever_unless_it_is_said_how_long(house: House) -> None:
    assert house.look_after(DROP_EVERY_S * 1000) == 2
    assert house.told == []


def test_old_rows_go_once_a_day_and_their_sums_stay(house: House) -> None:
    before = usage_report(house.reader, ReportQuery(("month",)))
    house.keep(30)
    assert house.look_after(DROP_FIRST_AFTER_S - 1) == 2
    assert house.look_after(1) == 1
    assert [(each["event"], each["ok"], each["dropped"] > 0) for each in house.told] == [
        ("retention", True, True)
    ]
    assert house.told[0]["until_us"] % DAY_US == 0
    assert usage_report(house.reader, ReportQuery(("month",))) == before
    assert house.look_after(DROP_EVERY_S) == 1
    assert len(house.told) == 1, "nothing to tell where nothing was deleted"


def test_a_ledger_that_is_away_is_asked_again_in_an_hour(house: House) -> None:
    house.keep(30)
    good = house.ledger.drop_before

    def away(until_us: int) -> int:
        raise LedgerUnavailable("away")

    house.ledger.drop_before = away  # type: ignore[method-assign]
    assert house.look_after(DROP_FIRST_AFTER_S) == 2
    assert house.told == [{"event": "retention", "ok": False, "detail": "away"}]
    house.ledger.drop_before = good  # type: ignore[method-assign]
    assert house.look_after(DROP_AGAIN_AFTER_S - 1) == 2
    assert house.look_after(1) == 1


def test_sums_are_made_when_rows_came_in_and_none_waits(house: House) -> None:
    calls: list[int] = []
    house.ledger.roll_up = lambda: calls.append(house.rows)  # type: ignore[method-assign]
    house.backlog = 1
    house.look_after(60)
    assert calls == []
    house.backlog = 0
    house.look_after(60)
    house.look_after(60)
    house.rows = 3
    house.look_after(60)
    assert calls == [2, 3]


def test_a_week_is_the_least(house: House) -> None:
    house.keep(7)
    with pytest.raises(ValueError, match="604800"):
        house.keep(6)
