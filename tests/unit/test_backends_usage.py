"""Each dialect's own answers become the canonical, disjoint token classes."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.backends.registry import BACKENDS, backend_for
from gateway.call import Api
from gateway.config import Kind
from metering.usage import Provenance, TokenUsage

OPENAI_CHAT = b"""{"id": "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT", "object": "chat.completion",
"created": 1741569952, "model": "gpt-5.4", "choices": [{"index": 0, "message": {"role": "assistant",
"content": "Hello! How can I assist you today?", "refusal": null, "annotations": []}, "logprobs": null,
"finish_reason": "stop"}], "usage": {"prompt_tokens": 1419, "completion_tokens": 310, "total_tokens": 1729,
"prompt_tokens_details": {"cached_tokens": 1024, "audio_tokens": 0}, "completion_tokens_details":
{"reasoning_tokens": 192, "audio_tokens": 0, "accepted_prediction_tokens": 0,
"rejected_prediction_tokens": 0}}, "service_tier": "default"}"""

OPENAI_EMBEDDING = b"""{"object": "list", "data": [{"object": "embedding", "embedding": [0.0023064255,
-0.009327292], "index": 0}], "model": "text-embedding-ada-002", "usage": {"prompt_tokens": 8,
"total_tokens": 8}}"""

OPENAI_CACHE_WRITE = b"""{"usage": {"prompt_tokens": 2006, "completion_tokens": 300, "total_tokens": 2306,
"prompt_tokens_details": {"cached_tokens": 512, "cache_write_tokens": 1400}}}"""

OPENAI_CHUNK_BEFORE_THE_LAST = b"""{"id": "chatcmpl-123", "object": "chat.completion.chunk",
"created": 1694268190, "model": "gpt-5-mini", "choices": [{"index": 0, "delta": {"content": "Hello"},
"logprobs": null, "finish_reason": null}], "usage": null}"""

OPENAI_USAGE_CHUNK = b"""{"id": "chatcmpl-123", "object": "chat.completion.chunk", "created": 1694268190,
"model": "gpt-5-mini", "choices": [], "usage": {"prompt_tokens": 19, "completion_tokens": 10,
"total_tokens": 29, "prompt_tokens_details": {"cached_tokens": 0}, "completion_tokens_details":
{"reasoning_tokens": 0}}}"""

VLLM_CHAT = b"""{"id": "chatcmpl-2f3b", "object": "chat.completion", "created": 1759312345,
"model": "Qwen/Qwen3-8B", "choices": [{"index": 0, "message": {"role": "assistant", "content": "Paris.",
"refusal": null, "tool_calls": [], "reasoning_content": null}, "logprobs": null, "finish_reason": "stop",
"stop_reason": null}], "usage": {"prompt_tokens": 51056, "total_tokens": 51072, "completion_tokens": 16,
"prompt_tokens_details": {"cached_tokens": 48000, "created_cache_tokens": 3040,
"multimodal_tokens": null}, "completion_tokens_details": {"reasoning_tokens": 4}},
"prompt_logprobs": null, "kv_transfer_params": null}"""

VLLM_WITHOUT_DETAILS = b"""{"id": "cmpl-9", "object": "text_completion", "created": 1759312345,
"model": "Qwen/Qwen3-8B", "choices": [{"index": 0, "text": " Paris", "finish_reason": "length"}],
"usage": {"prompt_tokens": 5, "total_tokens": 6, "completion_tokens": 1, "prompt_tokens_details": null}}"""

SGLANG_CHAT = b"""{"id": "b1", "object": "chat.completion", "created": 1770739211,
"model": "qwen/qwen2.5-0.5b-instruct", "choices": [{"index": 0, "message": {"role": "assistant",
"content": "Here are 3 countries.", "reasoning_content": null, "tool_calls": null}, "logprobs": null,
"finish_reason": "stop", "matched_stop": 151645}], "usage": {"prompt_tokens": 37, "total_tokens": 76,
"completion_tokens": 39, "prompt_tokens_details": {"cached_tokens": 36}, "reasoning_tokens": 7},
"metadata": {"weight_version": "default"}}"""

LLAMACPP_CHAT = b"""{"choices": [{"finish_reason": "stop", "index": 0, "message": {"role": "assistant",
"content": "The capital of France is Paris."}}], "created": 1795486811, "model": "smollm2-135m",
"system_fingerprint": "b0-unknown", "object": "chat.completion", "usage": {"completion_tokens": 8,
"prompt_tokens": 36, "total_tokens": 44, "prompt_tokens_details": {"cached_tokens": 35}},
"timings": {"cache_n": 35, "prompt_n": 1,
"prompt_ms": 8.707, "prompt_per_token_ms": 8.707, "prompt_per_second": 114.85012059262661,
"predicted_n": 8, "predicted_ms": 62.367, "predicted_per_token_ms": 8.909571428571429,
"predicted_per_second": 112.23884426058653}}"""

LLAMACPP_OLDER = b"""{"usage": {"completion_tokens": 8, "prompt_tokens": 36, "total_tokens": 44},
"timings": {"cache_n": 30, "prompt_n": 6, "predicted_n": 8}}"""

LLAMACPP_EMBEDDING = b"""{"model": "x", "object": "list", "usage": {"prompt_tokens": 3, "total_tokens": 3},
"data": [{"embedding": [-0.01275787502527237, -0.018819492310285568], "index": 0,
"object": "embedding"}]}"""

VENDOR, ENGINE = Provenance.VENDOR, Provenance.ENGINE
GOLDEN: list[tuple[Kind, bytes, TokenUsage | None]] = [
    ("openai", OPENAI_CHAT, TokenUsage(395, 1024, 0, 310, 192, VENDOR)),
    ("openai", OPENAI_EMBEDDING, TokenUsage(8, 0, 0, 0, 0, VENDOR)),
    ("openai", OPENAI_CACHE_WRITE, TokenUsage(94, 512, 1400, 300, 0, VENDOR)),
    ("openai", OPENAI_CHUNK_BEFORE_THE_LAST, None),
    ("openai", OPENAI_USAGE_CHUNK, TokenUsage(19, 0, 0, 10, 0, VENDOR)),
    ("vllm", VLLM_CHAT, TokenUsage(16, 48000, 3040, 16, 4, ENGINE)),
    ("vllm", VLLM_WITHOUT_DETAILS, TokenUsage(5, 0, 0, 1, 0, ENGINE)),
    ("sglang", SGLANG_CHAT, TokenUsage(1, 36, 0, 39, 7, ENGINE)),
    ("llamacpp", LLAMACPP_CHAT, TokenUsage(1, 35, 0, 8, 0, ENGINE)),
    ("llamacpp", LLAMACPP_OLDER, TokenUsage(6, 30, 0, 8, 0, ENGINE)),
    ("llamacpp", LLAMACPP_EMBEDDING, TokenUsage(3, 0, 0, 0, 0, ENGINE)),
]


def usage_of(kind: Kind, payload: dict[str, Any]) -> TokenUsage | None:
    report = backend_for(kind).dialect.whole(payload)
    return None if report is None else report.usage


@pytest.mark.parametrize(("kind", "answer", "expected"), GOLDEN)
def test_a_real_answer_becomes_disjoint_classes(
    kind: Kind, answer: bytes, expected: TokenUsage | None
) -> None:
    payload = orjson.loads(answer)
    usage = usage_of(kind, payload)
    assert usage == expected
    if usage is not None:
        assert usage.total == payload["usage"]["total_tokens"]


@pytest.mark.parametrize("kind", BACKENDS)
@pytest.mark.parametrize("payload", [{}, {"usage": None}, {"usage": {}}, {"usage": {"prompt_tokens": None}}])
def test_no_usage_is_none(kind: Kind, payload: dict[str, Any]) -> None:
    assert usage_of(kind, payload) is None


NONSENSE: list[tuple[dict[str, Any], str]] = [
    ({"prompt_tokens": -1}, "prompt_tokens is -1"),
    ({"prompt_tokens": 1.5}, "prompt_tokens is 1.5"),
    ({"prompt_tokens": True}, "prompt_tokens is True"),
    ({"prompt_tokens": "9"}, "prompt_tokens is '9'"),
    ({"prompt_tokens": 9, "completion_tokens": -2}, "completion_tokens is -2"),
    ({"prompt_tokens": 9, "prompt_tokens_details": {"cached_tokens": 10}}, "10 cached .* exceed 9"),
    ({"prompt_tokens": 9, "prompt_tokens_details": [1]}, "prompt_tokens_details is list"),
    (
        {"prompt_tokens": 9, "completion_tokens": 1, "completion_tokens_details": {"reasoning_tokens": 2}},
        "reasoning exceeds output",
    ),
]


@pytest.mark.parametrize("kind", BACKENDS)
@pytest.mark.parametrize(("usage", "complaint"), NONSENSE)
def test_numbers_that_do_not_add_up_are_refused(kind: Kind, usage: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        usage_of(kind, {"usage": usage})


def test_a_usage_that_is_no_object_is_refused() -> None:
    with pytest.raises(ValueError, match="usage is list"):
        usage_of("openai", {"usage": [1]})


@given(st.integers(0, 10**9), st.integers(0, 10**9), st.integers(0, 10**9), st.integers(0, 10**9))
def test_every_input_token_is_in_exactly_one_class(plain: int, read: int, written: int, output: int) -> None:
    usage = usage_of(
        "openai",
        {
            "usage": {
                "prompt_tokens": plain + read + written,
                "completion_tokens": output,
                "prompt_tokens_details": {"cached_tokens": read, "cache_write_tokens": written},
            }
        },
    )
    nothing = plain + read + written + output == 0  # and nobody does work of no tokens
    assert usage == (None if nothing else TokenUsage(plain, read, written, output, 0, VENDOR))


@pytest.mark.parametrize("kind", BACKENDS)
def test_paths_stand_below_the_base_url(kind: Kind) -> None:
    backend = backend_for(kind)
    assert [backend.target(api) for api in Api] == ["/chat/completions", "/completions", "/embeddings"]
    assert backend.kind == kind


COUNTING: list[tuple[Kind, str, dict[str, Any], dict[str, Any]]] = [
    (
        "vllm",
        "/tokenize",
        {"model": "Qwen/Qwen3-8B", "prompt": "hello world", "add_special_tokens": False},
        {"count": 2, "max_model_len": 40960, "tokens": [14990, 1879], "token_strs": None},
    ),
    (
        "sglang",
        "/tokenize",
        {"model": "Qwen/Qwen3-8B", "prompt": "hello world", "add_special_tokens": False},
        {"tokens": [14990, 1879], "count": 2, "max_model_len": 32768},
    ),
    (
        "llamacpp",
        "/tokenize",
        {"content": "hello world", "add_special": False},
        {"tokens": [28120, 905]},
    ),
]


@pytest.mark.parametrize(("kind", "path", "question", "answer"), COUNTING)
def test_an_engine_is_asked_to_count(
    kind: Kind, path: str, question: dict[str, Any], answer: dict[str, Any]
) -> None:
    backend = backend_for(kind)
    request = backend.token_count_request("hello world", "Qwen/Qwen3-8B")
    assert request is not None
    assert request[0] == path
    assert orjson.loads(request[1]) == question
    assert backend.token_count(answer) == 2


@pytest.mark.parametrize("kind", BACKENDS)
@pytest.mark.parametrize("answer", [None, [], {}, {"tokens": 3}, {"count": "2"}, {"count": -1}])
def test_an_answer_without_a_count_is_refused(kind: Kind, answer: object) -> None:
    with pytest.raises(ValueError, match=r"count|list of tokens"):
        backend_for(kind).token_count(answer)


def test_nobody_counts_for_a_vendor() -> None:
    assert backend_for("openai").token_count_request("hello", "gpt-5") is None
