"""SGLang's OpenAI-compatible server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from gateway.backends.base import Load
from gateway.backends.gauges import load_from
from gateway.backends.openai_form import PATHS, disjoint_usage, tokens
from gateway.call import Api
from gateway.config import Feature
from metering.usage import Provenance, TokenUsage


class Sglang:
    kind = "sglang"
    provenance = Provenance.ENGINE
    features: frozenset[Feature] = frozenset(
        {"chat", "completions", "embeddings", "tools", "json_schema", "logprobs"}
    )
    health_path: str | None = "/health"
    streams_plain_calls = False
    keeps_connections = True

    def target(self, api: Api) -> str:
        return PATHS[api]

    def usage(self, payload: Mapping[str, Any]) -> TokenUsage | None:
        """Cached tokens are there only under --enable-cache-report; reasoning is counted beside the output,
        not in OpenAI's `completion_tokens_details`."""
        return disjoint_usage(payload, self.provenance, reasoning_beside=True)

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
        count = tokens(payload, "count") if isinstance(payload, Mapping) else None
        if count is None:
            raise ValueError("the answer of /tokenize holds no count")
        return count
