"""A gateway in a process of its own before upstreams that answer what the prompt tells them to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.e2e.place import ADMIN_KEY, FINANCE_HASH, KEY_HASH, OTHER_HASH, Place
from tests.fakes.gateway_process import GatewayProcess
from tests.fakes.upstream import FakeUpstream

RATES = {"small": 1, "large": 10, "old": 1, "judge": 4}
"""USD per million tokens of output; input is free, and a word is a token: a micro-dollar a word and more."""
MODES = {"old": "told-400"}
TENANTS: Mapping[str, Any] = {
    "one": {"keys": [{"name": "k", "hash": KEY_HASH}]},
    "two": {"keys": [{"name": "k", "hash": OTHER_HASH}]},
    "office": {"keys": [{"name": "books", "hash": FINANCE_HASH, "role": "finance"}]},
}


def settings(folder: Path, upstream: FakeUpstream, **changes: Any) -> dict[str, Any]:
    """Each model on a backend of its own; the route `plain` has nothing but two tiers."""
    common = {
        "kind": "openai",
        "url": upstream.base_url,
        "retry": {"base": 0.01, "cap": 0.05, "per_backend": 1},
        "health": {"every": 0},
        "breaker": {"failures": 1000},
    }
    return {
        "admin_key": ADMIN_KEY,
        "ledger": f"sqlite:///{folder / 'ledger.db'}",
        "backends": {
            f"on-{model}": {**common, "models": {model: f"{model}/{MODES.get(model, 'told')}"}}
            for model in RATES
        },
        "models": {"plain": {"tiers": ["small", "large"]}},
        "rates": [{"model": model, "input": 0, "output": rate} for model, rate in RATES.items()],
        "tenants": TENANTS,
        "cache": {"exact": False},
        **changes,
    }


@asynccontextmanager
async def telling(folder: Path, **changes: Any) -> AsyncIterator[Place]:
    """`changes` replaces top-level sections of the configuration."""
    async with FakeUpstream() as upstream:
        gateway = GatewayProcess(settings(folder, upstream, **changes), folder)
        await asyncio.to_thread(gateway.__enter__)
        try:
            yield Place(folder, upstream, gateway)
        finally:
            await asyncio.to_thread(gateway.stop)
