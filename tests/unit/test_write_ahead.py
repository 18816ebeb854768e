"""The write-ahead log, switched on while others hold the file."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from metering.store.write_ahead import PAUSE_S, write_ahead


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "a.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE t (n INTEGER)")
    return path


@pytest.fixture
def holder(path: Path) -> Iterator[sqlite3.Connection]:
    """Somebody who is in the middle of a transaction."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        yield db


@pytest.fixture
def switcher(path: Path) -> Iterator[sqlite3.Connection]:
    """SQLite itself waits for nothing here: each refusal is seen."""
    with closing(sqlite3.connect(path, timeout=0)) as db:
        yield db


def test_who_is_refused_asks_again_until_the_file_is_free(
    holder: sqlite3.Connection, switcher: sqlite3.Connection
) -> None:
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            holder.execute("COMMIT")

    assert write_ahead(switcher, 1.0, clock=lambda: 0.0, sleep=pause) == "wal"
    assert pauses == [PAUSE_S] * 3


@pytest.mark.usefixtures("holder")
def test_patience_ends(switcher: sqlite3.Connection) -> None:
    now_s = [0.0]

    def pause(seconds: float) -> None:
        now_s[0] += seconds

    with pytest.raises(sqlite3.OperationalError, match="locked"):
        write_ahead(switcher, 0.1, clock=lambda: now_s[0], sleep=pause)
    assert now_s[0] == pytest.approx(0.1, abs=2 * PAUSE_S)


def test_another_failure_is_not_asked_again(path: Path) -> None:
    reader = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
    with closing(reader) as db, pytest.raises(sqlite3.OperationalError, match="readonly"):
        write_ahead(db, 60.0, sleep=lambda _: pytest.fail("it waited"))


def test_where_there_is_no_file_its_mode_is_told() -> None:
    with closing(sqlite3.connect(":memory:")) as db:
        assert write_ahead(db, 1.0) == "memory"
