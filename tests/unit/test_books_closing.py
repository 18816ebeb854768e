"""A month closes once, in order, and for good."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from metering.books.backlog import gpu_backlog, journal_backlog
from metering.books.charges import monthly_charges
from metering.books.closing import Closed
from metering.books.entries import entry_id, read_entries
from metering.books.errors import BooksError, CannotClose, ClosedMonth, NoSuchStatement
from metering.books.months import BadMonth
from metering.books.periods import closed_periods, closed_until_us
from metering.books.read import list_statements, month_statements, read_statement
from metering.correction import Amounts, correction_of
from metering.event import WAS_UNKNOWN
from metering.ledger_url import open_ledger
from metering.store.up_times import UpTime
from tests.fakes.books import (
    CENT,
    DAY_US,
    DOLLAR,
    FEBRUARY,
    HOUR_US,
    JANUARY,
    MARCH,
    START_US,
    Office,
    assert_adds_up,
    share,
    used,
)
from tests.fakes.events import make_event
from tests.fakes.journals import make_journal, row_of


@pytest.fixture
def office(ledger_url: str) -> Office:
    return Office(ledger_url)


@pytest.fixture
def file_office(tmp_path: Path) -> Office:
    """Where the database makes no difference."""
    return Office(f"sqlite:///{tmp_path / 'weir.db'}")


def test_a_closed_month_is_numbered_frozen_and_adds_up(office: Office) -> None:
    third = CENT // 3
    office.hold(
        *(used(tenant, third) for tenant in ("acme", "beta", "corp")), used("acme", third, project="b")
    )
    office.window(
        [share("idle", "", 6, 5 * CENT), share("request", "acme", 4, CENT)], start_us=START_US[JANUARY]
    )
    credit = office.entry("beta", -2 * CENT, JANUARY)
    statements = office.close(JANUARY)
    assert [(each.head.number, each.head.tenant) for each in statements] == [
        ("2026-01-0001", "acme"),
        ("2026-01-0002", "beta"),
        ("2026-01-0003", "corp"),
        ("2026-01-0004", ""),
    ]
    total = 4 * third + 5 * CENT - 2 * CENT
    assert_adds_up(statements, total, 4)
    (period,) = closed_periods(office.reader)
    assert (period.total_nanos, period.total_cents, period.statements) == (total, 4, 4)
    assert (period.from_us, period.until_us) == (START_US[JANUARY], START_US[FEBRUARY])
    beta = read_statement(office.reader, "2026-01-0002")
    assert [(line.kind, line.entry_id) for line in beta.lines] == [("charge", ""), ("credit", credit.id)]
    assert read_entries(office.reader, month=JANUARY) == [replace(credit, statement_number="2026-01-0002")]
    assert office.audited[-1] == ("office/books", "close", "books 2026-01")


def test_closing_twice_changes_nothing_and_says_so(office: Office) -> None:
    office.hold(used("acme", DOLLAR))
    before = office.close(JANUARY)
    office.now_us += DAY_US
    again = office.keeper.close(JANUARY, "somebody else")
    assert again == Closed(closed_periods(office.reader)[0], False)
    assert month_statements(office.reader, JANUARY) == before
    assert len(office.audited) == 1


def test_of_many_that_close_at_once_one_does(office: Office) -> None:
    office.hold(used("acme", DOLLAR), used("beta", DOLLAR))
    done: list[Closed] = []
    ready = threading.Barrier(4)

    def close() -> None:
        keeper = office.new_keeper()
        ready.wait()
        done.append(keeper.close(JANUARY, "office/books"))

    threads = [threading.Thread(target=close) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(each.new for each in done) == [False, False, False, True]
    assert len({each.period.digest for each in done}) == 1
    assert len(list_statements(office.reader)) == 2


def test_months_close_in_order_when_they_are_over(office: Office) -> None:
    office.hold(used("acme", DOLLAR), used("acme", DOLLAR, month=FEBRUARY))
    assert office.keeper.reasons(FEBRUARY) == ("2026-01 is still open; close it first",)
    office.now_us = START_US[FEBRUARY] + DAY_US
    assert office.keeper.reasons(JANUARY) == (
        "it may be closed from 2026-02-03T00:00:00Z on (books.close_after)",
    )
    office.now_us = START_US[FEBRUARY] - 1
    with pytest.raises(CannotClose, match="2026-01 cannot be closed: it is not over before 2026-02-01T00"):
        office.keeper.close(JANUARY, "office/books")
    assert closed_periods(office.reader) == []
    assert office.audited == []
    office.now_us = START_US[FEBRUARY] + 2 * DAY_US
    office.close(JANUARY)
    assert office.keeper.reasons(MARCH)[1:] == ("2026-02 is still open; close it first",)
    assert "the books begin with 2026-01" in office.keeper.reasons("2025-12")[0]
    assert closed_until_us(office.reader) == START_US[FEBRUARY]
    with pytest.raises(BadMonth):
        office.keeper.close("january", "office/books")


def test_a_month_with_nothing_in_it_closes(office: Office) -> None:
    assert office.close(JANUARY) == []
    assert office.close(FEBRUARY) == []
    assert [period.total_cents for period in closed_periods(office.reader)] == [0, 0]


def test_what_waits_in_a_journal_keeps_a_month_open(file_office: Office, tmp_path: Path) -> None:
    file_office.waiting = ["3 rows wait in the journal of process p1"]
    with pytest.raises(CannotClose, match="3 rows wait"):
        file_office.keeper.close(JANUARY, "office/books")
    journal = make_journal(tmp_path / "journal")
    early, late = START_US[FEBRUARY] - HOUR_US, START_US[FEBRUARY] + HOUR_US
    journal.open(entry_id(early, "a"), ["x"])
    journal.hit(row_of(entry_id(early, "b")))
    journal.hit(row_of(entry_id(late, "c")))
    journal.open(entry_id(late, "d"), ["x"])
    (told,) = journal_backlog(tmp_path / "journal", START_US[FEBRUARY])
    assert told.startswith("1 row and 1 open attempt wait in the journal of process")
    assert journal_backlog(tmp_path / "journal", START_US[JANUARY]) == []
    assert journal_backlog(tmp_path / "nothing", START_US[FEBRUARY]) == []
    journal.stop()


def test_gpu_windows_that_are_not_closed_keep_a_month_open(office: Office) -> None:
    end_us = START_US[FEBRUARY]
    seen = UpTime("gpu1", "w1", end_us - 3 * HOUR_US, end_us - 3 * HOUR_US, end_us + HOUR_US, None)
    ledger = open_ledger(office.url)
    ledger.write_up_times([seen])
    ledger.close()
    assert "backend gpu1 are closed up to" in office.keeper.reasons(JANUARY)[0]
    office.window([share("idle", "", 1, 1)], start_us=end_us - 2 * HOUR_US)
    assert len(gpu_backlog(office.reader, START_US[JANUARY], end_us)) == 1
    office.window([share("idle", "", 1, 1)], start_us=end_us - HOUR_US)
    assert gpu_backlog(office.reader, START_US[JANUARY], end_us) == []
    assert gpu_backlog(office.reader, START_US[JANUARY] - 31 * DAY_US, START_US[JANUARY]) == []
    assert office.keeper.reasons(JANUARY) == ()


def test_a_closed_month_takes_no_entries_and_names_the_next(office: Office) -> None:
    office.hold(used("acme", DOLLAR))
    office.close(JANUARY)
    for month in (JANUARY, "2025-12"):
        with pytest.raises(ClosedMonth, match="the next open month is 2026-02"):
            office.entry("acme", -CENT, month)
    assert office.audited == [("office/books", "close", "books 2026-01")]
    office.entry("acme", -CENT, FEBRUARY)
    with pytest.raises(BooksError, match="2026-01 is closed"):
        office.draft(JANUARY)


def test_late_usage_is_an_entry_of_the_next_open_month_for_the_difference_alone(office: Office) -> None:
    first = used("acme", DOLLAR)
    office.hold(first)
    before = office.close(JANUARY)
    assert office.keeper.take_up_late("office/books", write=True) == []
    office.hold(used("acme", CENT), used("acme", CENT, project="other"), used("beta", 3 * CENT))
    found = office.keeper.take_up_late("office/books", write=True)
    assert [(each.tenant, each.project, each.amount_nanos, each.month) for each in found] == [
        ("acme", "other", CENT, FEBRUARY),
        ("acme", "site", CENT, FEBRUARY),
        ("beta", "site", 3 * CENT, FEBRUARY),
    ]
    assert found[2].description == "late usage of 2026-01: qwen3-8b on gpu1"
    assert office.keeper.take_up_late("office/books", write=True) == []
    office.hold(used("beta", 2 * CENT))
    (more,) = office.keeper.take_up_late("office/books", write=False)
    assert (more.tenant, more.amount_nanos) == ("beta", 2 * CENT)
    correction = correction_of(
        first, id=make_event(999_999).id, price_version="x", difference=Amounts(None, -DOLLAR, None)
    )
    office.hold(correction)
    february = office.close(FEBRUARY)
    assert {each.head.tenant: each.head.total_nanos for each in february} == {
        "acme": 2 * CENT - DOLLAR,
        "beta": 5 * CENT,
    }
    assert all(line.kind == "late" for each in february for line in each.lines)
    assert month_statements(office.reader, JANUARY) == before
    assert office.keeper.take_up_late("office/books", write=True) == []


def test_an_unknown_cost_is_shown_and_no_zero(office: Office) -> None:
    lost = used("acme", None, served_model="m2")
    office.hold(used("acme", CENT), lost)
    (statement,) = office.close(JANUARY)
    unknown = next(line for line in statement.lines if line.model == "m2")
    assert (unknown.amount_nanos, unknown.cents, unknown.unknown_cost_events) == (None, None, 1)
    assert (statement.head.total_nanos, statement.head.unknown_cost_events) == (CENT, 1)
    priced = correction_of(
        lost,
        id=make_event(888_888).id,
        price_version="x",
        difference=Amounts(CENT, CENT, CENT),
        error=WAS_UNKNOWN,
    )
    office.hold(priced)
    assert [entry.amount_nanos for entry in office.keeper.take_up_late("x", write=False)] == [CENT]


def test_gpu_time_of_requests_is_charged_once_and_idle_time_on_the_house(office: Office) -> None:
    office.hold(used("acme", 7 * CENT, gpu_ns=5, gpu_nanos=CENT, price_version="gpu:gpu1:x"))
    shares = [
        share("request", "acme", 5, 7 * CENT),
        share("idle", "", 3, 3 * CENT),
        share("idle", "beta", 2, 2 * CENT),
        share("warmup", "", 1, CENT),
    ]
    office.window(shares, start_us=START_US[JANUARY] + 3 * DAY_US)
    lines = monthly_charges(office.reader, JANUARY, "UTC")
    assert {(line.tenant, line.category): line.cost_nanos for line in lines} == {
        ("", "idle"): 3 * CENT,
        ("", "overhead"): CENT,
        ("acme", "gpu"): 7 * CENT,
        ("beta", "idle"): 2 * CENT,
    }
    assert {line.tenant: line.gpu_ns for line in lines if line.category == "gpu"} == {"acme": 5}


def test_a_share_whose_row_began_in_another_month_is_shown_and_costs_nothing(file_office: Office) -> None:
    file_office.window([share("request", "acme", 5, 7 * CENT)], start_us=START_US[JANUARY])
    (line,) = monthly_charges(file_office.reader, JANUARY, "UTC")
    assert (line.gpu_ns, line.cost_nanos, line.unknown_cost_events) == (5, 0, 0)


def test_months_are_those_of_the_time_zone_and_meet_where_it_was_changed(office: Office) -> None:
    office.policy = replace(office.policy, time_zone="Asia/Kolkata")
    at_us = START_US[FEBRUARY] - 5 * HOUR_US - HOUR_US // 2
    office.hold(
        used("acme", CENT, started_us=at_us - 1),
        used("acme", 3 * CENT, started_us=at_us),
        used("acme", 5 * CENT, month=FEBRUARY, day=0.1),
    )
    (january,) = office.close(JANUARY)
    assert (january.head.total_nanos, january.head.until_us) == (CENT, at_us)
    office.policy = replace(office.policy, time_zone="UTC")
    (february,) = office.close(FEBRUARY)
    assert (february.head.total_nanos, february.head.from_us) == (8 * CENT, at_us)
    assert february.head.until_us == START_US[MARCH]


def test_statements_are_listed_page_by_page_and_each_sees_its_own(file_office: Office) -> None:
    office = file_office
    office.hold(*(used(tenant, CENT) for tenant in ("acme", "beta", "corp")))
    office.close(JANUARY)
    heads = list_statements(office.reader, limit=2)
    assert [head.tenant for head in heads] == ["acme", "beta"]
    assert [head.tenant for head in list_statements(office.reader, after=heads[-1].number)] == ["corp"]
    assert [head.number for head in list_statements(office.reader, tenant="corp")] == ["2026-01-0003"]
    assert list_statements(office.reader, month=FEBRUARY) == []
    assert read_statement(office.reader, "2026-01-0003", tenant="corp").head.tenant == "corp"
    with pytest.raises(NoSuchStatement):
        read_statement(office.reader, "2026-01-0003", tenant="acme")


def test_a_statement_that_was_tampered_with_does_not_hold(file_office: Office) -> None:
    file_office.hold(used("acme", CENT))
    (statement,) = file_office.close(JANUARY)
    assert statement.holds
    line = replace(statement.lines[0], project="another")
    assert not replace(statement, lines=(line,)).holds
    assert not replace(statement, head=replace(statement.head, total_cents=0)).holds


def test_what_the_audit_refuses_is_not_done(file_office: Office) -> None:
    class NoRoom(Exception):
        pass

    def refuse(*told: object) -> None:
        raise NoRoom

    file_office.hold(used("acme", CENT))
    keeper = file_office.new_keeper()
    keeper._audit = refuse
    with pytest.raises(NoRoom):
        keeper.close(JANUARY, "office/books")
    assert closed_periods(file_office.reader) == []
