"""ULIDs: sortable by time, unique, of the published form."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.ids import ulid

MS = st.integers(0, 2**48 - 1)


def test_the_time_part_is_that_of_the_specification() -> None:
    assert ulid(1469918176385 * 1_000_000)[:10] == "01ARYZ6S41"


@given(MS)
def test_the_form(ms: int) -> None:
    made = ulid(ms * 1_000_000)
    assert len(made) == 26
    assert set(made) <= set("0123456789ABCDEFGHJKMNPQRSTVWXYZ")
    assert made[0] <= "7"


@given(MS, MS)
def test_later_sorts_later(a: int, b: int) -> None:
    if a != b:
        assert (ulid(a * 1_000_000) < ulid(b * 1_000_000)) == (a < b)


def test_no_two_are_alike() -> None:
    assert len({ulid(1) for _ in range(100_000)}) == 100_000
