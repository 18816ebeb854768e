from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from pathlib import Path

import orjson
import pytest

from metering.journal import Journal, JournalError, JournalFull, RecordTooLong, Shipper, describe, recover
from metering.journal.checkpoint import NOWHERE, Position, read_checkpoint, write_checkpoint
from metering.journal.folder import segment_bytes_on_disk
from metering.journal.record import KIND_NAMES, Record, decode
from metering.journal.segment import segment_numbers
from tests.fakes.journals import (
    SEGMENT_BYTES,
    Disk,
    Sink,
    crash,
    interrupted,
    make_journal,
    records_of,
    recover_into,
    row_of,
    ship_all,
)

LONG = "x" * 400


def kinds(folder: Path) -> list[tuple[str, str]]:
    records = (item for item in records_of(folder) if isinstance(item, Record))
    return [(KIND_NAMES[record.kind], decode(record)[0]) for record in records]


def fill(journal: Journal, count: int, prefix: str = "f") -> list[str]:
    ids = [f"{prefix}{number}" for number in range(count)]
    for event_id in ids:
        journal.open(event_id, [LONG])
        journal.close(event_id, row_of(event_id, LONG))
    return ids


def test_an_attempt_is_on_record_before_and_after(tmp_path: Path) -> None:
    journal = make_journal(tmp_path)
    assert journal.open("a", ["model", 1])
    assert journal.open("b", orjson.dumps({"as": "bytes"}))
    journal.close("a", row_of("a"))
    journal.hit(row_of("c"))
    assert kinds(journal.home.path) == [("open", "a"), ("open", "b"), ("close", "a"), ("hit", "c")]
    assert (journal.rows, journal.open_attempts, journal.full) == (2, 1, False)
    journal.stop()


def test_two_processes_do_not_share_a_folder_and_the_living_are_not_recovered(tmp_path: Path) -> None:
    journal = make_journal(tmp_path, process="one")
    with pytest.raises(JournalError, match="one"):
        make_journal(tmp_path, process="one")
    assert recover(tmp_path, interrupted) == []
    journal.stop()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalError, match=r"file/journal"):
        make_journal(tmp_path / "file" / "journal")


def test_a_bound_below_two_segments_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="two segments"):
        make_journal(tmp_path, max_bytes=2 * SEGMENT_BYTES - 1)


def test_open_attempts_are_carried_over_so_that_old_segments_can_go(tmp_path: Path) -> None:
    journal, sink = make_journal(tmp_path), Sink()
    shipper = Shipper(sink, journal)
    journal.open("stream", ["long"])
    for round_ in range(10):
        fill(journal, 20, f"r{round_}-")
        journal.work()
        ship_all(shipper)
    numbers = segment_numbers(journal.home.path)
    assert numbers[0] > 20
    assert len(numbers) <= 2
    assert ("open", "stream") in kinds(journal.home.path)
    shipper.close()
    crash(journal)
    recover_into(sink, tmp_path)
    assert sink.kept["stream"] == row_of("stream", "interrupted:long")
    assert len(sink.kept) == 201


def test_open_attempts_that_would_fill_half_a_segment_keep_theirs(tmp_path: Path) -> None:
    journal, sink = make_journal(tmp_path), Sink()
    shipper = Shipper(sink, journal)
    for number in range(6):
        journal.open(f"s{number}", [LONG])
    fill(journal, 40)
    journal.work()
    ship_all(shipper)
    assert segment_numbers(journal.home.path)[0] == 1
    for number in range(6):
        journal.close(f"s{number}", row_of(f"s{number}"))
    fill(journal, 40, "g")
    journal.work()
    ship_all(shipper)
    assert segment_numbers(journal.home.path)[0] > 1
    assert len(sink.kept) == 86
    shipper.close()
    journal.stop()


def test_a_journal_that_was_shipped_leaves_nothing_behind(tmp_path: Path) -> None:
    journal, sink = make_journal(tmp_path), Sink()
    shipper = Shipper(sink, journal)
    fill(journal, 30)
    ship_all(shipper)
    assert shipper.close() == 0
    journal.stop()
    assert describe(tmp_path) == []


