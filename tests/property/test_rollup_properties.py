"""However rows come in, are summed, summed again and replaced: the rollups are the sums of the rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Table, func, select

from metering.days import US_PER_DAY
from metering.event import WAS_UNKNOWN, Event
from metering.ledger import Books, LedgerReader
from metering.ledger_url import open_ledger, open_reader
from metering.outcome import Outcome
from metering.reports import ReportQuery, usage_report
from metering.store.names import DIMENSION_COLUMNS, MEASURES, US_PER_HOUR
from metering.store.rollup import contributions, share_contributions
from metering.store.shares import GpuShare, GpuWindow
from metering.store.tables import rollup_daily, rollup_groups, rollup_hourly
from metering.usage import Provenance, TokenUsage
from tests.fakes.events import NEW_YEAR_2026_US, make_event
from tests.postgres import Server

HOURS = 60
Sums = dict[tuple[object, ...], tuple[int | None, ...]]


class House:
    """A ledger that is emptied for each example."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.empty: Callable[[], None] = lambda: None

    def open(self) -> Books:
        return open_ledger(self.url)

    @property
    def reader(self) -> LedgerReader:
        return open_reader(self.url)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def house(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, postgres: Server
) -> Iterator[House]:
    with ExitStack() as stack:
        if request.param == "sqlite":
            path = tmp_path_factory.mktemp("ledger") / "weir.db"
            house = House(f"sqlite:///{path}")
            house.empty = lambda: _delete(path)
        else:
            house = House(stack.enter_context(postgres.database()))
            house.empty = lambda: _truncate(house.url)
        yield house


def _delete(path: Path) -> None:
    for file in path.parent.glob("weir.db*"):
        file.unlink()


def _truncate(url: str) -> None:
    with psycopg.connect(url) as connection:
        tables = "events, rollup_pending, rollup_groups, rollup_hourly, rollup_daily, gpu_windows, gpu_shares"
        connection.execute(f"TRUNCATE {tables}".encode())


amounts = st.none() | st.integers(min_value=0, max_value=10**12)


@st.composite
def one_event(draw: st.DrawFn, number: int) -> Event:
    correction = draw(st.integers(min_value=0, max_value=5)) == 0
    usage = draw(
        st.none() | st.builds(TokenUsage, st.integers(0, 99), provenance=st.sampled_from(Provenance))
    )
    return make_event(
        number,
        started_us=NEW_YEAR_2026_US + draw(st.integers(0, HOURS * 4 - 1)) * (US_PER_HOUR // 4),
        attempt=draw(st.integers(0, 2)),
        tenant=draw(st.sampled_from(["acme", "globex", "ümlaut%"])),
        tags=draw(st.sampled_from(["{}", '{"task":"a"}', '{"task":"b","x":"\\u00e9"}'])),
        outcome=draw(st.sampled_from([Outcome.COMPLETED, Outcome.CACHED, Outcome.CLIENT_GONE])),
        usage=usage,
        cost_nanos=draw(amounts),
        baseline_nanos=draw(amounts),
        gpu_ns=draw(amounts),
        kind="correction" if correction else "attempt",
        error=draw(st.sampled_from(["", WAS_UNKNOWN])) if correction else "",
    )


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[str, object]]:
    """What happens to a ledger, in an order that nobody planned: batches that overlap, sums, windows."""
    count = draw(st.integers(0, 15))
    rows = [draw(one_event(number)) for number in range(count)]
    sent = draw(st.permutations(rows + rows[::2]))
    steps: list[tuple[str, object]] = []
    while sent:
        size = draw(st.integers(1, 6))
        steps.append(("append", sent[:size]))
        sent = sent[size:]
        steps += draw(st.lists(st.sampled_from([("roll up", None), ("rebuild", None)]), max_size=1))
        if draw(st.booleans()):
            steps.append(("window", draw(windows())))
    return steps


@st.composite
def windows(draw: st.DrawFn) -> tuple[GpuWindow, list[GpuShare]]:
    start = NEW_YEAR_2026_US + draw(st.integers(0, 3)) * 30 * 60_000_000
    parts = draw(st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 10**6)), min_size=1, max_size=4))
    shares = [
        GpuShare("idle" if at == 0 else "request", f"e{at}", f"t{at % 2}", "", "", "", "m", ns, nanos, "work")
        for at, (ns, nanos) in enumerate(parts)
    ]
    capacity = (sum(ns for ns, _ in parts), sum(nanos for _, nanos in parts))
    return GpuWindow("gpu1", start, start + 60_000_000, 1, *capacity, "work"), shares


