"""The journal's promise: one event for each attempt, whatever happens when, and no byte lost silently."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from metering.journal import Journal, Shipper, recover
from metering.journal.record import OPEN, ROWS, Damage, Record, decode, encode, scan
from metering.journal.segment import HEADER_BYTES, segment_name
from metering.ledger import LedgerUnavailable
from tests.fakes.journals import Sink, crash, interrupted, make_journal, recover_into, row_of, ship_all


@contextmanager
def folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp())
    try:
        yield path
    finally:
        shutil.rmtree(path)


class Gateway:
    """A process that can die, and what must be true of it: `expected` is the one event of each attempt."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.sink = Sink()
        self.expected: dict[str, str] = {}
        self.under_way: list[str] = []
        self.made = 0
        self._start()

    def _start(self) -> None:
        recovered = recover(self.path, interrupted)
        self.journal: Journal = make_journal(self.path)
        self.shipper = Shipper(self.sink, self.journal, on_state=lambda ok, why: None)
        self.shipper.adopt(recovered)

    def open(self, size: int) -> None:
        self.made += 1
        event_id = f"e{self.made}"
        self.journal.open(event_id, ["m", "x" * size])
        self.under_way.append(event_id)

    def close(self, which: int) -> None:
        if self.under_way:
            event_id = self.under_way.pop(which % len(self.under_way))
            self.journal.close(event_id, row_of(event_id, "done" * (which % 50)))
            self.expected[event_id] = "done" * (which % 50)

    def hit(self, _: int) -> None:
        self.made += 1
        self.journal.hit(row_of(f"e{self.made}", "hit"))
        self.expected[f"e{self.made}"] = "hit"

    def ship(self, mood: int) -> None:
        self.sink.failures = [LedgerUnavailable("away")] if mood % 3 == 0 else []
        self.shipper.ship_batch()
        self.sink.failures = []

    def work(self, _: int) -> None:
        self.journal.work()

    def crash(self, _: int) -> None:
        """And start again. The shipper may have shipped without having saved how far."""
        for event_id in self.under_way:
            self.expected[event_id] = "interrupted:m"
        self.under_way.clear()
        self.shipper.close()
        crash(self.journal)
        self._start()

    def end(self) -> None:
        ship_all(self.shipper)
        self.shipper.close()
        crash(self.journal)
        for event_id in self.under_way:
            self.expected[event_id] = "interrupted:m"
        recover_into(self.sink, self.path)


steps = st.tuples(
    st.sampled_from(["open", "open", "open", "close", "close", "close", "hit", "ship", "work", "crash"]),
    st.integers(min_value=0, max_value=600),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(steps, max_size=150))
def test_exactly_one_event_for_each_attempt_whatever_happens_when(script: list[tuple[str, int]]) -> None:
    with folder() as path:
        gateway = Gateway(path)
        for step, value in script:
            getattr(gateway, step)(value)
        gateway.end()
        assert {event_id: row[1] for event_id, row in gateway.sink.kept.items()} == gateway.expected
        assert not (path / "quarantine").exists()


class Written(NamedTuple):
    content: bytes
    ends: list[int]
    """Where each record ends."""


def written(count: int, sizes: list[int]) -> Written:
    content, ends = bytes(HEADER_BYTES), []
    for number in range(count):
        kind = OPEN if number % 2 == 0 else max(ROWS)
        content += encode(kind, f"e{number // 2}", [f"e{number // 2}", "y" * sizes[number % len(sizes)]])
        ends.append(len(content))
    return Written(content, ends)


contents = st.builds(
    written, st.integers(min_value=1, max_value=12), st.lists(st.integers(0, 300), min_size=1, max_size=5)
)


def covered(items: list[Record | Damage], start: int) -> int:
    """Every byte is in a record or in damage, without a gap: returns where that ends."""
    for item in items:
        assert item.offset == start
        start = item.end
    return start


@settings(max_examples=200, deadline=None)
@given(contents, st.data())
def test_a_torn_tail_is_recovered_up_to_the_last_whole_record(made: Written, data: st.DataObject) -> None:
    cut = data.draw(st.integers(HEADER_BYTES, len(made.content)))
    torn = made.content[:cut]
    items = list(scan(torn + bytes(500), HEADER_BYTES, cut + 500))
    records = [item for item in items if isinstance(item, Record)]
    assert [record.end for record in records] == [end for end in made.ends if end <= cut]
    assert covered(items, HEADER_BYTES) >= len(torn.rstrip(b"\0"))


@settings(max_examples=200, deadline=None)
@given(contents, st.data())
def test_whatever_bytes_change_the_rest_is_recovered_and_all_is_told(
    made: Written, data: st.DataObject
) -> None:
    places = st.integers(HEADER_BYTES, len(made.content) - 1)
    changes = data.draw(st.dictionaries(places, st.integers(1, 255), min_size=1, max_size=6))
    changed = bytearray(made.content)
    for at, by in changes.items():
        changed[at] ^= by
    items = list(scan(bytes(changed), HEADER_BYTES, len(changed)))
    starts = [HEADER_BYTES, *made.ends[:-1]]
    whole = {
        (start, end)
        for start, end in zip(starts, made.ends, strict=True)
        if not any(start <= at < end for at in changes)
    }
    assert {(item.offset, item.end) for item in items if isinstance(item, Record)} == whole
    told = covered(items, HEADER_BYTES)
    assert not bytes(changed[told:]).strip(b"\0")


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 40), st.data())
def test_a_damaged_journal_ships_what_is_whole_and_keeps_what_is_not(count: int, data: st.DataObject) -> None:
    """Through the files: a segment with random changes, recovered and shipped."""
    with folder() as path:
        journal = make_journal(path, segment_bytes=1 << 16)
        for number in range(count):
            journal.open(f"e{number}", ["m"])
            journal.close(f"e{number}", row_of(f"e{number}"))
        used = journal.position().offset
        crash(journal)
        file = journal.home.path / segment_name(1)
        content = bytearray(file.read_bytes())
        for at in data.draw(st.sets(st.integers(HEADER_BYTES, used - 1), min_size=1, max_size=5)):
            content[at] ^= data.draw(st.integers(1, 255))
        file.write_bytes(content)
        good = [item for item in scan(bytes(content), HEADER_BYTES, len(content)) if isinstance(item, Record)]
        sink = Sink()
        (recovered,) = recover_into(sink, path)
        assert set(sink.kept) == {decode(record)[0] for record in good}
        for damage in recovered.damages:
            assert damage.kept_in is not None
            assert damage.kept_in.read_bytes() == content[damage.offset : damage.offset + damage.length]
        lost = 2 * count - len(good)
        assert bool(recovered.damages) == (lost > 0)


@settings(max_examples=200, deadline=None)
@given(contents, st.data())
def test_a_power_loss_costs_only_what_was_not_written_out(made: Written, data: st.DataObject) -> None:
    """Of what was appended after the last synchronisation, any sectors may be missing, in any order."""
    sector = 64
    synced = data.draw(st.sampled_from([HEADER_BYTES, *made.ends]))
    content = bytearray(made.content)
    for start in range(synced - synced % sector, len(content), sector):
        if data.draw(st.booleans()):
            at, end = max(start, synced), min(start + sector, len(content))
            content[at:end] = bytes(end - at)
    items = list(scan(bytes(content), HEADER_BYTES, len(content)))
    safe = [end for end in made.ends if end <= synced]
    assert [item.end for item in items if isinstance(item, Record)][: len(safe)] == safe
    assert not bytes(content[covered(items, HEADER_BYTES) :]).strip(b"\0")
