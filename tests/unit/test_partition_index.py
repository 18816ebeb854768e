from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from cache.base import WrongPartition
from cache.index import partition_index
from cache.index.indexes import EMPTY_BYTES, Indexes
from cache.index.partition_index import PartitionIndex
from cache.question import Question
from tests.fakes.kept_answers import partition, question, vector

ROOT = Path(__file__).resolve().parents[2]
OURS, THEIRS = partition("ours"), partition("theirs")


def filled(number: int) -> PartitionIndex:
    index = PartitionIndex(OURS)
    for n in range(number):
        index.add(f"e{n}", question(f"words {n}", OURS))
    return index


def test_finds_itself_first_and_no_more_than_asked_for() -> None:
    index = filled(50)
    near = index.nearest(question("words 7", OURS), 8)
    assert (near[0].entry_id, near[0].text) == ("e7", "words 7")
    assert near[0].cosine == pytest.approx(1.0, abs=1e-5)
    assert len(near) == 8
    assert [one.cosine for one in near] == sorted((one.cosine for one in near), reverse=True)
    assert index.nearest(question("words 7", OURS), 0) == []
    assert PartitionIndex(OURS).nearest(question("words 7", OURS), 8) == []


def test_agrees_with_reading_everything() -> None:
    index = filled(200)
    asked = question("something else", OURS)
    true = sorted(range(200), key=lambda n: -float(vector(f"words {n}") @ asked.vector))[:8]
    assert [one.entry_id for one in index.nearest(asked, 8)] == [f"e{n}" for n in true]


def test_removal_leaves_the_others_where_they_are_found() -> None:
    index = filled(20)
    assert index.remove("e0")
    assert not index.remove("e0")
    assert index.remove("e19")
    assert len(index) == 18
    for n in range(1, 19):
        assert index.nearest(question(f"words {n}", OURS), 1)[0].entry_id == f"e{n}"
    found = {one.entry_id for one in index.nearest(question("words 0", OURS), 20)}
    assert found == {f"e{n}" for n in range(1, 19)}


def test_an_id_added_again_has_its_new_words_alone() -> None:
    index = filled(3)
    index.add("e1", question("new words", OURS))
    assert len(index) == 3
    assert index.nearest(question("new words", OURS), 1)[0].entry_id == "e1"
    assert index.nearest(question("words 1", OURS), 1)[0].cosine < 0.9


def test_large_partitions_are_searched_in_a_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partition_index, "EXACT_ENTRIES", 100)
    index = filled(400)
    assert len(index._rows) == 0
    wrong = [n for n in range(400) if index.nearest(question(f"words {n}", OURS), 1)[0].entry_id != f"e{n}"]
    assert len(wrong) <= 4
    for n in range(0, 400, 2):
        index.remove(f"e{n}")
    left = {one.entry_id for n in range(400) for one in index.nearest(question(f"words {n}", OURS), 8)}
    assert left <= {f"e{n}" for n in range(1, 400, 2)}
    assert len(index) == 200


def test_many_at_once_are_the_same_as_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partition_index, "EXACT_ENTRIES", 100)
    rows = [(f"e{n}", question(f"words {n}", OURS)) for n in range(300)]
    for number in (90, 300):
        index = PartitionIndex(OURS)
        index.fill(rows[:number])
        assert len(index) == number
        found = [index.nearest(asked, 1)[0].entry_id for _, asked in rows[:number]]
        assert sum(one == entry_id for one, (entry_id, _) in zip(found, rows, strict=False)) >= number - 3


def test_a_question_of_another_partition_is_refused() -> None:
    index = filled(3)
    foreign = question("words 1", THEIRS)
    for call in (
        lambda: index.nearest(foreign, 8),
        lambda: index.add("x", foreign),
        lambda: index.fill([("x", foreign)]),
    ):
        with pytest.raises(WrongPartition, match="another partition"):
            call()
    assert len(index) == 3


@pytest.mark.parametrize("bare", [vector("words 1"), None, ("ours", "words", vector("words 1"))])
def test_a_vector_without_its_partition_does_not_run(bare: Any) -> None:
    index = filled(3)
    for call in (lambda: index.nearest(bare, 8), lambda: index.add("x", bare)):
        with pytest.raises(WrongPartition, match="has no partition"):
            call()


SNIPPET = """
import numpy as np
from cache.answers import AnswerCache
from cache.base import EntryKey, PartitionKey
from cache.index.indexes import Indexes
from cache.index.partition_index import PartitionIndex
from cache.question import Question

vector = np.zeros(256, np.float32)
partition = PartitionKey(b"p")
def allowed(index: PartitionIndex, indexes: Indexes, cache: AnswerCache) -> None:
    index.nearest(Question(partition, "words", vector), 8)
def forbidden(index: PartitionIndex, indexes: Indexes, cache: AnswerCache) -> None:
    index.nearest(vector, 8)
    index.add("id", vector)
    indexes.nearest(vector, 8)
    cache.nearest(vector, 8)
    index.nearest(Question(b"raw bytes", "words", vector), 8)
    cache.find_now(EntryKey(b"e"), [], 0)
"""


def test_a_vector_without_its_partition_does_not_type_check(tmp_path: Path) -> None:
    (tmp_path / "snippet.py").write_text(SNIPPET)
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--hide-error-context"]
    done = subprocess.run(
        [*command, "--cache-dir", str(tmp_path / "cache"), "--follow-imports", "silent", "snippet.py"],
        cwd=tmp_path,
        env={"MYPYPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    first = SNIPPET.splitlines().index("    index.nearest(vector, 8)") + 1
    lines = {int(line.split(":")[1]) for line in done.stdout.splitlines() if "error: Argument" in line}
    assert lines == set(range(first, first + 6)), done.stdout + done.stderr


def test_partitions_that_do_not_fit_go_longest_unused_first() -> None:
    one = EMPTY_BYTES + filled(1).bytes_used
    indexes = Indexes(3 * one + 100)
    names = [partition(str(n)) for n in range(4)]
    for name in names[:3]:
        assert indexes.add("e", question("words", name)) == []
    assert indexes.nearest(question("words", names[0]), 1)
    assert indexes.add("e", question("words", names[3])) == [names[1]]
    assert indexes.nearest(question("words", names[1]), 1) == []
    assert list(indexes) == [names[2], names[0], names[3]]
    assert indexes.bytes_used <= indexes.max_bytes


def test_a_partition_that_does_not_fit_alone_moves_nobody() -> None:
    indexes = Indexes(EMPTY_BYTES + 20_000)
    indexes.add("e", question("words", THEIRS))
    large = filled(50)
    assert indexes.put(large) == [OURS]
    assert list(indexes) == [THEIRS]
    assert Indexes(0).add("e", question("words", OURS)) == [OURS]


def test_what_is_removed_frees_its_bytes() -> None:
    indexes = Indexes(1_000_000)
    for n in range(10):
        indexes.add(f"e{n}", question(f"words {n}", OURS))
    assert indexes.remove(OURS, "e3")
    assert not indexes.remove(OURS, "e3")
    assert not indexes.remove(THEIRS, "e4")
    for n in (0, 1, 2, 4, 5, 6, 7, 8, 9):
        indexes.remove(OURS, f"e{n}")
    assert (len(indexes), indexes.bytes_used) == (0, 0)


def test_a_negative_bound_is_refused() -> None:
    with pytest.raises(ValueError, match="must not be negative"):
        Indexes(-1)


def test_a_question_holds_its_vector_as_given() -> None:
    asked = Question(OURS, "words", vector("words"))
    assert cast(Any, asked.vector).dtype == np.float32
