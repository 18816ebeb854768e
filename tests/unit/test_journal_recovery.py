from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from metering.journal import Journal, Shipper, describe, recover
from metering.journal.checkpoint import write_checkpoint
from metering.journal.record import ASIDE, encode
from metering.journal.recovery import Recovered
from metering.journal.segment import HEADER_BYTES, create, segment_name
from metering.ledger import LedgerUnavailable
from tests.fakes.journals import (
    Sink,
    crash,
    interrupted,
    make_journal,
    recover_into,
    row_of,
    ship_all,
)


def left_behind(folder: Path) -> Journal:
    """A dead process: `done` has its row, `under_way` not, `hit` had no open record."""
    journal = make_journal(folder, process="dead")
    journal.open("done", ["m"])
    journal.open("under_way", ["m"])
    journal.close("done", row_of("done"))
    journal.hit(row_of("hit"))
    crash(journal)
    return journal


WHOLE = {"done": row_of("done"), "hit": row_of("hit"), "under_way": row_of("under_way", "interrupted:m")}


def test_rows_are_shipped_and_open_attempts_become_interrupted_ones(tmp_path: Path) -> None:
    left_behind(tmp_path)
    sink = Sink()
    (recovered,) = recover_into(sink, tmp_path)
    assert sink.kept == WHOLE
    assert (recovered.rows_waiting, recovered.interrupted) == (2, [WHOLE["under_way"]])
    assert describe(tmp_path) == []


def test_what_was_shipped_before_is_not_waiting(tmp_path: Path) -> None:
    journal, sink = make_journal(tmp_path), Sink()
    shipper = Shipper(sink, journal)
    journal.open("a", ["m"])
    journal.close("a", row_of("a"))
    ship_all(shipper)
    journal.hit(row_of("b"))
    shipper.close()
    crash(journal)
    again = Sink()
    (recovered,) = recover_into(again, tmp_path)
    assert (recovered.rows_waiting, again.kept) == (1, {"b": row_of("b")})


def test_a_lost_checkpoint_ships_again_and_changes_nothing(tmp_path: Path) -> None:
    journal, sink = make_journal(tmp_path), Sink()
    shipper = Shipper(sink, journal)
    journal.hit(row_of("a"))
    ship_all(shipper)
    journal.hit(row_of("b"))
    shipper.close()
    crash(journal)
    (journal.home.path / "checkpoint").write_bytes(b"torn")
    recover_into(sink, tmp_path)
    assert sink.kept == {"a": row_of("a"), "b": row_of("b")}


@pytest.mark.parametrize("batches", range(4))
def test_a_recovery_that_is_killed_comes_to_the_same_when_run_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batches: int
) -> None:
    monkeypatch.setattr("metering.journal.sources.BATCH_ROWS", 1)
    left_behind(tmp_path)
    sink = Sink()
    recovered = recover(tmp_path, interrupted)
    journal = make_journal(tmp_path)
    shipper = Shipper(sink, journal)
    shipper.adopt(recovered)
    for _ in range(batches):
        shipper.ship_batch()
    shipper.close()  # lets go of the locks, as the kernel does for a killed process
    crash(journal)
    recover_into(sink, tmp_path)
    assert sink.kept == WHOLE
    assert describe(tmp_path) == []


@pytest.mark.parametrize("removals", range(3))
def test_a_removal_that_is_killed_leaves_nothing_that_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, removals: int
) -> None:
    left_behind(tmp_path)
    sink, real = Sink(), os.unlink

    def some(path: Any) -> None:
        nonlocal removals
        if removals == 0 and "dead" in str(path):
            raise OSError(errno.EIO, "killed here")
        removals -= 1
        real(path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "unlink", some)
        recover_into(sink, tmp_path)
    assert [one["process"] for one in describe(tmp_path)] == ["dead"]
    recover_into(sink, tmp_path)
    assert sink.kept == WHOLE
    assert describe(tmp_path) == []


def test_only_one_of_two_takes_a_dead_process_over(tmp_path: Path) -> None:
    left_behind(tmp_path)
    (first,) = recover(tmp_path, interrupted)
    assert recover(tmp_path, interrupted) == []
    first.release()
    (second,) = recover(tmp_path, interrupted)
    assert second.interrupted == first.interrupted
    second.release()


def damaged_middle(folder: Path) -> tuple[Path, int]:
    """(segment, offset) of a flipped byte in the row of `done`."""
    path = left_behind(folder).home.path / segment_name(1)
    content = bytearray(path.read_bytes())
    at = content.index(b'"done",1')
    content[at] ^= 1
    path.write_bytes(bytes(content))
    return path, at


