from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache.answers import Purge
from cache.base import PartitionKey
from cache.stores import floors as module
from cache.stores.floors import Floors, Mark
from cache.stores.wire import (
    KEY_BYTES,
    pack_entry,
    pack_purge,
    pack_record,
    tag,
    tenant_tag,
    unpack_entry,
    unpack_purge,
    unpack_record,
    untag,
)
from tests.fakes.kept_answers import NOW_US, entry, kept, key, partition

OURS = partition("ours")
names = st.sampled_from(["", "acme", "beta"])
routes = st.sampled_from(["", "auto", "big"])
purges = st.one_of(
    st.tuples(names, routes).map(lambda it: Purge(tenant=it[0], route=it[1])),
    st.tuples(names, st.integers(1, 9)).map(lambda it: Purge(tenant=it[0], stored_before_us=it[1])),
)


@given(st.lists(st.tuples(purges, st.integers(1, 9)), max_size=6))
def test_what_was_purged_is_forbidden_in_whatever_order_it_was_heard(said: list[tuple[Purge, int]]) -> None:
    forward, backward = Floors(), Floors()
    for what, at in said:
        forward.purge(what, at)
    for tenant, route, mark in reversed(list(forward)):
        backward.rise(tenant, route, mark)
        backward.rise(tenant, route, Mark())
    for tenant in ("acme", "beta", "gamma"):
        for at in range(11):
            made = entry("hit_1", tenant=tenant, route="auto", stored_us=at)
            true = any(
                what.matches(made) and (at <= number or what.stored_before_us > 0) for what, number in said
            )
            assert forward.forbids(made, at) is true
            assert backward.forbids(made, at) is true


def test_an_id_is_forbidden_whenever_it_was_kept() -> None:
    floors = Floors()
    floors.purge(Purge(entry_id="hit_1"), 5)
    assert floors.forbids(entry("hit_1"), 9)
    assert not floors.forbids(entry("hit_2"), 1)


def test_too_many_marks_become_one_that_forbids_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_MARKS", 3)
    monkeypatch.setattr(module, "MAX_IDS", 3)
    floors = Floors()
    for n in range(10):
        floors.purge(Purge(tenant=f"t{n}"), n)
        floors.purge(Purge(entry_id=f"hit_{n}"), n)
    assert len(list(floors)) <= 4
    assert len(floors.ids) == 3
    for n in range(10):
        assert floors.forbids(entry("x", tenant=f"t{n}"), n)
    assert floors.forbids(entry("x", tenant="nobody"), 3)
    assert not floors.forbids(entry("x", tenant="nobody"), 9)


@pytest.mark.parametrize("words", ["Hello", "", "\ud800 é \n\0", "x" * 5_000])
def test_records_and_entries_are_read_as_they_were_written(words: str) -> None:
    made = kept("Hello", entry("hit_1", body=b"\x00\xffbody", epoch=3), OURS)
    assert made.question is not None
    made = made._replace(question=made.question._replace(text=words))
    record = unpack_record(OURS, pack_record(made))
    assert record.keys == made.keys
    assert record.question is not None
    assert (record.question.partition, record.question.text) == (OURS, words)
    assert float(record.question.vector @ made.question.vector) == pytest.approx(1.0, abs=1e-3)  # type: ignore[union-attr]
    assert unpack_entry(pack_entry(made.entry), made.entry.body) == made.entry
    bare = unpack_record(OURS, pack_record(made._replace(question=None)))
    assert bare == (made.keys, None)


@pytest.mark.parametrize("packed", [b"", b"\x02", b"\x01" + b"k" * KEY_BYTES, b"\x00\x01short"])
def test_a_record_that_was_cut_is_refused(packed: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        unpack_record(OURS, packed)


def test_an_entry_of_another_version_is_refused() -> None:
    for meta in (b"[]", b"{}", b"nothing"):
        with pytest.raises(ValueError, match=r".+"):
            unpack_entry(meta, b"")


def test_names_in_keys_say_nothing_and_do_not_collide() -> None:
    some = [PartitionKey(bytes([n]) * 32) for n in range(200)]
    assert [untag(tag(one)) for one in some] == some
    assert len({tenant_tag(b"s" * 32, name) for name in ("acme", "Acme", "acme ", "")}) == 4
    assert tenant_tag(b"s" * 32, "acme") != tenant_tag(b"t" * 32, "acme")
    assert "acme" not in tenant_tag(b"s" * 32, "acme")
    what = Purge(tenant='a"c', route="é", stored_before_us=NOW_US)
    assert unpack_purge(pack_purge(what)) == what
    assert key("a") != key("b")