def test_a_full_disk_refuses_new_work_and_keeps_the_ends_of_running_work(tmp_path: Path) -> None:
    told: list[tuple[bool, str]] = []
    disk, sink = Disk(), Sink()
    journal = make_journal(tmp_path, allocate=disk, on_state=lambda ok, why: told.append((ok, why)))
    running = [f"run{number}" for number in range(2)]
    for event_id in running:
        journal.open(event_id, ["x"])
    disk.full = True
    opened = 0
    with pytest.raises(JournalFull, match="No space left"):  # noqa: PT012 - which call raises is not known before
        while True:
            journal.open(f"new{opened}", ["x" * 100])
            opened += 1
            journal.work()
            assert opened < 1000
    assert journal.full
    for event_id in [*running, *(f"new{number}" for number in range(opened))]:
        journal.close(event_id, row_of(event_id, LONG))
    journal.work()
    assert [ok for ok, _ in told] == [False]
    disk.full = False
    journal.work()
    assert not journal.full
    assert told[1:] == [(True, "recording again")]
    shipper = Shipper(sink, journal)
    ship_all(shipper)
    assert set(sink.kept) == {*running, *(f"new{number}" for number in range(opened))}
    shipper.close()
    journal.stop()


def test_rows_that_come_all_the_same_while_it_is_full_are_held_until_there_is_room(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    disk = Disk()
    journal = make_journal(tmp_path, allocate=disk)
    disk.full = True
    for number in range(30):
        journal.hit(row_of(f"h{number}", LONG))
        journal.work()
    assert journal.full
    assert journal.rows < 30
    disk.full = False
    journal.work()
    assert not journal.full  # asking is enough
    sink = Sink()
    for _ in range(3):
        journal.work()
        assert not journal.full
    shipper = Shipper(sink, journal)
    ship_all(shipper)
    assert len(sink.kept) == journal.rows == 30
    disk.full = True
    for number in range(30, 60):
        journal.hit(row_of(f"h{number}", LONG))
        journal.work()
    journal.stop()
    assert f"{60 - journal.rows} rows found no room in the journal" in caplog.text


def test_serving_unmetered_counts_what_is_not_written(tmp_path: Path) -> None:
    told: list[tuple[bool, str]] = []
    disk = Disk()
    journal = make_journal(
        tmp_path, allocate=disk, when_full="unmetered", on_state=lambda ok, why: told.append((ok, why))
    )
    disk.full = True
    for number in range(100):
        journal.open(f"a{number}", ["x"])
        journal.close(f"a{number}", row_of(f"a{number}", LONG))
        journal.work()
        assert not journal.full
    assert journal.unmetered > 0
    assert journal.rows + journal.unmetered == 100
    assert [ok for ok, _ in told] == [False]
    assert "No space left" in journal.problem
    disk.full = False
    journal.work()
    assert told[1:] == [(True, f"recording again, {journal.unmetered} rows were not recorded so far")]
    assert journal.open("later", ["x"])
    crash(journal)


def test_a_disk_that_is_full_from_the_start_is_a_state_and_no_error(tmp_path: Path) -> None:
    disk = Disk()
    disk.full = True
    journal = make_journal(tmp_path, allocate=disk)
    assert journal.full
    with pytest.raises(JournalFull):
        journal.open("a", [])
    disk.full = False
    journal.work()
    assert journal.open("a", [])
    crash(journal)


def test_the_bound_on_disk_holds_and_shipping_lifts_it(tmp_path: Path) -> None:
    journal, sink = make_journal(tmp_path, max_bytes=4 * SEGMENT_BYTES), Sink()
    shipper = Shipper(sink, journal)
    written = 0
    while not journal.full:
        written += len(fill(journal, 1, f"b{written}-"))
        journal.work()
        assert segment_bytes_on_disk(tmp_path) <= 4 * SEGMENT_BYTES
    assert "of 16384 allowed" in journal.problem
    ship_all(shipper)
    journal.work()
    assert not journal.full
    assert len(sink.kept) == written
    shipper.close()
    journal.stop()


def test_a_record_that_fills_a_segment_is_refused_or_set_aside(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    journal, sink = make_journal(tmp_path), Sink()
    with pytest.raises(RecordTooLong, match="of a has"):
        journal.open("a", ["x" * SEGMENT_BYTES])
    journal.open("b", ["x"])
    journal.close("b", row_of("b", "y" * SEGMENT_BYTES))
    assert "event b set aside" in caplog.text
    (kept,) = (tmp_path / "quarantine").iterdir()
    assert orjson.loads(kept.read_bytes())["row"][0] == "b"
    crash(journal)
    (recovered,) = recover_into(sink, tmp_path)
    assert (recovered.interrupted, sink.kept) == ([], {})


def test_a_disk_that_cannot_write_out_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[bool, str]] = []
    journal = make_journal(tmp_path, on_state=lambda ok, why: told.append((ok, why)))

    def broken(descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    journal.open("a", [])
    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", broken)
        journal.work()
    assert journal.full
    assert told == [(False, "cannot write the journal out: [Errno 5] Input/output error")]
    journal.close("a", row_of("a"))
    journal.work()
    assert not journal.full
    crash(journal)


def test_the_thread_writes_out_in_groups_and_prepares_segments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced, times = threading.Event(), 0
    real = os.fdatasync

    def counted(descriptor: int) -> None:
        nonlocal times
        real(descriptor)
        times += 1
        synced.set()

    monkeypatch.setattr(os, "fdatasync", counted)
    journal = make_journal(tmp_path, segment_bytes=1 << 20, max_bytes=1 << 24)
    journal.start()
    times = 0
    synced.clear()
    for number in range(500):
        journal.hit(row_of(f"h{number}"))
    assert synced.wait(10.0)
    assert times < 100
    journal.stop()


def test_the_default_says_in_the_log_that_it_is_full(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    disk = Disk()
    disk.full = True
    journal = Journal(tmp_path, segment_bytes=4096, max_bytes=8192, allocate=disk)
    disk.full = False
    journal.work()
    assert caplog.records[0].getMessage().startswith("journal full: cannot make a segment")
    assert caplog.records[1].getMessage() == "journal ok: recording again"
    journal.stop()


def test_a_checkpoint_that_cannot_be_believed_is_none(tmp_path: Path) -> None:
    assert read_checkpoint(tmp_path) == NOWHERE
    write_checkpoint(tmp_path, Position(3, 456))
    assert read_checkpoint(tmp_path) == (3, 456)
    write_checkpoint(tmp_path, Position(4, 32))
    assert read_checkpoint(tmp_path) == (4, 32)
    content = (tmp_path / "checkpoint").read_bytes()
    for torn in (b"", content[:-1], content[:8] + b"\xff" + content[9:]):
        (tmp_path / "checkpoint").write_bytes(torn)
        assert read_checkpoint(tmp_path) == NOWHERE


LIMITED = """
import resource, sys
from pathlib import Path
from tests.fakes.journals import Sink, make_journal, row_of, ship_all
from metering.journal import JournalFull, Shipper

journal = make_journal(Path(sys.argv[1]), segment_bytes=65536)
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (8192, hard))
opened = []
try:
    while True:
        journal.open(f"a{len(opened)}", ["x" * 200])
        opened.append(f"a{len(opened)}")
        journal.work()
except JournalFull as error:
    print(error)
for event_id in opened:
    journal.close(event_id, row_of(event_id))
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
journal.work()
assert not journal.full and journal.open("more", [])
journal.close("more", row_of("more"))
sink = Sink()
shipper = Shipper(sink, journal)
ship_all(shipper)
assert sorted(sink.kept) == sorted([*opened, "more"])
shipper.close()
journal.stop()
print("whole", len(opened) > 20)
"""


def test_a_limit_of_the_system_is_met_like_a_full_disk(tmp_path: Path) -> None:
    """The kernel itself refuses to make the next segment, as it does when the disk is full."""
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.splitlines()[-1:] == ["whole True"], done.stderr
    assert "File too large" in done.stdout


def test_describe_tells_what_lies_there(tmp_path: Path) -> None:
    journal = make_journal(tmp_path, process="p1")
    journal.open("a", ["x"])
    journal.open("b", ["x"])
    journal.close("a", row_of("a"))
    (found,) = describe(tmp_path)
    assert found == {
        "process": "p1",
        "alive": True,
        "segments": ["0000000001.journal", "0000000002.journal"],
        "bytes": 2 * SEGMENT_BYTES,
        "records": {"open": 2, "close": 1},
        "open_attempts": 1,
        "rows_not_shipped": 1,
        "checkpoint": [0, 0],
        "damages": [],
    }
    crash(journal)
    (found,) = describe(tmp_path)
    assert not found["alive"]
    assert describe(tmp_path / "nowhere") == []