def test_damage_is_reported_copied_and_passed_over(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path, at = damaged_middle(tmp_path)
    sink = Sink()
    (recovered,) = recover_into(sink, tmp_path)
    (damage,) = recovered.damages
    assert (damage.file, damage.what) == (path, "the checksum does not hold")
    assert damage.offset < at < damage.offset + damage.length
    assert damage.kept_in is not None
    kept = damage.kept_in.read_bytes()
    assert len(kept) == damage.length
    assert b'["done",["done",' in kept
    assert "journal damaged" in caplog.text
    assert sink.kept == {**WHOLE, "done": row_of("done", "interrupted:m")}
    (quarantine,) = describe(tmp_path)
    assert quarantine == {"quarantine": [f"{damage.kept_in.name} ({damage.length} bytes)"]}


def test_damage_that_cannot_be_copied_keeps_its_segment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, _ = damaged_middle(tmp_path)
    (tmp_path / "quarantine").write_text("in the way")
    sink = Sink()
    (recovered,) = recover_into(sink, tmp_path)
    assert [damage.kept_in for damage in recovered.damages] == [None]
    assert set(sink.kept) == set(WHOLE)
    assert path.exists()
    (tmp_path / "quarantine").unlink()
    recover_into(sink, tmp_path)
    assert not path.exists()
    assert set(sink.kept) == set(WHOLE)


def test_a_hook_that_cannot_use_a_payload_stops_nothing(tmp_path: Path) -> None:
    journal = make_journal(tmp_path)
    for event_id in ("a", "bad", "b"):
        journal.open(event_id, ["m"])
    crash(journal)

    def picky(process: str, event_id: str, payload: Any) -> tuple[Any, ...]:
        if event_id == "bad":
            raise KeyError("tenant")
        return row_of(event_id)

    (recovered,) = recover(tmp_path, picky)
    assert [row[0] for row in recovered.interrupted] == ["a", "b"]
    (damage,) = recovered.damages
    assert damage.what == "open record of bad is of no use: KeyError('tenant')"
    assert damage.kept_in is not None
    assert b"bad" in damage.kept_in.read_bytes()
    recovered.release()


def test_a_payload_that_is_not_json_is_damage(tmp_path: Path) -> None:
    journal = make_journal(tmp_path)
    journal.open("a", b"not json")
    journal.open("b", ["m"])
    crash(journal)
    (recovered,) = recover(tmp_path, interrupted)
    assert [row[0] for row in recovered.interrupted] == ["b"]
    assert "not a record's payload" in recovered.damages[0].what
    recovered.release()


def test_a_missing_segment_and_a_kind_of_a_later_version_are_reported(tmp_path: Path) -> None:
    journal = left_behind(tmp_path)
    folder = journal.home.path
    (folder / segment_name(2)).unlink()
    segment = create(folder, 3, 4096)
    for at, kind in ((HEADER_BYTES, 9), (HEADER_BYTES + 64, ASIDE)):
        record = encode(kind, "under_way", "x" * 20)
        segment.map[at : at + len(record)] = record
    segment.close()
    (recovered,) = recover(tmp_path, interrupted)
    whats = [damage.what for damage in recovered.damages]
    assert whats[0] == "the segment is missing"
    assert "a record of unknown kind 9" in whats
    assert recovered.interrupted == []
    recovered.release()


def test_a_segment_of_a_later_version_is_left_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("metering.journal.segment.VERSION", 2)
    left_behind(tmp_path)
    monkeypatch.undo()
    sink = Sink()
    (recovered,) = recover_into(sink, tmp_path)
    assert "format 2" in recovered.problem
    assert sink.kept == {}
    assert describe(tmp_path)[0]["damages"] != []


def test_an_empty_folder_of_a_process_that_died_at_once_goes(tmp_path: Path) -> None:
    (tmp_path / "0000").mkdir()
    recover_into(Sink(), tmp_path)
    assert describe(tmp_path) == []


def test_an_adopted_journal_waits_for_the_ledger_like_the_own(tmp_path: Path) -> None:
    left_behind(tmp_path)
    sink = Sink(*[LedgerUnavailable("away")] * 3)
    recovered: list[Recovered] = recover(tmp_path, interrupted)
    journal = make_journal(tmp_path)
    shipper = Shipper(sink, journal, on_state=lambda ok, why: None)
    shipper.adopt(recovered)
    journal.hit(row_of("new"))
    assert shipper.backlog == 4
    for _ in range(3):
        assert shipper.ship_batch() > 0
    assert (sink.kept, shipper.backlog) == ({}, 4)
    ship_all(shipper)
    assert (sink.kept, shipper.backlog) == ({**WHOLE, "new": row_of("new")}, 0)
    shipper.close()
    journal.stop()


def test_a_checkpoint_beyond_the_end_ships_nothing_again(tmp_path: Path) -> None:
    journal = left_behind(tmp_path)
    write_checkpoint(journal.home.path, journal.position())
    sink = Sink()
    (recovered,) = recover_into(sink, tmp_path)
    assert recovered.rows_waiting == 0
    assert set(sink.kept) == {"under_way"}
