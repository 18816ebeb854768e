"""`python -m benchmarks.metering`: fills a PostgreSQL server of its own and writes RESULTS.md.

Reports are timed as `weir report` reads them: a connection, a snapshot, the query, and the sums in Python.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg

from benchmarks.machine import describe
from benchmarks.metering.synthetic import FIRST, FROM_US, UNTIL_US, fill
from metering.ledger import LedgerReader
from metering.ledger_url import open_ledger, open_reader
from metering.reports import ReportQuery, UsageReport, asked_of, usage_report
from metering.store.ids import lowest_id, month_of
from metering.store.partitions import make_months
from metering.store.report_query import sums_query
from metering.store.sql import POSTGRESQL, render
from tests.postgres import server

RESULTS = Path(__file__).with_name("RESULTS.md")
GOAL_S = 1.0
BYTES_PER_EVENT = 1500
RUNS = 7
SETTINGS = (
    "shared_buffers=1GB",
    "work_mem=64MB",
    "max_wal_size=8GB",
    "maintenance_work_mem=256MB",
    "jit=off",
)

CHARGEBACK = ReportQuery(("tenant", "cost_center", "category"), FROM_US, UNTIL_US)
REPORTS = {
    "monthly chargeback: tenant, cost centre, category": CHARGEBACK,
    "the same, by month without bounds": ReportQuery(("month", "tenant", "cost_center", "category")),
    "the same, month of Europe/Berlin": ReportQuery(
        ("month", "tenant", "cost_center", "category"), time_zone="Europe/Berlin"
    ),
    "model and day": ReportQuery(("model", "day"), FROM_US, UNTIL_US),
    "tag:task and project": ReportQuery(("tag:task", "project"), FROM_US, UNTIL_US),
    "one tenant by key and day": ReportQuery(("key", "day"), FROM_US, UNTIL_US, {"tenant": "tenant-3"}),
    "hours of one day": ReportQuery(("hour",), FROM_US, FROM_US + 86_400_000_000),
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.metering", description=__doc__)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--out", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    free = shutil.disk_usage(tempfile.gettempdir()).free
    if free < arguments.events * BYTES_PER_EVENT:
        print(
            f"needs {arguments.events * BYTES_PER_EVENT:,} bytes of disk, {free:,} are free", file=sys.stderr
        )
        return 1
    with server(*SETTINGS) as running, running.database() as url:
        lines = list(_measure(url, arguments.events))
    arguments.out.write_text("\n".join(lines) + "\n")
    print("\n".join(lines))
    return 0


def _measure(url: str, count: int) -> Iterator[str]:
    yield "# Reports over ten million events" if count == 10_000_000 else f"# Reports over {count:,} events"
    yield "\nWritten by `python -m benchmarks.metering`.\n"
    yield f"{describe()} PostgreSQL with {', '.join(SETTINGS)} and fsync off.\n"
    with closing(open_ledger(url)) as ledger, psycopg.connect(url, autocommit=True) as connection:
        filled_s = _fill(connection, count)
        began = time.perf_counter()
        ledger.rebuild_rollups()
        rolled_s = time.perf_counter() - began
        connection.execute("VACUUM ANALYZE")
        yield from _sizes(connection, count, filled_s, rolled_s)
        reader = open_reader(url)
        yield from _table(reader)
        yield "\n## The plan of the monthly chargeback\n\n```"
        yield from _plan(connection, reader, CHARGEBACK)
        yield "```"
        yield from _check(connection, usage_report(reader, CHARGEBACK))


def _fill(connection: psycopg.Connection[tuple[object, ...]], count: int) -> float:
    began = time.perf_counter()
    with connection.transaction():
        make_months(connection, {month_of(lowest_id(FROM_US) + "0" * 16)})
    fill(connection, count)
    return time.perf_counter() - began


def _sizes(
    connection: psycopg.Connection[tuple[object, ...]], count: int, filled_s: float, rolled_s: float
) -> Iterator[str]:
    sizes = connection.execute(
        "SELECT (SELECT count(*) FROM rollup_hourly), (SELECT count(*) FROM rollup_groups), "
        "pg_size_pretty(sum(pg_total_relation_size(inhrelid))), pg_size_pretty(pg_total_relation_size("
        "'rollup_hourly')) FROM pg_inherits WHERE inhparent = 'events'::regclass"
    ).fetchone()
    assert sizes is not None
    rollups, groups, events_size, rollup_size = sizes
    yield f"{count:,} events in {FIRST:%B %Y}, made in {filled_s:.0f} s ({events_size} with indexes);"
    yield f"{rollups:,} hourly sums in {groups:,} groups ({rollup_size}), rebuilt in {rolled_s:.0f} s.\n"


def _table(reader: LedgerReader) -> Iterator[str]:
    yield f"First, and the middle and worst of {RUNS} more. Goal of the first line: {GOAL_S:.0f} s."
    yield "\n| report | rows | first s | middle s | worst s |  |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: |"
    for title, query in REPORTS.items():
        times, rows = [], 0
        for _ in range(RUNS + 1):
            began = time.perf_counter()
            rows = len(usage_report(reader, query).rows)
            times.append(time.perf_counter() - began)
        first, rest = times[0], times[1:]
        met = ("met" if max(times) < GOAL_S else "missed") if query is CHARGEBACK else ""
        yield f"| {title} | {rows} | {first:.3f} | {statistics.median(rest):.3f} | {max(rest):.3f} | {met} |"


def _plan(
    connection: psycopg.Connection[tuple[object, ...]], reader: LedgerReader, query: ReportQuery
) -> Iterator[str]:
    sql, parameters = render(sums_query(reader, asked_of(query)), POSTGRESQL)
    explained = connection.execute(f"EXPLAIN (ANALYZE, BUFFERS, COSTS OFF) {sql}".encode(), parameters)
    for (line,) in explained.fetchall():
        yield str(line) if len(str(line)) <= 160 else f"{str(line)[:160]} ..."


def _check(connection: psycopg.Connection[tuple[object, ...]], told: UsageReport) -> Iterator[str]:
    """A fast wrong answer is none."""
    found = connection.execute(
        "SELECT sum(cost_nanos), count(*) FILTER (WHERE outcome = 'cached') FROM events"
    )
    by_rows = found.fetchone()
    assert by_rows == (told.totals.cost_nanos, told.totals.hits), (by_rows, told.totals)
    yield f"\nThe totals equal a scan of all rows: {told.totals.cost_nanos:,} nano-dollars."


if __name__ == "__main__":
    sys.exit(main())
