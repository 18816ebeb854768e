"""Whatever is done to a row of the audit log, verifying finds it."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.audit.entry import FIELDS, GENESIS, AuditRow, Author, Entry, canonical, hash_of, row_after
from metering.audit.verify import Head, check

TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=12)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
VALUES = st.none() | st.dictionaries(TEXT, JSON, max_size=3)
ENTRIES = st.builds(Entry, TEXT, TEXT, VALUES, VALUES)
AUTHORS = st.builds(Author, TEXT, st.integers(0, 2**62), TEXT)
STEPS = st.lists(st.tuples(AUTHORS, ENTRIES), min_size=1, max_size=12)


def chain(steps: list[tuple[Author, Entry]]) -> list[AuditRow]:
    rows: list[AuditRow] = []
    for author, entry in steps:
        rows.append(row_after((rows[-1].seq, rows[-1].hash) if rows else None, author, entry))
    return rows


def head(rows: list[AuditRow]) -> Head:
    return Head(rows[-1].seq, rows[-1].hash)


def in_order(rows: list[AuditRow]) -> list[AuditRow]:
    """As a reader gets them."""
    return sorted(rows, key=lambda row: row.seq)


@given(STEPS)
def test_what_was_written_is_found_good(steps: list[tuple[Author, Entry]]) -> None:
    rows = chain(steps)
    verdict = check(rows, head(rows))
    assert (verdict.ok, verdict.rows, verdict.head) == (True, len(steps), head(rows))
    assert check([*rows, row_after((rows[-1].seq, rows[-1].hash), *steps[0])], head(rows)).ok


@given(STEPS, st.data())
def test_one_field_of_one_row_that_was_changed_is_found(
    steps: list[tuple[Author, Entry]], data: st.DataObject
) -> None:
    rows = chain(steps)
    place = data.draw(st.integers(0, len(rows) - 1))
    name = data.draw(st.sampled_from(FIELDS))
    was: Any = getattr(rows[place], name)
    kinds = st.integers(-(2**63), 2**63 - 1) if name in {"seq", "at_us"} else TEXT
    others = kinds | st.none() if name in {"before", "after"} else kinds
    rows[place] = replace(rows[place], **{name: data.draw(others.filter(lambda value: value != was))})
    verdict = check(in_order(rows))
    assert not verdict.ok
    assert verdict.finding is not None
    if name != "seq":
        assert (verdict.finding.seq, verdict.finding.kind) == (place + 1, "changed")
        assert verdict.rows == place


@given(STEPS.filter(lambda steps: len(steps) > 2), st.data())
def test_rows_that_were_taken_out_are_named(steps: list[tuple[Author, Entry]], data: st.DataObject) -> None:
    rows = chain(steps)
    first = data.draw(st.integers(0, len(rows) - 2))
    until = data.draw(st.integers(first + 1, len(rows) - 1))
    verdict = check(rows[:first] + rows[until:])
    assert verdict.finding is not None
    assert (verdict.finding.kind, verdict.finding.seq) == ("removed", first + 1)
    closed_up = [replace(row, seq=row.seq - (until - first)) for row in rows[until:]]
    hidden = check(rows[:first] + closed_up)
    assert hidden.finding is not None
    assert (hidden.finding.kind, hidden.finding.seq) == ("removed", first + 1)


@given(STEPS, st.data())
def test_a_tail_that_was_cut_off_takes_a_head_to_be_found(
    steps: list[tuple[Author, Entry]], data: st.DataObject
) -> None:
    rows = chain(steps)
    kept = data.draw(st.integers(0, len(rows) - 1))
    assert check(rows[:kept]).ok
    for noted in (head(rows), Head(None, rows[-1].hash)):
        verdict = check(rows[:kept], noted)
        assert verdict.finding is not None
        assert (verdict.finding.kind, verdict.finding.seq) == ("truncated", kept + 1)


@given(STEPS.filter(lambda steps: len(steps) > 1), st.data())
def test_two_rows_that_changed_places_are_found(
    steps: list[tuple[Author, Entry]], data: st.DataObject
) -> None:
    rows = chain(steps)
    one, other = sorted(data.draw(st.sets(st.integers(0, len(rows) - 1), min_size=2, max_size=2)))
    first, second = rows[one], rows[other]
    rows[one], rows[other] = replace(second, seq=first.seq), replace(first, seq=second.seq)
    verdict = check(rows)
    assert verdict.finding is not None
    assert verdict.finding.seq == one + 1
    assert verdict.rows == one


@given(STEPS, AUTHORS, ENTRIES, st.data())
def test_a_row_that_was_put_in_is_found(
    steps: list[tuple[Author, Entry]], author: Author, entry: Entry, data: st.DataObject
) -> None:
    """With a good hash of its own, and all later rows numbered anew."""
    rows = chain(steps)
    place = data.draw(st.integers(0, len(rows) - 1))
    forged = row_after((place, rows[place - 1].hash if place else GENESIS), author, entry)
    later = [replace(row, seq=row.seq + 1) for row in rows[place:]]
    verdict = check([*rows[:place], forged, *later])
    assert verdict.finding is not None
    assert verdict.finding.kind == "inserted"
    assert verdict.finding.seq == place + 1


@given(STEPS.filter(lambda steps: len(steps) > 1), AUTHORS, ENTRIES, st.data())
def test_a_row_that_was_replaced_is_found_and_with_a_head_a_whole_new_tail(
    steps: list[tuple[Author, Entry]], author: Author, entry: Entry, data: st.DataObject
) -> None:
    rows = chain(steps)
    place = data.draw(st.integers(0, len(rows) - 2))
    forged = row_after((place, rows[place - 1].hash if place else GENESIS), author, entry)
    if forged == rows[place]:
        return
    replaced = check([*rows[:place], forged, *rows[place + 1 :]])
    assert replaced.finding is not None
    assert "one of them was replaced" in replaced.finding.detail
    tail = [forged]
    for step in steps[place + 1 :]:
        tail.append(row_after((tail[-1].seq, tail[-1].hash), *step))
    anew = [*rows[:place], *tail]
    assert check(anew).ok  # nothing inside the database can tell
    verdict = check(anew, head(rows))
    assert verdict.finding is not None
    assert verdict.finding.kind == "rewritten"


@pytest.mark.parametrize("value", [b"x", 1.5, float("nan"), None, "1"])
def test_values_of_other_types_are_changes(value: object) -> None:
    rows = chain([(Author("a", 1), Entry("x.y", "z"))] * 2)
    for name in ("at_us", "prev_hash", "hash", "who", "seq"):
        changed = [rows[0], replace(rows[1], **{name: value})]  # type: ignore[arg-type]
        assert not check(changed).ok


def test_the_hash_is_what_the_documentation_says() -> None:
    """So that anybody can check the chain with a program of their own."""
    entry = Entry("key.revoke", "key a/é", None, {"b": 1, "a": "é"})
    row = row_after(None, Author("admin_key", 5, "req_1"), entry)
    assert row.after == '{"a":"\\u00e9","b":1}'
    assert row.prev_hash == "0" * 64
    text = (
        '["weir-audit-1",1,5,"admin_key","key.revoke","key a/\\u00e9",null,'
        '"{\\"a\\":\\"\\\\u00e9\\",\\"b\\":1}","req_1","' + "0" * 64 + '"]'
    )
    assert hash_of(row) == row.hash == hashlib.sha256(text.encode()).hexdigest()


def test_what_json_cannot_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical({"a": float("nan")})
