from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import orjson
import pytest

from metering.event_query import query_events
from metering.journal import Journal, JournalMeter, Shipper
from metering.journal.segment import segment_numbers
from metering.journal.sources import BATCH_ROWS
from metering.ledger import EventRejected, LedgerUnavailable, Row
from metering.rows import to_row
from metering.sqlite_ledger import SqliteLedger
from metering.sqlite_reader import SqliteReader
from tests.fakes.events import make_event
from tests.fakes.journals import Sink, make_journal, row_of, ship_all

AWAY = LedgerUnavailable("disk full")


def hits(journal: Journal, count: int, start: int = 0) -> list[str]:
    ids = [f"h{number}" for number in range(start, start + count)]
    for event_id in ids:
        journal.hit(row_of(event_id))
    return ids


class States:
    def __init__(self) -> None:
        self.seen: list[tuple[bool, str]] = []

    def __call__(self, ok: bool, detail: str) -> None:
        self.seen.append((ok, detail))


def test_rows_are_shipped_in_order_and_in_batches(tmp_path: Path) -> None:
    journal, sink = make_journal(tmp_path, segment_bytes=1 << 20, max_bytes=1 << 24), Sink()
    shipper = Shipper(sink, journal)
    ids = hits(journal, BATCH_ROWS + 10)
    assert shipper.backlog == len(ids)
    assert (shipper.ship_batch(), shipper.ship_batch()) == (0.0, 0.2)
    assert sink.batches == [BATCH_ROWS, 10]
    assert list(sink.kept.values()) == [row_of(event_id) for event_id in ids]
    assert shipper.backlog == 0
    shipper.close()
    journal.stop()


def test_a_failing_ledger_loses_nothing_and_is_told_of_once(tmp_path: Path) -> None:
    journal, sink, states = make_journal(tmp_path), Sink(AWAY, AWAY, AWAY, None, AWAY), States()
    shipper = Shipper(sink, journal, on_state=states)
    ids = []
    for number in range(4):
        ids += hits(journal, 1, number)
        shipper.ship_batch()
    assert states.seen[0] == (False, "disk full")
    assert states.seen[1][0] is True
    ids += hits(journal, 1, 4)
    shipper.ship_batch()
    assert (shipper.ok, len(states.seen)) == (False, 3)
    ship_all(shipper)
    assert (shipper.ok, shipper.backlog, list(sink.kept)) == (True, 0, ids)
    assert [ok for ok, _ in states.seen] == [False, True, False, True]
    shipper.close()
    journal.stop()


def test_back_off_doubles_up_to_its_limit_and_starts_again(tmp_path: Path) -> None:
    journal = make_journal(tmp_path)
    shipper = Shipper(Sink(*[AWAY] * 8, None, AWAY), journal, on_state=States())
    hits(journal, 1)
    assert [shipper.ship_batch() for _ in range(9)] == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 0.2]
    hits(journal, 1, 1)
    assert shipper.ship_batch() == 0.1
    ship_all(shipper)
    shipper.close()
    journal.stop()


def test_a_defect_of_the_ledger_is_survived_like_an_outage(tmp_path: Path) -> None:
    journal, sink, states = make_journal(tmp_path), Sink(RuntimeError("oops")), States()
    shipper = Shipper(sink, journal, on_state=states)
    hits(journal, 1)
    assert shipper.ship_batch() == 0.1
    assert states.seen == [(False, "RuntimeError('oops')")]
    ship_all(shipper)
    assert list(sink.kept) == ["h0"]
    shipper.close()
    journal.stop()


def test_one_bad_row_is_set_aside_once_and_the_rest_is_written(tmp_path: Path) -> None:
    """Even if the ledger goes away after the row was rejected and before the rest was written."""
    journal, sink = make_journal(tmp_path), Sink()
    rejected: list[tuple[Row, str]] = []

    def reject(row: Row, why: str) -> None:
        rejected.append((row, why))
        sink.failures = [AWAY]

    shipper = Shipper(sink, journal, on_rejected=reject, on_state=States())
    sink.bad = frozenset({"h3"})
    hits(journal, 6)
    assert shipper.ship_batch() == 0.1
    ship_all(shipper)
    assert rejected == [(row_of("h3"), "no column for it")]
    assert sorted(sink.kept) == ["h0", "h1", "h2", "h4", "h5"]
    assert shipper.backlog == 0
    (kept,) = (tmp_path / "quarantine").iterdir()
    assert kept.name == f"{journal.process}-rejected.jsonl"
    assert orjson.loads(kept.read_bytes()) == {"why": "no column for it", "row": list(row_of("h3"))}
    shipper.close()
    journal.stop()


