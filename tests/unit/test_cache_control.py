from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cache.control import CacheControl, parse_cache_control


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        (None, CacheControl()),
        (b"", CacheControl()),
        (b"no-cache", CacheControl(no_cache=True)),
        (b" NO-CACHE ,No-Store", CacheControl(no_cache=True, no_store=True)),
        ("max-age=60", CacheControl(max_age_s=60)),
        (b'max-age = "60"', CacheControl(max_age_s=60)),
        (b"max-age=60, max-age=5", CacheControl(max_age_s=5)),
        (b"max-age", CacheControl(max_age_s=0)),
        (b"max-age=soon", CacheControl(max_age_s=0)),
        (b"max-age=-5", CacheControl(max_age_s=0)),
        (b"max-age=\xb2", CacheControl(max_age_s=0)),
        (b"max-age=" + b"9" * 5_000, CacheControl(max_age_s=10**9)),
        (b"private, no-transform,,=,max-stale=3", CacheControl()),
        (b"no-cache=x", CacheControl(no_cache=True)),
        (b"xno-cache", CacheControl()),
    ],
)
def test_directives(header: bytes | str | None, wanted: CacheControl) -> None:
    assert parse_cache_control(header) == wanted


@pytest.mark.parametrize(
    ("header", "age_us", "serves"),
    [
        (b"", 10**12, True),
        (b"no-cache", 0, False),
        (b"no-store", 0, False),
        (b"max-age=2", 2_000_000, True),
        (b"max-age=2", 2_000_001, False),
        (b"max-age=0", 1, False),
    ],
)
def test_which_age_serves(header: bytes, age_us: int, serves: bool) -> None:
    assert parse_cache_control(header).serves(age_us) is serves


@settings(deadline=None)
@given(st.binary())
def test_no_header_makes_it_fail(header: bytes) -> None:
    control = parse_cache_control(header)
    assert control.max_age_s is None or control.max_age_s >= 0
