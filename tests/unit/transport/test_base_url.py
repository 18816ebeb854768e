from __future__ import annotations

import pytest

from gateway.transport.base import Origin
from gateway.transport.url import authority, parse_base_url


@pytest.mark.parametrize(
    ("url", "origin", "path", "host"),
    [
        ("https://api.openai.com/v1", Origin("https", "api.openai.com", 443), b"/v1", b"api.openai.com"),
        ("http://gpu1:8000/v1/", Origin("http", "gpu1", 8000), b"/v1", b"gpu1:8000"),
        ("HTTP://GPU1", Origin("http", "gpu1", 80), b"", b"gpu1"),
        ("https://h:80/", Origin("https", "h", 80), b"", b"h:80"),
        ("http://[::1]:9000/a/b", Origin("http", "::1", 9000), b"/a/b", b"[::1]:9000"),
        ("https://bücher.example/x%20y", Origin("https", "xn--bcher-kva.example", 443), b"/x%20y", None),
    ],
)
def test_a_base_url_is_an_origin_and_a_path(
    url: str, origin: Origin, path: bytes, host: bytes | None
) -> None:
    assert parse_base_url(url) == (origin, path)
    if host is not None:
        assert authority(origin) == host


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("gpu1:8000/v1", "begin with http"),
        ("", "begin with http"),
        ("ftp://gpu1/", "begin with http"),
        ("http://", "no host"),
        ("http:///v1", "no host"),
        ("http://user:secret@gpu1/", "user name or password"),
        ("http://gpu1/v1?key=secret", "no query"),
        ("http://gpu1/v1#x", "no query, no fragment"),
        ("http://gpu1:99999/", "[Pp]ort"),
        ("http://gpu1/a b", "percent-encoded"),
        ("http://gpu1/ü", "percent-encoded"),
        ("http://" + "ü" * 70 + ".example/", "not a valid name"),
    ],
)
def test_what_is_wrong_is_said_without_repeating_a_secret(url: str, why: str) -> None:
    with pytest.raises(ValueError, match=why) as failure:
        parse_base_url(url)
    assert "secret" not in str(failure.value)
