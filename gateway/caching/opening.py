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
from gateway.cache_storage import StorageKeeper
from gateway.clock import Clock
from gateway.config import GatewaySettings
from gateway.keydirectory import KeyDirectory
from gateway.keystore import KeyStore
from metering.ledger import Books

_DERIVED = b"weir cache 1"
News = Callable[..., None]
"""(event, **fields): a line of the log."""


def share_audits(settings: GatewaySettings, book: AuditBook) -> AuditKeeper | None:
    """Not started. None where the cache, too, is this process's own."""
    return AuditKeeper(book, RedisAuditStore(settings.state)) if settings.shares_state else None


def cache_secret(settings: GatewaySettings) -> bytes:
    """Keys the hashes that name entries. Gateways that share a cache must have the same one; where the file
    names none, it is made of what they have in common. One that shares with nobody draws its own."""
    if settings.cache.secret is not None:
        return settings.cache.secret.get_secret_value().encode()
    if not settings.shares_state:
        return secrets.token_bytes(32)
    admin = "" if settings.admin_key is None else settings.admin_key.get_secret_value()
    return blake2b(f"{admin}\n{settings.state}".encode(), digest_size=32, person=_DERIVED).digest()


def open_cache(
    settings: GatewaySettings,
    secret: bytes,
    clock: Clock,
    process: str,
    news: News,
) -> AnswerCache:
    """Not started. A line of news tells when the shared cache goes away, and why, and when it is back."""
    cache = settings.cache
    max_tenant_bytes = cache.max_memory if cache.max_tenant is None else cache.max_tenant
    if not settings.shares_state:
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
        on_state=lambda away: news("cache_state", ok=away is None, detail=away or ""),
    )


def open_storage(
    cache: AnswerCache,
    books: Books,
    settings: Callable[[], GatewaySettings],
    keys: KeyStore,
    clock: Clock,
    news: News,
) -> StorageKeeper:
    """Not started."""
    directory = KeyDirectory(keys, settings, clock)

    def cost_centers() -> dict[str, str]:
        """Blocks. Raises KeyStoreError."""
        return {tenant.name: tenant.cost_center for tenant in directory.tenants()}

    return StorageKeeper(
        cache, books, settings, cost_centers, lambda ok, detail: news("cache_storage", ok=ok, detail=detail)
    )