def test_the_default_says_in_the_log_what_happened(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    journal, sink = make_journal(tmp_path), Sink(AWAY, None)
    shipper = Shipper(sink, journal)
    sink.bad = frozenset({"h0"})
    hits(journal, 1)
    shipper.ship_batch()
    ship_all(shipper)
    assert [record.getMessage() for record in caplog.records] == [
        "ledger away: disk full",
        f"event not written, no column for it: {row_of('h0')!r}",
        "ledger ok: writing again, 1 rows waiting",
    ]
    shipper.close()
    journal.stop()


def test_a_long_outage_is_held_on_disk_and_not_in_memory(tmp_path: Path) -> None:
    journal, sink = make_journal(tmp_path), Sink(*[AWAY] * 100)
    shipper = Shipper(sink, journal, on_state=States())
    for number in range(50):
        hits(journal, 20, number * 20)
        journal.work()
        shipper.ship_batch()
    assert shipper.backlog == 1000
    batch = shipper._own._batch
    assert batch is not None
    assert len(batch.rows) <= BATCH_ROWS
    assert len(segment_numbers(journal.home.path)) > 5
    sink.failures = []
    ship_all(shipper)
    assert len(sink.kept) == 1000
    assert len(segment_numbers(journal.home.path)) <= 2
    shipper.close()
    journal.stop()


def test_threads_ship_what_is_appended_and_flush_waits_for_it(tmp_path: Path) -> None:
    journal, sink = make_journal(tmp_path, segment_bytes=1 << 16, max_bytes=1 << 24), Sink()
    shipper = Shipper(sink, journal)
    journal.start()
    shipper.start()
    for number in range(20):
        hits(journal, 100, number * 100)
        assert shipper.flush(10.0)
        assert len(sink.kept) == (number + 1) * 100
    assert shipper.close() == 0
    journal.stop()


def test_flush_and_close_give_up_while_the_ledger_is_away(tmp_path: Path) -> None:
    journal = make_journal(tmp_path)
    shipper = Shipper(Sink(*[AWAY] * 1000), journal, on_state=States())
    journal.start()
    shipper.start()
    hits(journal, 3)
    assert not shipper.flush(0.05)
    assert shipper.close(timeout_s=0.05) == 3
    journal.stop()
    assert journal.home.path.exists()


def test_row_of_another_shape_is_rejected_and_not_retried(tmp_path: Path) -> None:
    with closing(SqliteLedger(tmp_path / "weir.db")) as ledger:
        assert ledger.append_rows([to_row(make_event(1))]) == 1
        with pytest.raises(EventRejected, match="not a row of this version"):
            ledger.append_rows([row_of("a")])


def test_a_real_ledger_that_is_locked_for_a_while_ends_up_whole(tmp_path: Path) -> None:
    path = tmp_path / "weir.db"
    away = threading.Event()
    with closing(SqliteLedger(path, busy_timeout_s=0.01)) as ledger:
        journal = make_journal(tmp_path / "journal", segment_bytes=1 << 16, max_bytes=1 << 24)
        shipper = Shipper(
            ledger, journal, interval_s=0.001, on_state=lambda ok, _: None if ok else away.set()
        )
        meter = JournalMeter(journal, shipper)
        meter.start()
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            for number in range(400):
                meter.open(make_event(number).id, ["x"])
                meter.record(make_event(number))
            assert away.wait(5.0)
            other.execute("ROLLBACK")
        for number in range(400, 800):
            meter.record(make_event(number, attempt=0))
        assert meter.flush(10.0)
        assert (meter.close(), meter.ok, meter.backlog) == (0, True, 0)
    expected = [make_event(number, attempt=1 if number < 400 else 0) for number in range(800)]
    assert query_events(SqliteReader(path), limit=1000) == expected


def test_the_tail_sees_whole_records_only_while_another_thread_appends(tmp_path: Path) -> None:
    seen: list[str] = []

    class Ordered(Sink):
        def append_rows(self, rows: Sequence[Row]) -> int:
            seen.extend(str(row[0]) for row in rows)
            return len(rows)

    journal = make_journal(tmp_path, segment_bytes=1 << 14, max_bytes=1 << 26)
    shipper = Shipper(Ordered(), journal, interval_s=0.0001)
    journal.start()
    shipper.start()
    ids = hits(journal, 20_000)
    assert shipper.flush(30.0)
    assert seen == ids
    assert shipper.close() == 0
    journal.stop()
    assert not (tmp_path / "quarantine").exists()
