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


def backend(url: str, models: dict[str, str]) -> dict[str, Any]:
    return {"kind": "openai", "url": url, "api_key": UPSTREAM_KEY, "models": models, "health": {"every": 0}}


def key_hash(key: str) -> str:
    return "sha256:" + hashlib.sha256(key.encode()).hexdigest()
