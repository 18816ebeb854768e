"""PostgreSQL that is stopped, killed or frozen: nothing hangs, nothing is lost, nothing is there twice."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest

from metering.event_query import query_events
from metering.ledger import LedgerError, LedgerUnavailable
from metering.ledger_url import open_reader
from metering.reports import ReportQuery, usage_report
from metering.store.pg_connection import Patience
from metering.store.postgres import PostgresLedger
from metering.store.postgres_reader import PostgresReader
from tests.fakes.events import make_event
from tests.postgres import Server, server, signal_all

IMPATIENT = Patience(connect_s=2, statement_s=0.5, report_s=0.5, slack_s=0.2)
AT_ONCE_S = 5.0


@pytest.fixture
def own() -> Iterator[Server]:
    with server(durable=True) as running:
        yield running


def requests(url: str) -> int:
    return usage_report(open_reader(url), ReportQuery(("tenant",))).totals.requests


def test_a_restart_loses_nothing_that_was_confirmed(own: Server) -> None:
    url = own.url()
    with closing(PostgresLedger(url, patience=IMPATIENT)) as ledger:
        assert ledger.append([make_event(1)]) == 1
        own.stop(signal.SIGQUIT)
        for _ in range(2):
            with pytest.raises(LedgerUnavailable):
                ledger.append([make_event(2)])
        with pytest.raises(LedgerUnavailable):
            ledger.roll_up()
        own.start()
        assert ledger.append([make_event(1), make_event(2)]) == 1
        ledger.roll_up()
        assert requests(url) == 2


def test_a_frozen_server_holds_no_thread_up(own: Server) -> None:
    url = own.url()
    with closing(PostgresLedger(url, patience=IMPATIENT)) as ledger:
        ledger.append([make_event(1)])
        with psycopg.connect(url, autocommit=True) as raw:
            found = raw.execute("SELECT pid FROM pg_stat_activity WHERE application_name = 'weir'").fetchall()
        backends = [own.pid, *(pid for (pid,) in found)]
        signal_all(signal.SIGSTOP, backends)
        try:
            began = time.monotonic()
            with pytest.raises(LedgerUnavailable):
                ledger.append([make_event(2)])
            with pytest.raises(LedgerUnavailable):
                ledger.append([make_event(2)])
            with pytest.raises(LedgerError):
                PostgresReader(url, patience=IMPATIENT).read(("SELECT 1", ()))
            assert time.monotonic() - began < 3 * AT_ONCE_S
        finally:
            signal_all(signal.SIGCONT, backends)
        assert ledger.append([make_event(2), make_event(3)]) in (1, 2)
        assert requests(url) == 3


def test_a_server_that_is_away_at_the_start_is_used_when_it_comes(own: Server) -> None:
    own.stop()
    with closing(PostgresLedger(own.url(), patience=IMPATIENT)) as ledger:
        with pytest.raises(LedgerUnavailable):
            ledger.append([make_event(1)])
        own.start()
        assert ledger.append([make_event(1)]) == 1


def test_an_address_that_is_none_is_said_at_once() -> None:
    with pytest.raises(LedgerError, match="no_such_option") as caught:
        PostgresLedger("postgresql://weir:secret@127.0.0.1/db?no_such_option=1")
    assert "secret" not in str(caught.value)


def test_a_batch_that_commits_late_is_never_missed(postgres_url: str) -> None:
    """One transaction takes its number first and commits last; sums are taken in between."""
    with closing(PostgresLedger(postgres_url)) as ledger:
        ledger.append([make_event(1)])
        with psycopg.connect(postgres_url) as late:
            late.execute("CREATE TEMPORARY TABLE copied AS SELECT * FROM events")
            late.execute("UPDATE copied SET id = regexp_replace(id, '1$', '2')")
            found = late.execute("INSERT INTO rollup_pending DEFAULT VALUES RETURNING seq").fetchone()
            late.execute("UPDATE copied SET seq = %s", found)
            late.execute("INSERT INTO events SELECT * FROM copied")
            ledger.append([make_event(3)])
            ledger.roll_up()
            assert requests(postgres_url) == 2
            late.commit()
        assert requests(postgres_url) == 3
        ledger.roll_up()
        assert requests(postgres_url) == 3
        with psycopg.connect(postgres_url) as raw:
            assert raw.execute("SELECT count(*) FROM rollup_pending").fetchone() == (0,)


def test_many_writers_that_sum_at_once_count_everything_once(postgres_url: str) -> None:
    PostgresLedger(postgres_url).close()
    failed: list[BaseException] = []

    def write(writer: int) -> None:
        try:
            with closing(PostgresLedger(postgres_url)) as ledger:
                for batch in range(10):
                    first = batch * 20
                    ledger.append([make_event(first + one) for one in range(30)])  # overlaps on purpose
                    ledger.roll_up()
                    if batch == 5 and writer == 0:
                        ledger.rebuild_rollups()
        except Exception as error:  # noqa: BLE001 - whatever it is, the test shows it
            failed.append(error)

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failed
    assert len(query_events(open_reader(postgres_url), limit=1000)) == 210
    assert requests(postgres_url) == 210
