"""Which dialect a backend's `kind` means: the only table of kinds."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.backends.base import Backend
from gateway.backends.llamacpp import LlamaCpp
from gateway.backends.openai import OpenAI
from gateway.backends.sglang import Sglang
from gateway.backends.vllm import Vllm
from gateway.config import Kind

BACKENDS: Mapping[Kind, Backend] = {
    "openai": OpenAI(),
    "vllm": Vllm(),
    "sglang": Sglang(),
    "llamacpp": LlamaCpp(),
}


def backend_for(kind: Kind) -> Backend:
    return BACKENDS[kind]
