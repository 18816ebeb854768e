"""Settings that the design knows and this version does not.

They are refused by name, never as "unknown key": nobody may believe that a budget holds which does not.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from gateway.problems import Path

if TYPE_CHECKING:
    from gateway.config_yaml import Plain

_NOT_YET = "is not supported by this version"
FUTURE_KEYS = {
    "alerts": "nobody would be alerted",
    "energy": "energy would not be measured",
    "scheduling": "requests are sent as they come",
    "batch": "there is no /v1/batches",
    "batches": "there is no /v1/batches",
}
_KINDS = frozenset({"azure", "anthropic", "gemini", "bedrock", "vertex"})
_KNOWN_KINDS = "openai, vllm, sglang, llamacpp"


def future_key(name: str) -> str | None:
    """Why a key that the settings do not have is not merely unknown."""
    consequence = FUTURE_KEYS.get(name)
    return f"{_NOT_YET}: remove it ({consequence})" if consequence else None


def future_values(top: dict[str, Plain]) -> Iterator[tuple[Path, str]]:
    """Values that a later version may accept, each with what to write now."""
    backends = top.get("backends")
    for name, backend in backends.items() if isinstance(backends, dict) else ():
        kind = backend.get("kind") if isinstance(backend, dict) else None
        if isinstance(kind, str) and kind.lower() in _KINDS:
            message = f"kind {kind} {_NOT_YET}; it knows {_KNOWN_KINDS} (any OpenAI-compatible URL is openai)"
            yield ("backends", name, "kind"), message
    server = top.get("server")
    workers = server.get("workers") if isinstance(server, dict) else None
    if isinstance(workers, int) and workers > 1:
        yield ("server", "workers"), f"more than one worker {_NOT_YET}: one process per ledger"
