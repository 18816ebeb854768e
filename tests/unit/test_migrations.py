from __future__ import annotations

import importlib
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import create_engine, inspect

from metering.event_query import query_events
from metering.ledger import LedgerError
from metering.ledger_url import open_ledger, open_reader
from metering.outcome import Outcome
from metering.quality.tables import feedback, quality_verdicts
from metering.reports import ReportQuery, usage_report
from metering.rows import ADDED_COLUMNS, COLUMNS, to_row
from metering.schema import APPLICATION_ID
from metering.store.tables import metadata
from tests.fakes.events import make_event

FIRST = importlib.import_module("metering.migrations.versions.v0001_events")
NEW_COLUMNS = 7 + len(ADDED_COLUMNS)


def old_file(path: Path, count: int) -> None:
    """As the first releases made it."""
    with closing(sqlite3.connect(path, isolation_level=None)) as raw:
        raw.execute(FIRST.EVENTS)
        raw.execute("CREATE INDEX events_started ON events (started_us)")
        raw.execute("CREATE INDEX events_tenant_started ON events (tenant, started_us)")
        raw.execute("CREATE INDEX events_request ON events (request_id)")
        raw.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        raw.execute("PRAGMA user_version = 1")
        columns = COLUMNS[:-NEW_COLUMNS]
        for number in range(count):
            event = make_event(number, outcome=Outcome.CACHED if number % 2 else Outcome.COMPLETED)
            marks = ",".join("?" * len(columns))
            values = to_row(event)[:-NEW_COLUMNS]
            raw.execute(f"INSERT INTO events ({','.join(columns)}) VALUES ({marks})", values)


def test_a_file_of_the_first_release_keeps_its_rows(tmp_path: Path) -> None:
    old_file(tmp_path / "weir.db", 10)
    url = f"sqlite:///{tmp_path / 'weir.db'}"
    with closing(open_ledger(url)) as ledger:
        assert ledger.append([make_event(number) for number in range(12)]) == 2
    events = query_events(open_reader(url))
    assert [event.kind for event in events] == ["attempt", "hit"] * 5 + ["attempt"] * 2
    totals = usage_report(open_reader(url), ReportQuery(("tenant",))).totals
    assert (totals.hits, totals.unpriced_hits) == (5, 0)
    assert totals.saved_by_cache_nanos == 5 * (9000 - 1100), "an old hit avoided its baseline"


def test_every_table_is_as_the_code_describes_it(ledger_url: str) -> None:
    assert {quality_verdicts, feedback} <= set(metadata.tables.values())
    open_ledger(ledger_url).close()
    engine = create_engine(ledger_url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as connection:
        inspector = inspect(connection)
        for table in metadata.tables.values():
            if table.name == "rollup_pending" and engine.dialect.name == "sqlite":
                continue
            found = {column["name"]: bool(column["nullable"]) for column in inspector.get_columns(table.name)}
            told = {column.name: bool(column.nullable) for column in table.columns}
            if table.name == "events":
                found.pop("seq"), told.pop("seq")
            assert {name: found.get(name) for name in told} == {
                name: nullable or (table.name.startswith("rollup") and found[name])
                for name, nullable in told.items()
            }
            assert set(found) == set(told), table.name
    engine.dispose()


def test_many_processes_may_start_at_once(ledger_url: str) -> None:
    failed: list[BaseException] = []
    ready = threading.Barrier(4)

    def start(number: int) -> None:
        ready.wait()
        try:
            with closing(open_ledger(ledger_url)) as ledger:
                ledger.append([make_event(number)])
        except Exception as error:  # noqa: BLE001 - whatever it is, the test shows it
            failed.append(error)

    threads = [threading.Thread(target=start, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failed
    assert len(query_events(open_reader(ledger_url))) == 4


def test_postgresql_of_a_newer_release_is_left_alone(postgres_url: str) -> None:
    open_ledger(postgres_url).close()
    with psycopg.connect(postgres_url) as raw:
        raw.execute("UPDATE alembic_version SET version_num = 'v9999'")
    with pytest.raises(LedgerError, match=r"v9999.*newer release"):
        open_ledger(postgres_url)
    with pytest.raises(LedgerError, match=r"v9999.*newer release"):
        open_reader(postgres_url).read(("SELECT 1", ()))


def test_postgresql_without_a_ledger_says_so(postgres_url: str) -> None:
    with pytest.raises(LedgerError, match="there is no ledger at postgresql://127"):
        open_reader(postgres_url).read(("SELECT 1", ()))
