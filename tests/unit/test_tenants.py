from __future__ import annotations

import pytest

from gateway.errors import GatewayError, Unauthorized, Unavailable
from gateway.tenants import (
    Caller,
    KeyRecord,
    KeyRegistry,
    allowed_models,
    digest_of,
    hash_key,
    key_from_headers,
    make_key,
)

NOW_US = 1_767_225_600_000_000


def caller(key: str = "web") -> Caller:
    return Caller("acme", "CC-1", "site", key, "tenant", None)


def record(plain: str, key: str = "web", **kwargs: object) -> KeyRecord:
    return KeyRecord(digest_of(hash_key(plain)), caller(key), **kwargs)  # type: ignore[arg-type]


def refused(registry: KeyRegistry, presented: bytes | str | None) -> GatewayError:
    with pytest.raises(GatewayError) as caught:
        registry.identify(presented, NOW_US)
    return caught.value


def test_a_key_names_its_caller_as_bytes_and_as_text() -> None:
    plain, _ = make_key()
    registry = KeyRegistry([record(plain)])
    assert registry.identify(plain.encode(), NOW_US) == caller()
    assert registry.identify(plain, NOW_US) == caller()


def test_every_refusal_has_its_own_code_and_none_holds_the_key() -> None:
    plain, _ = make_key()
    late, _ = make_key()
    gone, _ = make_key()
    registry = KeyRegistry(
        [record(plain), record(late, "late", expires_us=NOW_US), record(gone, "gone", refusal="was revoked")]
    )
    presented: dict[str, bytes | str | None] = {
        "missing_api_key": None,
        "malformed_api_key": b"weir-sk-\xff\x00",
        "invalid_api_key": b"weir-sk-unknown",
        "expired_api_key": late,
        "revoked_api_key": gone,
    }
    messages = set()
    for code, key in presented.items():
        error = refused(registry, key)
        assert isinstance(error, Unauthorized)
        assert error.error_code == code
        if key:
            shown = key if isinstance(key, str) else key.decode("latin-1")
            assert shown not in error.message
        messages.add(error.message)
    assert len(messages) == len(presented)


def test_an_overlong_key_is_malformed() -> None:
    assert refused(KeyRegistry([]), b"k" * 513).error_code == "malformed_api_key"


def test_expiry_is_exact_to_the_microsecond() -> None:
    plain, _ = make_key()
    registry = KeyRegistry([record(plain, expires_us=NOW_US)])
    assert registry.identify(plain, NOW_US - 1).key == "web"
    assert refused(registry, plain).error_code == "expired_api_key"


def test_a_store_never_read_answers_503_for_unknown_keys_and_serves_the_known() -> None:
    plain, _ = make_key()
    registry = KeyRegistry([record(plain)], unreadable="locked")
    assert registry.identify(plain, NOW_US).tenant == "acme"
    error = refused(registry, b"weir-sk-perhaps-good")
    assert isinstance(error, Unavailable)
    assert error.http_status == 503
    assert refused(registry, None).http_status == 401


def test_of_two_records_with_one_digest_the_first_holds_unless_the_other_is_revoked() -> None:
    plain, _ = make_key()
    assert KeyRegistry([record(plain, "a"), record(plain, "b")]).identify(plain, NOW_US).key == "a"
    revoked = record(plain, "b", refusal="was revoked")
    assert refused(KeyRegistry([record(plain, "a"), revoked]), plain).error_code == "revoked_api_key"


@pytest.mark.parametrize(
    ("authorization", "x_api_key", "key"),
    [
        (b"Bearer k1", None, b"k1"),
        (b"bearer  k1 ", None, b"k1"),
        (b"BEARER k1", b"k2", b"k1"),
        (None, b" k2 ", b"k2"),
        (b"Basic dXNlcg==", b"k2", b"k2"),
        (b"Bearer ", b"k2", b"k2"),
        (b"Bearer", None, None),
        (None, None, None),
        (b"", b"", None),
    ],
)
def test_where_a_key_may_stand(
    authorization: bytes | None, x_api_key: bytes | None, key: bytes | None
) -> None:
    assert key_from_headers(authorization, x_api_key) == key


def test_another_scheme_alone_is_refused_without_an_echo() -> None:
    with pytest.raises(Unauthorized) as caught:
        key_from_headers(b"Basic dXNlcjpzZWNyZXQ=", None)
    assert "dXNl" not in caught.value.message


def test_made_keys_are_long_random_and_hashed() -> None:
    plain, key_hash = make_key()
    assert plain.startswith("weir-sk-")
    assert len(plain) == len("weir-sk-") + 43
    assert key_hash == hash_key(plain)
    assert len(digest_of(key_hash)) == 32
    assert make_key()[0] != plain


@pytest.mark.parametrize("text", ["", "md5:00", "sha256:00", "sha256:" + "g" * 64])
def test_a_hash_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"sha256|hexadecimal"):
        digest_of(text)


def test_a_key_narrows_its_tenant_and_never_widens_it() -> None:
    assert allowed_models(None, None) is None
    assert allowed_models(["a"], None) == {"a"}
    assert allowed_models(None, ["b"]) == {"b"}
    assert allowed_models(["a", "b"], ["b", "c"]) == {"b"}
    assert Caller("t", "", "", "k", "tenant", frozenset({"a"})).may_use("b") is False
