"""What engines say of their load in Prometheus text."""

from __future__ import annotations

import pytest

from gateway.backends.base import Load
from gateway.backends.registry import backend_for
from gateway.config import Kind

VLLM = """\
# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="Qwen/Qwen3-8B"} 3.0
vllm:num_requests_running{engine="1",model_name="Qwen/Qwen3-8B"} 4.0
# TYPE vllm:num_requests_waiting gauge
vllm:num_requests_waiting{engine="0",model_name="Qwen/Qwen3-8B"} 0.0
vllm:num_requests_waiting{engine="1",model_name="Qwen/Qwen3-8B"} 12.0
vllm:num_requests_waiting_by_reason{engine="0",model_name="Qwen/Qwen3-8B",reason="capacity"} 99.0
vllm:kv_cache_usage_perc{engine="0",model_name="Qwen/Qwen3-8B"} 0.25
vllm:kv_cache_usage_perc{engine="1",model_name="Qwen/Qwen3-8B"} 0.75
"""
VLLM_OLD = """\
vllm:num_requests_running{model_name="facebook/opt-125m"} 1.0
vllm:num_requests_waiting{model_name="facebook/opt-125m"} 2.0
vllm:gpu_cache_usage_perc{model_name="facebook/opt-125m"} 0.5
"""
SGLANG = """\
# TYPE sglang:num_running_reqs gauge
sglang:num_running_reqs{engine_type="unified",model_name="a b} c",tp_rank="0"} 162.0
sglang:num_queue_reqs{engine_type="unified",model_name="a b} c",tp_rank="0"} 2826.0
sglang:token_usage{engine_type="unified",model_name="a b} c",tp_rank="0"} 0.28
"""
LLAMACPP = """\
# HELP llamacpp:requests_processing Number of requests processing
# TYPE llamacpp:requests_processing gauge
llamacpp:requests_processing 2
# TYPE llamacpp:requests_deferred gauge
llamacpp:requests_deferred 5
# TYPE llamacpp:n_busy_slots_per_decode gauge
llamacpp:n_busy_slots_per_decode 1.03448
"""
LLAMACPP_OLD = LLAMACPP + "llamacpp:kv_cache_usage_ratio 0.125 1700000000000\n"

SAYS: list[tuple[Kind, str, Load]] = [
    ("vllm", VLLM, Load(7, 12, 0.75)),
    ("vllm", VLLM_OLD, Load(1, 2, 0.5)),
    ("sglang", SGLANG, Load(162, 2826, 0.28)),
    ("llamacpp", LLAMACPP, Load(2, 5, None)),
    ("llamacpp", LLAMACPP_OLD, Load(2, 5, 0.125)),
    ("vllm", "vllm:num_requests_running{} NaN\nvllm:num_requests_waiting\n", Load(None, None, None)),
    ("llamacpp", "llamacpp:requests_processing many\n", Load(None, None, None)),
    ("openai", VLLM, Load(None, None, None)),
    ("sglang", "", Load(None, None, None)),
]


@pytest.mark.parametrize(("kind", "metrics", "load"), SAYS)
def test_load(kind: Kind, metrics: str, load: Load) -> None:
    assert backend_for(kind).load(metrics) == load
