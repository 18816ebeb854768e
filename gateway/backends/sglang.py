"""SGLang's OpenAI-compatible server."""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from gateway.backends.base import Load
from gateway.backends.gauges import load_from
from gateway.backends.openai_form import PATHS
from gateway.call import Api
from gateway.config import Feature
from metering.dialects.registry import DIALECTS
from metering.dialects.reported import count
from metering.usage import Provenance


class Sglang:
    kind = "sglang"
    dialect = DIALECTS["sglang"]
    provenance = Provenance.ENGINE
    features: frozenset[Feature] = frozenset(
        {"chat", "completions", "embeddings", "tools", "json_schema", "logprobs"}
    )
    health_path: str | None = "/health"
    streams_plain_calls = False
    keeps_connections = True

    def target(self, api: Api) -> str:
        return PATHS[api]

    def load(self, metrics: str) -> Load:
        return load_from(
            metrics,
            running="sglang:num_running_reqs",
            waiting="sglang:num_queue_reqs",
            kv_used=("sglang:token_usage",),
        )

    def token_count_request(self, text: str, upstream_model: str) -> tuple[str, bytes] | None:
        body = {"model": upstream_model, "prompt": text, "add_special_tokens": False}
        return "/tokenize", orjson.dumps(body)

    def token_count(self, payload: object) -> int:
        found = count(payload, "count") if isinstance(payload, Mapping) else None
        if found is None:
            raise ValueError("the answer of /tokenize holds no count")
        return found
