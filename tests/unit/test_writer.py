from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.event import Event
from metering.event_query import query_events
from metering.ledger import EventRejected, LedgerUnavailable
from metering.sqlite_ledger import SqliteLedger
from metering.sqlite_reader import SqliteReader
from metering.writer import BATCH_EVENTS, EventWriter
from tests.fakes.events import make_event


class FlakyLedger:
    """Fails as told; otherwise keeps events like a ledger does: all or none, each id once."""

    def __init__(self, *failures: Exception | None) -> None:
        self.failures = list(failures)
        self.bad: frozenset[str] = frozenset()
        self.kept: dict[str, Event] = {}
        self.batches: list[int] = []

    def append(self, events: Sequence[Event]) -> int:
        if self.failures and (failure := self.failures.pop(0)) is not None:
            raise failure
        if any(event.id in self.bad for event in events):
            raise EventRejected("no column for it")
        self.batches.append(len(events))
        before = len(self.kept)
        for event in events:
            self.kept.setdefault(event.id, event)
        return len(self.kept) - before

    def close(self) -> None: ...


AWAY = LedgerUnavailable("disk full")


class States:
    def __init__(self) -> None:
        self.seen: list[tuple[bool, str]] = []

    def __call__(self, ok: bool, detail: str) -> None:
        self.seen.append((ok, detail))


def test_what_is_recorded_is_written_in_order_and_in_batches() -> None:
    ledger = FlakyLedger()
    writer = EventWriter(ledger)
    events = [make_event(number) for number in range(BATCH_EVENTS + 10)]
    for event in events:
        writer.record(event)
    assert writer.backlog == len(events)
    assert (writer.write_batch(), writer.write_batch()) == (0.0, 0.0)
    assert ledger.batches == [BATCH_EVENTS, 10]
    assert list(ledger.kept.values()) == events
    assert writer.backlog == 0


def test_a_failing_ledger_loses_nothing_and_is_told_of_once() -> None:
    ledger, states = FlakyLedger(AWAY, AWAY, AWAY, None, None, AWAY), States()
    writer = EventWriter(ledger, on_state=states)
    for number in range(5):
        writer.record(make_event(number))
        writer.write_batch()
    assert states.seen == [(False, "disk full"), (True, "writing again, 3 events waiting")]
    assert (writer.ok, writer.backlog) == (True, 0)
    assert list(ledger.kept) == [make_event(number).id for number in range(5)]
    writer.record(make_event(5))
    writer.write_batch()
    assert (writer.ok, writer.backlog) == (False, 1)
    assert states.seen[2:] == [(False, "disk full")]
    writer.write_batch()
    assert writer.backlog == 0


def test_back_off_doubles_up_to_its_limit_and_starts_again() -> None:
    writer = EventWriter(FlakyLedger(*[AWAY] * 8, None, AWAY), on_state=States())
    writer.record(make_event(1))
    assert [writer.write_batch() for _ in range(9)] == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 0.0]
    writer.record(make_event(2))
    assert writer.write_batch() == 0.1


def test_a_defect_of_the_ledger_is_survived_like_an_outage() -> None:
    ledger, states = FlakyLedger(RuntimeError("oops")), States()
    writer = EventWriter(ledger, on_state=states)
    writer.record(make_event(1))
    assert writer.write_batch() > 0
    assert writer.write_batch() == 0
    assert list(ledger.kept) == [make_event(1).id]
    assert states.seen[0] == (False, "RuntimeError('oops')")


def test_one_bad_event_is_set_aside_and_the_rest_is_written() -> None:
    ledger, states = FlakyLedger(), States()
    ledger.bad = frozenset({make_event(3).id})
    rejected: list[tuple[Event, str]] = []
    writer = EventWriter(
        ledger, on_state=states, on_rejected=lambda event, why: rejected.append((event, why))
    )
    for number in range(6):
        writer.record(make_event(number))
    assert writer.write_batch() == 0
    assert rejected == [(make_event(3), "no column for it")]
    assert list(ledger.kept) == [make_event(number).id for number in (0, 1, 2, 4, 5)]
    assert (states.seen, writer.backlog) == ([], 0)


def test_a_rejected_event_is_kept_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    ledger = FlakyLedger()
    ledger.bad = frozenset({make_event(3).id})
    writer = EventWriter(ledger)
    writer.record(make_event(3))
    writer.write_batch()
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert repr(make_event(3)) in record.getMessage()


