from __future__ import annotations

import resource
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from metering.event import Event
from metering.event_query import query_events
from metering.ledger import LedgerError, LedgerUnavailable
from metering.ledger_url import open_ledger, open_reader
from metering.outcome import Outcome
from metering.schema import APPLICATION_ID, VERSION
from metering.sqlite_ledger import SqliteLedger
from metering.sqlite_reader import SqliteReader
from metering.usage import Provenance, TokenUsage
from tests.fakes.events import make_event

ROOT = Path(__file__).parents[2]
VARIETY = [
    make_event(1),
    make_event(2, usage=None, cost_nanos=None, list_nanos=None, baseline_nanos=None, first_token_us=None),
    make_event(3, outcome=Outcome.CACHED, attempt=0, stream=True, stand_in=True, cost_nanos=0),
    make_event(4, usage=TokenUsage(1, 2, 3, 4, 4, Provenance.COUNTED), requested_model="über'; DROP TABLE"),
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "weir.db"


@pytest.fixture
def ledger(path: Path) -> Iterator[SqliteLedger]:
    ledger = SqliteLedger(path)
    yield ledger
    ledger.close()


def stored(path: Path) -> list[Event]:
    return query_events(SqliteReader(path), limit=1000)


def count(path: Path) -> int:
    ((row,),) = SqliteReader(path).read(("SELECT count(*) FROM events", ()))
    return int(row[0] or 0)


def test_a_locked_ledger_is_unavailable_and_then_takes_the_batch(path: Path) -> None:
    with closing(SqliteLedger(path, busy_timeout_s=0.01)) as ledger:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            for size in (1, 300):
                with pytest.raises(LedgerUnavailable, match="locked"):
                    ledger.append([make_event(number) for number in range(size)])
            other.execute("ROLLBACK")
        assert ledger.append([make_event(number) for number in range(300)]) == 300


@contextmanager
def disk_full_beyond(size_bytes: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_unavailable_and_leaves_no_half_batch(ledger: SqliteLedger, path: Path) -> None:
    ledger.append([make_event(0)])
    batch = [make_event(number) for number in range(1, 512)]
    written_ahead = path.with_name(path.name + "-wal")
    with disk_full_beyond(written_ahead.stat().st_size + 20_000), pytest.raises(LedgerUnavailable):
        ledger.append(batch)
    assert count(path) == 1
    assert ledger.append(batch) == 511


def test_an_open_report_does_not_hold_up_the_writer(path: Path) -> None:
    with closing(SqliteLedger(path, busy_timeout_s=0.01)) as ledger:
        ledger.append([make_event(1)])
        reader = SqliteReader(path)
        with reader._snapshot() as connection:
            assert connection.execute("SELECT count(*) FROM events").fetchone() == (1,)
            assert ledger.append([make_event(2)]) == 1
            assert connection.execute("SELECT count(*) FROM events").fetchone() == (1,)


def test_a_reader_never_writes(ledger: SqliteLedger, path: Path) -> None:
    with pytest.raises(LedgerError, match="readonly"):
        SqliteReader(path).read(("DELETE FROM events", ()))


def test_a_reader_makes_no_file(path: Path) -> None:
    with pytest.raises(LedgerError, match="there is no ledger at"):
        SqliteReader(path).read(("SELECT 1", ()))
    assert not path.exists()


def test_a_ledger_of_a_newer_release_is_left_alone(ledger: SqliteLedger, path: Path) -> None:
    ledger.close()
    with closing(sqlite3.connect(path)) as raw:
        raw.execute(f"PRAGMA user_version = {VERSION + 1}")
    for open_it in (lambda: SqliteLedger(path), lambda: SqliteReader(path).read(("SELECT 1", ()))):
        with pytest.raises(LedgerError, match=f"schema version {VERSION + 1}.*newer release"):
            open_it()


def test_an_older_ledger_is_brought_up_to_date_by_the_writer_only(path: Path) -> None:
    with closing(sqlite3.connect(path)) as raw:
        raw.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    with pytest.raises(LedgerError, match="start the gateway once"):
        SqliteReader(path).read(("SELECT 1", ()))
    with closing(SqliteLedger(path)) as ledger:
        assert ledger.append([make_event(1)]) == 1
    assert stored(path) == [make_event(1)]


def test_another_program_s_database_is_left_alone(path: Path) -> None:
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("CREATE TABLE theirs (a)")
    with pytest.raises(LedgerError, match="not a ledger of Weir"):
        SqliteLedger(path)


def test_a_file_that_is_no_database_is_left_alone(path: Path) -> None:
    path.write_text("Dear diary, this is certainly no database. " * 50)
    with pytest.raises(LedgerError, match="cannot use ledger"):
        SqliteLedger(path)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="does its folder exist"):
        SqliteLedger(tmp_path / "no" / "weir.db")


def test_reopening_keeps_the_rows_and_the_version(ledger: SqliteLedger, path: Path) -> None:
    ledger.append(VARIETY)
    ledger.close()
    with closing(SqliteLedger(path)) as again:
        assert again.append(VARIETY) == 0
    with closing(sqlite3.connect(path)) as raw:
        assert raw.execute("PRAGMA user_version").fetchone() == (VERSION,)
        assert raw.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_an_address_opens_a_ledger_and_its_reader(path: Path) -> None:
    url = f"sqlite:///{path}"
    with closing(open_ledger(url)) as ledger:
        ledger.append([make_event(1)])
        assert query_events(open_reader(url)) == [make_event(1)]