def play(house: House, steps: Sequence[tuple[str, object]]) -> None:
    house.open().close()
    house.empty()
    with closing(house.open()) as ledger:
        for what, detail in steps:
            match what:
                case "append":
                    ledger.append(detail)  # type: ignore[arg-type]
                case "window":
                    ledger.write_window(*detail)  # type: ignore[misc]
                case "roll up":
                    ledger.roll_up()
                case _:
                    ledger.rebuild_rollups()


def stored(reader: LedgerReader, table: Table) -> Sums:
    start = table.c[0]
    keys = [start, *(rollup_groups.c[name] for name in DIMENSION_COLUMNS)]
    joined = table.join(rollup_groups, table.c.group_id == rollup_groups.c.group_id)
    (rows,) = reader.read(select(*keys, *(table.c[name] for name in MEASURES)).select_from(joined))
    return _sums(rows, len(keys))


def from_rows(reader: LedgerReader, length_us: int) -> Sums:
    """Per hour or day, of every row that there is."""
    everything = (contributions(1 == 1), share_contributions(1 == 1))  # type: ignore[arg-type]
    found = []
    for rows in everything:
        start = rows.c.at_us - rows.c.at_us % length_us
        keys = [start.label("start_us"), *(rows.c[name] for name in DIMENSION_COLUMNS)]
        inner = select(*keys, *(rows.c[name] for name in MEASURES)).subquery()
        outer = [inner.c[0], *(inner.c[name] for name in DIMENSION_COLUMNS)]
        found += reader.read(
            select(*outer, *(func.sum(inner.c[name]) for name in MEASURES)).group_by(*outer)
        )[0]
    return _sums(found, 1 + len(DIMENSION_COLUMNS))


def _sums(rows: Sequence[tuple[object, ...]], width: int) -> Sums:
    """Without what a replaced window left behind: zeros."""
    sums = {row[:width]: tuple(None if v is None else int(v) for v in row[width:]) for row in rows}  # type: ignore[call-overload]
    return {key: values for key, values in sums.items() if any(values)}


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(histories())
def test_the_rollups_are_the_sums_of_the_rows(house: House, steps: list[tuple[str, object]]) -> None:
    play(house, [*steps, ("roll up", None)])
    reader = house.reader
    assert stored(reader, rollup_hourly) == from_rows(reader, US_PER_HOUR)
    assert stored(reader, rollup_daily) == from_rows(reader, US_PER_DAY)


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(histories())
def test_made_again_from_rows_they_are_the_same(house: House, steps: list[tuple[str, object]]) -> None:
    play(house, [*steps, ("roll up", None)])
    before = stored(house.reader, rollup_hourly), stored(house.reader, rollup_daily)
    with closing(house.open()) as ledger:
        ledger.rebuild_rollups()
    assert (stored(house.reader, rollup_hourly), stored(house.reader, rollup_daily)) == before


zones = st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kolkata", "Asia/Kathmandu", "America/St_Johns"])


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(histories(), zones, st.sampled_from(["day", "month"]), st.booleans(), st.data())
def test_a_report_in_any_zone_is_the_count_of_its_rows(
    house: House, steps: list[tuple[str, object]], zone: str, period: str, bounded: bool, data: st.DataObject
) -> None:
    play(house, [step for step in steps if step[0] != "window"])
    span = {}
    if bounded:
        minutes = st.integers(0, HOURS * 60)
        first, length = data.draw(minutes), data.draw(st.integers(1, HOURS * 60))
        span = {"from_us": NEW_YEAR_2026_US + first * 60_000_000}
        span["until_us"] = span["from_us"] + length * 60_000_000
    told = usage_report(house.reader, ReportQuery((period, "tenant"), **span, time_zone=zone))
    sent = {event.id: event for what, batch in steps if what == "append" for event in batch}  # type: ignore[attr-defined]
    name = "%Y-%m-%d" if period == "day" else "%Y-%m"
    expected = Counter(
        (datetime.fromtimestamp(event.started_us // 10**6, ZoneInfo(zone)).strftime(name), event.tenant)
        for event in sent.values()
        if span.get("from_us", 0) <= event.started_us < span.get("until_us", 1 << 62)
        and event.kind != "correction"
        and event.outcome is not Outcome.CACHED
    )
    assert {row.group: row.sums.attempts for row in told.rows if row.sums.attempts} == expected
