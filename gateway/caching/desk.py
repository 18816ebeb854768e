"""What operators see and do of the running cache: its state and bounds, purging, a route's own pairs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from cache.answers import Kept, Purge, Purged
from cache.base import Entry
from cache.canonical import canonical
from cache.partition import canonical_key
from cache.seeds import Seed
from gateway.caching.entry_ids import entry_id
from gateway.caching.place import curated_partition
from gateway.errors import BadRequest
from gateway.services import Services
from metering.house import CURATED_TENANT

SEEDED = CURATED_TENANT
"""Stands where a tenant would: a route's own pairs are nobody's traffic."""
NO_END_US = 3_650 * 86_400 * 1_000_000
MAX_BOUNDS = 200
"""Shown at once, the latest used first."""


class CacheDesk:
    """For the event loop's thread."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def status(self) -> dict[str, Any]:
        """JSON-ready: the store, lookups by result, audits, and every bound with what it lacks."""
        services = self._services
        store = services.cache.status()
        bounds = services.audits.bounds()
        return {
            "object": "cache",
            "shared": store.shared,
            "away": store.away or None,
            "entries": store.entries,
            "bytes": dict(store.tenant_bytes),
            "index_bytes": store.index_bytes,
            "partitions_held": store.partitions_held,
            "errors": store.errors,
            "lookups": services.metrics.cache_lookups(),
            "audits": services.metrics.cache_audits(),
            "bounds": bounds[:MAX_BOUNDS],
            "bounds_left_out": max(0, len(bounds) - MAX_BOUNDS),
        }

    async def purge(self, what: Purge) -> Purged:
        """Once acknowledged, no process serves what was purged. Raises BadRequest for what makes no sense
        together."""
        try:
            return await self._services.cache.purge(what.checked())
        except ValueError as error:
            raise BadRequest(str(error)) from None

    def seed(self, route: str, seeds: Sequence[Seed], ttl_us: int | None) -> int:
        """Keeps a curated route's own pairs; one that is there already is replaced. Returns how many. Raises
        BadRequest where the route does not take any."""
        services = self._services
        snapshot = services.live.snapshot
        semantic = snapshot.caches.of(route).semantic if route in snapshot.routes else None
        if semantic is None or not semantic.curated:
            raise BadRequest(
                f"{route} takes no pairs: its cache.semantic.trust is not `curated`.",
                param="route",
            )
        now_us = services.clock.wall_ns() // 1000
        expires_us = now_us + (NO_END_US if ttl_us is None else ttl_us)
        partition = curated_partition(services.cache_secret, route)
        first = snapshot.routes[route].tiers[0][0]
        for seed in seeds:
            key = canonical_key(services.cache_secret, partition, canonical(seed.prompt))
            answer = _answer(seed.answer, seed.model or first.model, now_us)
            entry = Entry(
                id=entry_id(services.cache_secret, "seed", key.hex()[:26], answer),
                tenant=SEEDED,
                body=orjson.dumps(answer),
                served_model=seed.model or first.model,
                backend=first.backend,
                input_tokens=0,
                output_tokens=0,
                usage_known=False,
                stored_us=now_us,
                expires_us=expires_us,
                stand_in=False,
                route=route,
            )
            question = services.meaning.question(partition, seed.prompt)
            services.cache.keep(Kept(partition, (key,), entry, question, services.cache.position()))
        return len(seeds)


def _answer(text: str, model: str, at_us: int) -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    return {
        "id": "chatcmpl-curated",
        "object": "chat.completion",
        "created": at_us // 1_000_000,
        "model": model,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
    }
