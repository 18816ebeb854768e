"""vLLM's OpenAI-compatible server."""

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


class Vllm:
    kind = "vllm"
    provenance = Provenance.ENGINE
    # Whether the weights can see is a property of the model: its `supports` says so.
    features: frozenset[Feature] = frozenset(
        {"chat", "completions", "embeddings", "tools", "json_schema", "logprobs"}
    )
    health_path: str | None = "/health"
    streams_plain_calls = False
    keeps_connections = True

    def target(self, api: Api) -> str:
        return PATHS[api]

    def usage(self, payload: Mapping[str, Any]) -> TokenUsage | None:
        """`prompt_tokens_details` is there only under --enable-prompt-tokens-details."""
        return disjoint_usage(
            payload, self.provenance, cache_write_names=("created_cache_tokens", "cache_write_tokens")
        )

    def load(self, metrics: str) -> Load:
        return load_from(
            metrics,
            running="vllm:num_requests_running",
            waiting="vllm:num_requests_waiting",
            kv_used=("vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc"),
        )

    def token_count_request(self, text: str, upstream_model: str) -> tuple[str, bytes] | None:
        body = {"model": upstream_model, "prompt": text, "add_special_tokens": False}
        return "/tokenize", orjson.dumps(body)

    def token_count(self, payload: object) -> int:
        count = tokens(payload, "count") if isinstance(payload, Mapping) else None
        if count is None:
            raise ValueError("the answer of /tokenize holds no count")
        return count
