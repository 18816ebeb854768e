"""LangChain's standard suites for chat models and embeddings, through the gateway, on the local engine."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.embeddings import Embeddings
from langchain_core.language_models import BaseChatModel
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from langchain_tests.integration_tests import ChatModelIntegrationTests, EmbeddingsIntegrationTests

from tests.e2e.road import Road

DESELECTED = {
    "test_image_inputs": "the model reads text only",
    "test_image_tool_message": "the model reads text only",
    "test_pdf_inputs": "the model reads text only",
    "test_pdf_tool_message": "the model reads text only",
    "test_audio_inputs": "the model reads text only",
    "test_anthropic_inputs": "another vendor's message format, which the Chat Completions API does not have",
    "test_stream_time": "measures against a recorded session (VCR); there is none, the engine is real",
}
"""Standard tests that ask for more than SmolLM2-135M can do, or for something else than this API. Everything
else runs."""


class TestChat(ChatModelIntegrationTests):
    road: Road

    @pytest.fixture(autouse=True)
    def _on_this_road(self, road: Road) -> None:
        self.road = road

    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatOpenAI

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"model": self.road.model, "base_url": self.road.base_url, "api_key": self.road.key, "seed": 1}

    @property
    def standard_chat_model_params(self) -> dict[str, Any]:
        return {"temperature": 0, "max_tokens": 100, "timeout": 60, "max_retries": 2}

    @property
    def model_override_value(self) -> str:
        return self.road.other_name

    @property
    def supports_json_mode(self) -> bool:
        return True


class TestEmbeddings(EmbeddingsIntegrationTests):
    road: Road

    @pytest.fixture(autouse=True)
    def _on_this_road(self, road: Road) -> None:
        self.road = road

    @property
    def embeddings_class(self) -> type[Embeddings]:
        return OpenAIEmbeddings

    @property
    def embedding_model_params(self) -> dict[str, Any]:
        return {
            "model": self.road.model,
            "base_url": self.road.base_url,
            "api_key": self.road.key,
            "check_embedding_ctx_length": False,
        }


def test_the_list_of_deselected_names_is_current() -> None:
    """A name that the suite no longer has would hide nothing, and mislead whoever reads the list."""
    offered = {name for name in dir(TestChat) if name.startswith("test_")}
    assert set(DESELECTED) <= offered
