from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

from metering.event import Event
from metering.event_query import query_events
from metering.ledger import Books, EventRejected, LedgerError, LedgerUnavailable
from metering.ledger_url import open_ledger, open_reader, sqlite_path
from metering.outcome import Outcome
from metering.rows import COLUMNS, from_row, to_row
from metering.usage import Provenance, TokenUsage
from tests.fakes.events import make_event

ROOT = Path(__file__).parents[2]
VARIETY = [
    make_event(1),
    make_event(2, usage=None, cost_nanos=None, list_nanos=None, baseline_nanos=None, first_token_us=None),
    make_event(3, outcome=Outcome.CACHED, attempt=0, stream=True, stand_in=True, cost_nanos=0, kind="hit"),
    make_event(4, usage=TokenUsage(1, 2, 3, 4, 4, Provenance.COUNTED), requested_model="ü'; DROP TABLE %s"),
    make_event(5, process="p1", prefill_us=1, decode_us=2, gpu_ns=3, gpu_nanos=4),
    make_event(6, kind="correction", corrects=make_event(1).id, cost_nanos=-7),
]


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Books]:
    ledger = open_ledger(ledger_url)
    yield ledger
    ledger.close()


def stored(ledger_url: str) -> list[Event]:
    return query_events(open_reader(ledger_url), limit=1000)


def count(ledger_url: str) -> int:
    ((row,),) = open_reader(ledger_url).read(("SELECT count(*) FROM events", ()))
    return int(row[0] or 0)


@pytest.mark.parametrize("event", VARIETY, ids=lambda event: event.id[-1])
def test_a_row_holds_everything_of_its_event(event: Event) -> None:
    assert from_row(to_row(event)) == event
    assert len(to_row(event)) == len(COLUMNS)


def test_every_field_of_an_event_is_a_column() -> None:
    assert {field.name for field in fields(Event)} - {"usage", "routing"} <= set(COLUMNS)


def test_events_come_back_as_they_were_written(ledger: Books, ledger_url: str) -> None:
    assert ledger.append(VARIETY) == len(VARIETY)
    assert stored(ledger_url) == VARIETY


@pytest.mark.parametrize("size", [0, 1, 2, 8, 9, 127, 128, 129, 500, 512])
def test_batches_of_any_size_are_written_once(ledger: Books, ledger_url: str, size: int) -> None:
    events = [make_event(number) for number in range(size)]
    assert ledger.append(events) == size
    assert ledger.append(events) == 0
    assert count(ledger_url) == size
    assert stored(ledger_url) == events


def test_only_what_is_new_is_counted(ledger: Books) -> None:
    ledger.append([make_event(number) for number in range(10)])
    assert ledger.append([make_event(number) for number in range(5, 20)]) == 10


def test_an_event_once_written_is_never_changed(ledger: Books, ledger_url: str) -> None:
    ledger.append([make_event(1, cost_nanos=7)])
    ledger.append([make_event(1, cost_nanos=8)])
    assert [event.cost_nanos for event in stored(ledger_url)] == [7]


@pytest.mark.parametrize(
    "bad",
    [
        make_event(200, cost_nanos=2**63),
        make_event(200, tenant=None),
        make_event(200, tags="\ud800"),
        make_event(200, tags=["a list"]),
    ],
    ids=["too large", "missing", "no text", "no value"],
)
def test_what_no_column_can_hold_is_rejected_with_its_whole_batch(
    ledger: Books, ledger_url: str, bad: Event
) -> None:
    with pytest.raises(EventRejected, match="cannot hold this"):
        ledger.append([*(make_event(number) for number in range(199)), bad])
    assert count(ledger_url) == 0
    assert ledger.append([make_event(1)]) == 1


def test_a_closed_ledger_says_so(ledger: Books) -> None:
    ledger.close()
    with pytest.raises(LedgerUnavailable, match="closed"):
        ledger.append([make_event(1)])


_WRITE_UNTIL_KILLED = """
import sys
from metering.ledger_url import open_ledger
from tests.fakes.events import make_event
ledger = open_ledger(sys.argv[1])
for number in range(100_000):
    ledger.append([make_event(number)])
    print(number, flush=True)
"""


def test_a_killed_writer_loses_nothing_it_was_told_is_written(ledger_url: str) -> None:
    open_ledger(ledger_url).close()
    command = [sys.executable, "-c", _WRITE_UNTIL_KILLED, ledger_url]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        for line in writer.stdout:
            if line.strip() == "200":
                writer.kill()
                break
        confirmed = 200 + sum(1 for _ in writer.stdout)
    assert count(ledger_url) >= confirmed + 1
    ids = [event.id for event in stored(ledger_url)]
    assert ids == [make_event(number).id for number in range(len(ids))]


def test_a_reader_sees_what_is_written_while_the_writer_has_it_open(ledger: Books, ledger_url: str) -> None:
    reader = open_reader(ledger_url)
    for number in range(3):
        ledger.append([make_event(number)])
        assert len(query_events(reader)) == number + 1


@pytest.mark.parametrize(
    ("url", "path"),
    [("sqlite:///weir.db", "weir.db"), ("sqlite:///a/b.db", "a/b.db"), ("sqlite:////var/w.db", "/var/w.db")],
)
def test_addresses_name_files(url: str, path: str) -> None:
    assert sqlite_path(url) == Path(path)


@pytest.mark.parametrize(
    "url", ["weir.db", "sqlite://weir.db", "sqlite:///", "postgresql://h/db", "sqlite:///d/"]
)
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(LedgerError, match=r"write sqlite:///relative\.db"):
        sqlite_path(url)


def test_events_are_found_by_request_tenant_and_page(ledger: Books, ledger_url: str) -> None:
    events = [make_event(number, request_id=f"req_{number // 2}") for number in range(10)]
    events.append(make_event(10, tenant="globex"))
    ledger.append(events)
    reader = open_reader(ledger_url)
    assert query_events(reader, request_id="req_3") == events[6:8]
    assert query_events(reader, tenant="globex") == events[10:]
    assert query_events(reader, limit=4, after=events[3].id) == events[4:8]
    assert query_events(reader, limit=3, newest_first=True) == events[:7:-1]
    assert query_events(reader, limit=2, after=events[8].id, newest_first=True) == [events[7], events[6]]
    assert query_events(reader, request_id="req_' OR 1=1 --") == []


@pytest.mark.parametrize("limit", [0, -1, 1001])
def test_a_page_has_a_size(ledger_url: str, limit: int) -> None:
    with pytest.raises(ValueError, match="limit must be between 1 and 1000"):
        query_events(open_reader(ledger_url), limit=limit)
