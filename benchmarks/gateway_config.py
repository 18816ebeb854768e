"""The gateway that is measured: a key, a virtual model with a rule, the cache, prices, the ledger on disk,
metrics and a request log in a file."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

KEY = "weir-sk-benchmark-0123456789abcdefghijklmnopqrstu"
UPSTREAM_KEY = "sk-benchmark-upstream-0123456789"


def gateway_config(folder: Path, static_url: str, stream_url: str) -> dict[str, Any]:
    """`auto` and `static` are served by the one upstream, `auto-stream` and `sse` by the other."""
    return {
        "server": {"log": {"format": "json"}},
        "ledger": f"sqlite:///{folder / 'ledger.db'}",
        "backends": {
            "static": backend(static_url, {"static": "static", "static-large": "static"}),
            "stream": backend(stream_url, {"sse": "sse", "sse-large": "sse"}),
        },
        "models": {
            "auto": {"tiers": ["static", "static-large"]},
            "auto-stream": {"tiers": ["sse", "sse-large"]},
        },
        "rules": [{"when": {"tenant": "bench", "tools": True}, "use": "static-large"}],
        "tenants": {"bench": {"keys": [{"name": "bench", "project": "speed", "hash": key_hash(KEY)}]}},
        "rates": [
            {"model": name, "input": price, "output": 4 * price}
            for name, price in (("static", 0.1), ("sse", 0.1), ("static-large", 2.5), ("sse-large", 2.5))
        ],
    }


def with_budgets(config: dict[str, Any], state: str) -> dict[str, Any]:
    """The same with limits and budgets of the house, the tenant, its project and its key, counted in `state`;
    none of them is ever reached."""
    tenant = {
        **config["tenants"]["bench"],
        "limits": {"requests_per_minute": 10_000_000, "tokens_per_minute": 10**12, "concurrency": 10_000},
        "budgets": [
            {"usd": 100_000, "timezone": "Europe/Berlin", "at": {"80": "notify", "100": "refuse"}},
            {"usd": 50_000, "per": "day", "each": "key"},
            {"tokens": 10**14, "per": "week", "project": "speed"},
        ],
    }
    return {
        "state": state,
        "budgets": [{"usd": 1_000_000, "per": "month"}],
        "tenants": {"bench": tenant},
    }


def backend(url: str, models: dict[str, str]) -> dict[str, Any]:
    return {"kind": "openai", "url": url, "api_key": UPSTREAM_KEY, "models": models, "health": {"every": 0}}


def key_hash(key: str) -> str:
    return "sha256:" + hashlib.sha256(key.encode()).hexdigest()
