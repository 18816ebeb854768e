from __future__ import annotations

from contextlib import closing

import psycopg
import pytest

from metering.event import Event
from metering.event_query import query_events
from metering.ledger import EventRejected
from metering.ledger_url import open_ledger, open_reader
from metering.periods import ReportError
from metering.quality.ledger import QualityLedger
from metering.quality.rows import FeedbackRow
from metering.reports import ReportQuery, usage_report
from metering.store.ids import NotAnId, lowest_id, month_of, month_start_us
from metering.store.retention import keep_months
from tests.fakes.events import make_event

JAN, FEB, MAR = (month_start_us((2026, month)) for month in (1, 2, 3))


def written(number: int, at_us: int) -> Event:
    return make_event(number, id=lowest_id(at_us) + f"{number:016}", started_us=at_us)


def test_ids_tell_their_month() -> None:
    for instant in (JAN, FEB, MAR - 1000):
        year, month = month_of(lowest_id(instant) + "0" * 16)
        assert month_start_us((year, month)) <= instant
    assert month_of(lowest_id(FEB) + "Z" * 16) == (2026, 2)
    assert month_of(lowest_id(FEB - 1000) + "Z" * 16) == (2026, 1)


@pytest.mark.parametrize("text", ["", "req_1", "U" * 26, "Z" * 26, "01kaq" + "0" * 21, "é" * 26])
def test_other_ids_are_refused(text: str) -> None:
    with pytest.raises(NotAnId):
        month_of(text)


def test_months_are_kept_beside_the_current_one() -> None:
    assert keep_months(0, MAR + 5) == MAR
    assert keep_months(2, MAR + 5) == JAN
    assert keep_months(14, MAR + 5) == month_start_us((2025, 1))
    with pytest.raises(ValueError, match="at least 0"):
        keep_months(-1, MAR)


def test_what_is_deleted_stays_in_the_sums_and_never_comes_back(ledger_url: str) -> None:
    events = [written(1, JAN + 5_000_000), written(2, FEB + 5_000_000), written(3, MAR + 5_000_000)]
    query = ReportQuery(("month",))
    with closing(open_ledger(ledger_url)) as ledger:
        ledger.append(events)
        before = usage_report(open_reader(ledger_url), query)
        assert ledger.drop_before(FEB) == 1
        assert query_events(open_reader(ledger_url)) == events[1:]
        assert usage_report(open_reader(ledger_url), query) == before
        ledger.rebuild_rollups()
        assert usage_report(open_reader(ledger_url), query) == before
        with pytest.raises(EventRejected, match=r"retain|retention"):
            ledger.append(events)
        assert ledger.append(events[1:]) == 0
        assert ledger.drop_before(FEB) == 0
    with closing(open_ledger(ledger_url)) as again, pytest.raises(EventRejected):
        again.append(events[:1])


def test_what_was_said_of_answers_goes_with_them(ledger_url: str) -> None:
    with closing(open_ledger(ledger_url)) as ledger:
        ledger.append([written(1, JAN), written(2, FEB)])
        quality = QualityLedger(ledger_url)
        for at_us in (JAN, FEB):
            quality.write_feedback(FeedbackRow("acme", "web", f"req_{at_us}", at_us, 1.0, ""))
        assert ledger.drop_before(FEB) == 1
    (rows,) = open_reader(ledger_url).read(("SELECT at_us FROM feedback", ()))
    assert rows == [(FEB,)]


def test_part_of_an_hour_that_was_deleted_is_refused_not_guessed(ledger_url: str) -> None:
    with closing(open_ledger(ledger_url)) as ledger:
        ledger.append([written(1, JAN + 5_000_000), written(3, MAR)])
        ledger.drop_before(FEB)
    with pytest.raises(ReportError, match="rows of that time were deleted"):
        usage_report(open_reader(ledger_url), ReportQuery(("tenant",), JAN + 1, MAR))


def test_another_writer_notices_that_a_month_is_gone(postgres_url: str) -> None:
    with closing(open_ledger(postgres_url)) as one, closing(open_ledger(postgres_url)) as other:
        events = [written(1, JAN), written(2, JAN + 1000)]
        assert one.append(events) == 2
        assert other.append(events) == 0
        one.drop_before(FEB)
        with pytest.raises(EventRejected, match="retention"):
            other.append(events)


def test_each_month_has_its_partition_and_the_next_is_there_ahead(postgres_url: str) -> None:
    with closing(open_ledger(postgres_url)) as ledger:
        ledger.append([written(1, JAN)])
        with psycopg.connect(postgres_url) as raw:
            named = raw.execute(
                "SELECT relname FROM pg_class WHERE relname ~ '^events_2026_..$' ORDER BY 1"
            ).fetchall()
            assert named == [("events_2026_01",), ("events_2026_02",)]
            assert raw.execute("SELECT count(*) FROM events_2026_01").fetchone() == (1,)
