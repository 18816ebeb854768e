"""OpenAI, and whatever vendor answers in its form at another URL."""

from __future__ import annotations

from gateway.backends.base import Load
from gateway.backends.openai_form import PATHS
from gateway.call import Api
from gateway.config import Feature
from metering.dialects.registry import DIALECTS
from metering.usage import Provenance


class OpenAI:
    kind = "openai"
    dialect = DIALECTS["openai"]
    provenance = Provenance.VENDOR
    features: frozenset[Feature] = frozenset(
        {"chat", "completions", "embeddings", "tools", "vision", "json_schema", "logprobs"}
    )
    health_path: str | None = None
    streams_plain_calls = False
    keeps_connections = True

    def target(self, api: Api) -> str:
        return PATHS[api]

    def load(self, metrics: str) -> Load:
        return Load(None, None, None)

    def token_count_request(self, text: str, upstream_model: str) -> tuple[str, bytes] | None:
        return None

    def token_count(self, payload: object) -> int:
        raise ValueError("an openai backend counts no tokens")
