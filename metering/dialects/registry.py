"""Dialects by name."""

from __future__ import annotations

from collections.abc import Mapping

from metering.dialects.anthropic import AnthropicMessages
from metering.dialects.llamacpp import LlamaCpp
from metering.dialects.openai_chat import OpenAIChat
from metering.dialects.openai_responses import OpenAIResponses
from metering.dialects.reported import Dialect
from metering.dialects.vllm import EngineChat

DIALECTS: Mapping[str, Dialect] = {
    "openai": OpenAIChat(),
    "responses": OpenAIResponses(),
    "anthropic": AnthropicMessages(),
    "vllm": EngineChat(),
    "sglang": EngineChat(),
    "llamacpp": LlamaCpp(),
}
"""A backend's kind speaks the dialect of its name; `responses` is OpenAI's other form."""
