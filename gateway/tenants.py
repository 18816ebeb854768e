"""Who calls: keys, the tenants behind them, and what they may use.

Money follows the key: nothing a client sends beside it changes whose spend a request is.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from hmac import compare_digest

from gateway.config import Role
from gateway.errors import Unauthorized, Unavailable

KEY_PREFIX = "weir-sk-"
MAX_KEY_BYTES = 512
_HOW = "send it as `Authorization: Bearer weir-sk-...` or as `x-api-key`"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who a request is for. Made once per key, not per request."""

    tenant: str
    cost_center: str
    project: str
    key: str
    """The key's name."""
    role: Role
    models: frozenset[str] | None
    """Models and routes this key may name; None allows all."""
    tags: tuple[tuple[str, str], ...] = ()
    """Labels of every request of this key, whatever its client says."""

    def may_use(self, model: str) -> bool:
        return self.models is None or model in self.models


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """One key as the registry holds it. The key itself is known to nobody but its owner."""

    digest: bytes
    """SHA-256 of the key."""
    caller: Caller
    expires_us: int | None = None
    """UTC microseconds; from then on the key is refused."""
    refusal: str = ""
    """Why this key is refused whatever the time ("was revoked"), or ''."""


class KeyRegistry:
    """Every key at one moment; immutable. A change makes a new registry.

    Keys are found by the SHA-256 digest of what was presented. How long the look-up takes may depend on the
    digest, never on the key: learning about digests does not lead back to keys. Nothing is remembered about
    what clients present, so that no plain key stays in memory and a swap of registries is a revocation.
    """

    def __init__(self, records: Iterable[KeyRecord], *, unreadable: str = "") -> None:
        """`unreadable` says why the key store has never been read: an unknown key may then be a good one,
        and is answered 503, since clients discard a key on 401. The first of two records with one digest
        wins, unless a later one is refused."""
        self._records: dict[bytes, KeyRecord] = {}
        self._unreadable = unreadable
        for record in records:
            if record.digest not in self._records or record.refusal:
                self._records[record.digest] = record

    def __len__(self) -> int:
        return len(self._records)

    def identify(self, presented: bytes | str | None, now_us: int) -> Caller:
        """Raises Unauthorized, or Unavailable; the messages never hold the key."""
        if not presented:
            raise Unauthorized(f"No API key was given: {_HOW}.", code="missing_api_key")
        key = presented.encode("utf-8", "surrogatepass") if isinstance(presented, str) else presented
        digest = hashlib.sha256(key).digest()
        record = self._records.get(digest)
        if record is None or not compare_digest(record.digest, digest):
            raise self._unknown(key)
        if record.refusal:
            raise Unauthorized(f"This API key {record.refusal}.", code="revoked_api_key")
        if record.expires_us is not None and now_us >= record.expires_us:
            raise Unauthorized("This API key has expired.", code="expired_api_key")
        return record.caller

    def _unknown(self, key: bytes) -> Unauthorized | Unavailable:
        if len(key) > MAX_KEY_BYTES or not all(0x21 <= byte <= 0x7E for byte in key):
            return Unauthorized(f"The API key is malformed: {_HOW}.", code="malformed_api_key")
        if self._unreadable:
            return Unavailable(
                "API keys cannot be checked at the moment; try again.", code="key_store_unavailable"
            )
        return Unauthorized("The API key is not known here.")


def key_from_headers(authorization: bytes | None, x_api_key: bytes | None) -> bytes | None:
    """The presented key, or None. `authorization` wins when it holds a bearer token; another scheme (a
    proxy's Basic, say) is looked past when `x_api_key` is there, and otherwise raises Unauthorized."""
    if authorization:
        if authorization[:7] == b"Bearer " or authorization[:7].lower() == b"bearer ":
            key = authorization[7:].strip()
            if key:
                return key
        elif not x_api_key and authorization.strip().lower() != b"bearer":
            raise Unauthorized(
                f"The Authorization header is not a bearer token: {_HOW}.", code="malformed_api_key"
            )
    return x_api_key.strip() if x_api_key else None


def make_key() -> tuple[str, str]:
    """A new key (256 random bits, shown once) and its hash, as configuration files and the store keep it."""
    plain = KEY_PREFIX + secrets.token_urlsafe(32)
    return plain, hash_key(plain)


def hash_key(plain: str) -> str:
    """`sha256:` and 64 hexadecimal digits. Unsalted and fast on purpose: keys are long and random, so there
    is no dictionary to try."""
    return "sha256:" + hashlib.sha256(plain.encode()).hexdigest()


def digest_of(key_hash: str) -> bytes:
    """From the `sha256:` form. Raises ValueError if it is not one."""
    algorithm, _, digits = key_hash.partition(":")
    if algorithm != "sha256" or len(digits) != 64:
        raise ValueError("not a sha256: hash")
    return bytes.fromhex(digits)


def allowed_models(tenant: Iterable[str] | None, key: Iterable[str] | None) -> frozenset[str] | None:
    """A key narrows what its tenant may use, never widens it."""
    if tenant is None:
        return None if key is None else frozenset(key)
    return frozenset(tenant) if key is None else frozenset(tenant) & frozenset(key)
