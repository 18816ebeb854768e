"""llama.cpp's server, started by the gateway or by somebody else."""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from gateway.backends.base import Load
from gateway.backends.gauges import load_from
from gateway.backends.openai_form import PATHS
from gateway.call import Api
from gateway.config import Feature
from metering.dialects.registry import DIALECTS
from metering.usage import Provenance


class LlamaCpp:
    kind = "llamacpp"
    dialect = DIALECTS["llamacpp"]
    provenance = Provenance.ENGINE
    features: frozenset[Feature] = frozenset(
        {"chat", "completions", "embeddings", "tools", "json_schema", "logprobs"}
    )
    health_path: str | None = "/health"
    streams_plain_calls = True
    """Its plain path looks for the client only after a second without news from any slot, so beside another
    stream it would go on to the end."""
    keeps_connections = False
    """Its server now and then closes a connection just after an answer, and what is sent at that moment is
    lost; a kept one also holds one of its threads. A new connection costs a hundredth of an answer."""

    def target(self, api: Api) -> str:
        return PATHS[api]

    def load(self, metrics: str) -> Load:
        """Needs --metrics. Newer servers no longer say how full the cache is."""
        return load_from(
            metrics,
            running="llamacpp:requests_processing",
            waiting="llamacpp:requests_deferred",
            kv_used=("llamacpp:kv_cache_usage_ratio",),
        )

    def token_count_request(self, text: str, upstream_model: str) -> tuple[str, bytes] | None:
        return "/tokenize", orjson.dumps({"content": text, "add_special": False})

    def token_count(self, payload: object) -> int:
        found = payload.get("tokens") if isinstance(payload, Mapping) else None
        if not isinstance(found, list):
            raise ValueError("the answer of /tokenize holds no list of tokens")
        return len(found)
