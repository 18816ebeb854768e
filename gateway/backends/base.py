"""What differs between engines and vendors, as pure functions of values: one file per kind beside this one.

A `Backend` knows a dialect, not a machine. The machines (URLs, health, circuits, load) are in `fleet.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from gateway.call import Api
from gateway.config import Feature
from metering.dialects.reported import Dialect
from metering.usage import Provenance


@dataclass(frozen=True, slots=True)
class Load:
    """What an engine's /metrics says of itself, None where it says nothing."""

    running: int | None
    waiting: int | None
    kv_used: float | None
    """Share of the KV cache in use, 0 to 1."""


class Backend(Protocol):
    @property
    def kind(self) -> str: ...

    @property
    def dialect(self) -> Dialect:
        """How its answers report usage."""
        ...

    @property
    def provenance(self) -> Provenance:
        """Of the usage this kind reports: vendor or engine."""
        ...

    @property
    def features(self) -> frozenset[Feature]:
        """What this kind serves unless a model's `supports` says otherwise."""
        ...

    @property
    def health_path(self) -> str | None:
        """Absolute path that answers 200 when ready, or None where only /v1/models can tell."""
        ...

    @property
    def streams_plain_calls(self) -> bool:
        """Ask this kind for a stream even when the client wants a plain answer, and fold it: for engines that
        notice a client's leaving promptly only while they stream."""
        ...

    @property
    def keeps_connections(self) -> bool:
        """Whether a connection serves one request after another."""
        ...

    def target(self, api: Api) -> str:
        """Path below the base URL, such as /chat/completions."""
        ...

    def load(self, metrics: str) -> Load:
        """From the engine's Prometheus text."""
        ...

    def token_count_request(self, text: str, upstream_model: str) -> tuple[str, bytes] | None:
        """(absolute path, JSON body) to POST so that the engine's own tokenizer counts `text`; None where
        nobody can be asked."""
        ...

    def token_count(self, payload: object) -> int:
        """From the parsed answer to that. Raises ValueError where it holds no count."""
        ...
