from __future__ import annotations

from pathlib import Path

import pytest

from metering.journal import LaterVersion
from metering.journal.record import (
    CLOSE,
    HIT,
    OPEN,
    PREFIX_BYTES,
    Damage,
    Record,
    decode,
    encode,
    scan,
    skim_rows,
)
from metering.journal.segment import HEADER_BYTES, SegmentView, create, header, segment_name, segment_numbers

FIRST, SECOND, THIRD = (
    encode(OPEN, "a", ["x"]),
    encode(CLOSE, "a", ("a", 1, None)),
    encode(HIT, "b", ("b", "é\n")),
)


def found(data: bytes) -> list[Record | Damage]:
    return list(scan(data, 0, len(data)))


def payloads(items: list[Record | Damage]) -> list[object]:
    return [decode(item) for item in items if isinstance(item, Record)]


def test_records_come_back_as_they_went_in_and_zeroes_are_the_end() -> None:
    items = found(FIRST + SECOND + THIRD + bytes(500))
    assert payloads(items) == [("a", ["x"]), ("a", ["a", 1, None]), ("b", ["b", "é\n"])]
    assert [item.kind for item in items if isinstance(item, Record)] == [OPEN, CLOSE, HIT]
    assert len(items) == 3


@pytest.mark.parametrize("cut", range(1, len(SECOND)))
def test_a_torn_tail_is_damage_up_to_its_last_byte(cut: int) -> None:
    torn = FIRST + SECOND[:cut]
    record, damage = found(torn + bytes(64))
    assert isinstance(record, Record)
    assert isinstance(damage, Damage)
    assert (damage.offset, damage.end) == (len(FIRST), len(torn.rstrip(b"\0")))
    assert damage.what.startswith("torn tail")


@pytest.mark.parametrize("at", range(len(SECOND)))
def test_any_byte_changed_is_noticed_and_what_follows_is_found_again(at: int) -> None:
    changed = bytearray(FIRST + SECOND + THIRD)
    changed[len(FIRST) + at] ^= 0x41
    first, damage, third = found(bytes(changed))
    assert isinstance(damage, Damage)
    assert (damage.offset, damage.end) == (len(FIRST), len(FIRST) + len(SECOND))
    assert payloads([first, third]) == [("a", ["x"]), ("b", ["b", "é\n"])]


@pytest.mark.parametrize("at", range(PREFIX_BYTES))
@pytest.mark.parametrize("bit", range(8))
def test_any_bit_of_a_prefix_changed_is_noticed(at: int, bit: int) -> None:
    changed = bytearray(FIRST + SECOND + THIRD)
    changed[len(FIRST) + at] ^= 1 << bit
    items = found(bytes(changed))
    assert [item.offset for item in items if isinstance(item, Damage)] == [len(FIRST)]
    assert [item.offset for item in items if isinstance(item, Record)] == [0, len(FIRST) + len(SECOND)]
    skimmed: list[Record] = []
    assert skim_rows(bytes(changed), 0, len(changed), skimmed, 9) == len(FIRST)


def test_a_page_of_zeroes_in_the_middle_is_damage() -> None:
    """After a power loss, a later page may have been written and an earlier one not."""
    items = found(FIRST + bytes(len(SECOND)) + THIRD)
    assert [item.what for item in items if isinstance(item, Damage)] == ["zeroes where a record should begin"]
    assert payloads(items) == [("a", ["x"]), ("b", ["b", "é\n"])]


def test_less_than_a_prefix_of_zeroes_at_the_end_is_no_damage() -> None:
    assert len(found(FIRST + bytes(PREFIX_BYTES - 1))) == 1


def test_what_json_has_no_word_for_is_kept_and_left_to_the_ledger() -> None:
    (record,) = found(encode(CLOSE, "a", ("a", "\ud800", 1 << 70, b"raw")))
    assert isinstance(record, Record)
    assert decode(record) == ("a", ["a", "\ud800", 1 << 70, "b'raw'"])


def test_a_payload_of_another_shape_is_refused() -> None:
    for payload in (b"{}", b"[1,2]", b'["a"]', b"not json"):
        with pytest.raises(ValueError, match=r".+"):
            decode(Record(0, 0, OPEN, 0, payload))


def test_a_segment_is_preallocated_and_says_what_it_is(tmp_path: Path) -> None:
    segment = create(tmp_path, 7, 8192)
    segment.map[HEADER_BYTES : HEADER_BYTES + len(FIRST)] = FIRST
    segment.close()
    view = SegmentView(tmp_path, 7)
    assert (view.size, view.damage, segment_numbers(tmp_path)) == (8192, None, [7])
    assert payloads(list(scan(view.data, HEADER_BYTES, view.size))) == [("a", ["x"])]
    view.close()
    assert [path.name for path in tmp_path.iterdir()] == ["0000000007.journal"]


def test_a_header_that_is_no_header_is_damage(tmp_path: Path) -> None:
    for number, content in enumerate([b"", b"WEIR", bytes(64), header(9) + FIRST], 1):
        (tmp_path / segment_name(number)).write_bytes(content)
        view = SegmentView(tmp_path, number)
        assert view.damage is not None
        view.close()


def test_a_later_version_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("metering.journal.segment.VERSION", 2)
    create(tmp_path, 1, 8192).close()
    monkeypatch.undo()
    with pytest.raises(LaterVersion, match="format 2"):
        SegmentView(tmp_path, 1)


def test_a_changed_length_that_leads_to_a_later_record_hides_no_row() -> None:
    """Stepping over open records by their length alone would pass over the row between."""
    changed = bytearray(FIRST + SECOND + THIRD)
    changed[4] += len(SECOND)
    rows: list[Record] = []
    assert skim_rows(bytes(changed), 0, len(changed), rows, 10) == 0
    assert rows == []
    assert payloads(found(bytes(changed))) == [("a", ["a", 1, None]), ("b", ["b", "é\n"])]


def test_skimming_finds_the_rows_up_to_the_limit() -> None:
    data = FIRST + SECOND + THIRD + bytes(64)
    rows: list[Record] = []
    assert skim_rows(data, 0, len(data), rows, 1) == len(FIRST) + len(SECOND)
    assert skim_rows(data, len(FIRST) + len(SECOND), len(data), rows, 10) == len(data) - 64
    assert rows == [item for item in found(data) if isinstance(item, Record)][1:]
