"""The answer cache as the file wants it: in this process, or shared through the state's Redis."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from hashlib import blake2b

from cache.answers import AnswerCache
from cache.bound.book import AuditBook
from cache.bound.keeper import AuditKeeper
from cache.stores.audits import RedisAuditStore
from cache.stores.local import LocalCache
from cache.stores.shared import SharedCache
from gateway.clock import Clock
from gateway.config import GatewaySettings

_DERIVED = b"weir cache 1"


def share_audits(settings: GatewaySettings, book: AuditBook) -> AuditKeeper | None:
    """Not started. None where the cache, too, is this process's own."""
    return AuditKeeper(book, RedisAuditStore(settings.state)) if shares_cache(settings) else None


def shares_cache(settings: GatewaySettings) -> bool:
    return not settings.state.startswith("memory:")


def cache_secret(settings: GatewaySettings) -> bytes:
    """Keys the hashes that name entries. Gateways that share a cache must have the same one; where the file
    names none, it is made of what they have in common. One that shares with nobody draws its own."""
    if settings.cache.secret is not None:
        return settings.cache.secret.get_secret_value().encode()
    if not shares_cache(settings):
        return secrets.token_bytes(32)
    admin = "" if settings.admin_key is None else settings.admin_key.get_secret_value()
    return blake2b(f"{admin}\n{settings.state}".encode(), digest_size=32, person=_DERIVED).digest()


def open_cache(
    settings: GatewaySettings,
    secret: bytes,
    clock: Clock,
    process: str,
    on_state: Callable[[str | None], None],
) -> AnswerCache:
    """Not started. `on_state` hears why the shared cache is away, or None when it is back."""
    cache = settings.cache
    max_tenant_bytes = cache.max_memory if cache.max_tenant is None else cache.max_tenant
    if not shares_cache(settings):
        return LocalCache(
            max_bytes=cache.max_memory,
            max_tenant_bytes=max_tenant_bytes,
            max_index_bytes=cache.max_index,
            now_us=lambda: clock.wall_ns() // 1000,
        )
    return SharedCache(
        settings.state,
        secret=secret,
        max_tenant_bytes=max_tenant_bytes,
        max_view_bytes=cache.max_index,
        max_hot_bytes=cache.max_memory,
        process=process,
        on_state=on_state,
    )