def test_the_default_says_in_the_log_that_the_ledger_went_and_came(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    writer = EventWriter(FlakyLedger(AWAY, AWAY))
    writer.record(make_event(1))
    for _ in range(3):
        writer.write_batch()
    assert [record.getMessage() for record in caplog.records] == [
        "ledger away: disk full",
        "ledger ok: writing again, 0 events waiting",
    ]


def test_a_full_backlog_says_so() -> None:
    writer = EventWriter(FlakyLedger(), bound=3)
    for number in range(3):
        assert not writer.full
        writer.record(make_event(number))
    assert writer.full
    writer.write_batch()
    assert not writer.full


def test_flush_waits_for_what_came_before_it() -> None:
    ledger = FlakyLedger()
    writer = EventWriter(ledger)
    writer.start()
    for number in range(2000):
        writer.record(make_event(number))
    assert writer.flush(10.0)
    assert len(ledger.kept) == 2000
    assert writer.close() == []


def test_flush_gives_up_while_the_ledger_is_away() -> None:
    gate = threading.Event()

    class Gated(FlakyLedger):
        def append(self, events: Sequence[Event]) -> int:
            if not gate.is_set():
                raise AWAY
            return super().append(events)

    ledger = Gated()
    writer = EventWriter(ledger, on_state=States())
    writer.start()
    writer.record(make_event(1))
    assert not writer.flush(0.05)
    assert writer.backlog >= 1
    gate.set()
    assert writer.flush(10.0)
    assert list(ledger.kept) == [make_event(1).id]
    assert writer.close() == []


def test_close_writes_what_is_left() -> None:
    ledger = FlakyLedger()
    writer = EventWriter(ledger, interval_s=60.0)
    writer.start()
    for number in range(3000):
        writer.record(make_event(number))
    assert writer.close() == []
    assert len(ledger.kept) == 3000


def test_close_hands_back_what_could_not_be_written(caplog: pytest.LogCaptureFixture) -> None:
    writer = EventWriter(FlakyLedger(*[AWAY] * 1000), on_state=States())
    writer.start()
    events = [make_event(number) for number in range(700)]
    for event in events:
        writer.record(event)
    assert writer.close(timeout_s=0.05) == events
    assert "700 events not written" in caplog.text


def test_an_idle_writer_wakes_for_a_single_event() -> None:
    """Again and again, because what is looked for is a wake-up lost between two threads."""
    written = threading.Event()

    class Telling(FlakyLedger):
        def append(self, events: Sequence[Event]) -> int:
            new = super().append(events)
            written.set()
            return new

    writer = EventWriter(Telling(), interval_s=0.0)
    writer.start()
    for number in range(1000):
        written.clear()
        writer.record(make_event(number))
        assert written.wait(5.0)
    assert writer.close() == []


def test_a_real_ledger_that_is_locked_for_a_while_ends_up_whole(tmp_path: Path) -> None:
    path = tmp_path / "weir.db"
    away = threading.Event()
    with closing(SqliteLedger(path, busy_timeout_s=0.01)) as ledger:
        writer = EventWriter(ledger, interval_s=0.001, on_state=lambda ok, _: None if ok else away.set())
        writer.start()
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            for number in range(400):
                writer.record(make_event(number))
            assert away.wait(5.0)
            other.execute("ROLLBACK")
        for number in range(400, 800):
            writer.record(make_event(number))
        assert writer.flush(10.0)
        assert writer.close() == []
    assert query_events(SqliteReader(path), limit=1000) == [make_event(number) for number in range(800)]


steps = st.one_of(
    st.integers(min_value=0, max_value=BATCH_EVENTS + 50),
    st.sampled_from([None, AWAY, RuntimeError("defect")]),
)


@given(st.lists(steps, max_size=20), st.sets(st.integers(min_value=0, max_value=200), max_size=3))
def test_nothing_is_lost_or_doubled_whatever_fails_when(
    script: list[int | Exception | None], bad: set[int]
) -> None:
    """An integer records that many events; anything else is the ledger's mood at the next write."""
    ledger = FlakyLedger()
    ledger.bad = frozenset(make_event(number).id for number in bad)
    rejected: list[str] = []
    writer = EventWriter(
        ledger, on_state=lambda ok, detail: None, on_rejected=lambda event, why: rejected.append(event.id)
    )
    recorded: list[str] = []
    for step in script:
        if isinstance(step, int):
            for _ in range(step):
                event = make_event(len(recorded))
                recorded.append(event.id)
                writer.record(event)
        else:
            ledger.failures = [step]
            writer.write_batch()
    ledger.failures = []
    while writer.backlog:
        writer.write_batch()
    assert list(ledger.kept) == [one for one in recorded if one not in ledger.bad]
    assert rejected == [one for one in recorded if one in ledger.bad]
    assert sum(ledger.batches) == len(ledger.kept)
