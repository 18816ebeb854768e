"""kill -9 of a process that appends as fast as it can: whatever it said it had appended is there."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

from metering.journal import Journal, JournalMeter, Shipper, describe
from metering.ledger import Row
from metering.outcome import Outcome
from metering.rows import to_row
from metering.sqlite_ledger import SqliteLedger
from tests.fakes.events import make_event

ROOT = Path(__file__).resolve().parents[2]
KILLS = 20
STREAMS = 200
SEGMENT_BYTES = 1 << 18

CHILD = """
import os, sys
from pathlib import Path
from metering.sqlite_ledger import SqliteLedger
from tests.fakes.events import make_event
from tests.fault.test_journal_killed import STREAMS, interrupted, start_meter

first, folder = int(sys.argv[1]), Path(sys.argv[2])
meter = start_meter(folder, SqliteLedger(folder / "weir.db"))
meter.recover(interrupted)
meter.start()
number = first
streams = []
while True:
    event = make_event(number)
    meter.open(event.id, [number])
    os.write(1, b"o%d\\n" % number)
    streams.append(event)
    number += 1
    if len(streams) >= STREAMS:
        closed = streams.pop(number * 7919 % STREAMS)
        meter.record(closed)
        os.write(1, b"c%d\\n" % int(closed.request_id[4:]))
"""


def interrupted(process: str, event_id: str, payload: Any) -> Row:
    event = make_event(int(payload[0]), outcome=Outcome.INTERRUPTED)
    assert event.id == event_id
    return to_row(event)


def start_meter(folder: Path, ledger: SqliteLedger) -> JournalMeter:
    journal = Journal(folder / "journal", segment_bytes=SEGMENT_BYTES, max_bytes=1 << 30)
    return JournalMeter(journal, Shipper(ledger, journal, interval_s=0.005))


def run_and_kill(folder: Path, first: int, records: int) -> tuple[set[int], set[int]]:
    """Kill the child when it has told of that many records. Returns the numbers it opened and closed."""
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, str(first), str(folder)], cwd=ROOT, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        try:
            told = [child.stdout.readline() for _ in range(records)]
        finally:
            os.kill(child.pid, signal.SIGKILL)
        told += child.stdout.readlines()
    whole = [line for line in told if line.endswith(b"\n")]
    assert len(whole) >= records, "the child ended by itself"
    opened = {int(line[1:]) for line in whole if line.startswith(b"o")}
    return opened, {int(line[1:]) for line in whole if line.startswith(b"c")}


def test_twenty_kills_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    random = Random(3)
    opened: set[int] = set()
    closed: set[int] = set()
    for kill in range(KILLS):
        more_opened, more_closed = run_and_kill(tmp_path, kill * 1_000_000, random.randrange(500, 6000))
        opened |= more_opened
        closed |= more_closed
    with closing(SqliteLedger(tmp_path / "weir.db")) as ledger:
        meter = start_meter(tmp_path, ledger)
        damages = [damage for one in meter.recover(interrupted) for damage in one.damages]
        meter.start()
        assert meter.flush(60.0)
        assert meter.close() == 0
    # A kill may fall into the copying of one record, which nobody was told of yet: it is reported, and kept.
    assert all("torn tail" in damage.what and damage.kept_in is not None for damage in damages)
    assert len(damages) <= KILLS
    # Nothing else is left; each child took over from the one before, so that it may have found the damage.
    assert all(list(left) == ["quarantine"] for left in describe(tmp_path / "journal"))
    with closing(sqlite3.connect(tmp_path / "weir.db")) as connection:
        rows = connection.execute("SELECT request_id, outcome FROM events").fetchall()
    check_events([(int(request_id[4:]), Outcome(outcome)) for request_id, outcome in rows], opened, closed)


def check_events(events: list[tuple[int, Outcome]], opened: set[int], closed: set[int]) -> None:
    """The child may have died between appending and telling: one record more for each kill, at most."""
    found = dict(events)
    assert len(found) == len(events)
    assert opened <= set(found)
    assert len(set(found) - opened) <= KILLS
    completed = {number for number, outcome in events if outcome is Outcome.COMPLETED}
    assert closed <= completed
    assert len(completed - closed) <= KILLS
    assert all(found[number] is Outcome.INTERRUPTED for number in set(found) - completed)
    assert len(found) - len(completed) >= KILLS * (STREAMS - 1)
