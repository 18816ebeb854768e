"""LangChain's standard suites for chat models and embeddings, through the gateway, on the local engine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from langchain_core.embeddings import Embeddings
from langchain_core.language_models import BaseChatModel
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from langchain_tests.integration_tests import ChatModelIntegrationTests, EmbeddingsIntegrationTests

from tests.e2e.road import Road

TEXT_ONLY = "the model reads text only"
NO_TOOLS = "needs a model that calls tools: SmolLM2's template knows none, and it answers in prose"
RAMBLES = "needs a model that closes its JSON strings: SmolLM2-135M writes on until the token limit"

DESELECTED = {
    "test_image_inputs": TEXT_ONLY,
    "test_image_tool_message": TEXT_ONLY,
    "test_pdf_inputs": TEXT_ONLY,
    "test_pdf_tool_message": TEXT_ONLY,
    "test_audio_inputs": TEXT_ONLY,
    "test_tool_calling": NO_TOOLS,
    "test_tool_calling_async": NO_TOOLS,
    "test_tool_calling_with_no_arguments": NO_TOOLS,
    "test_tool_choice": NO_TOOLS,
    "test_bind_runnables_as_tools": NO_TOOLS,
    "test_agent_loop": NO_TOOLS,
    "test_unicode_tool_call_integration": NO_TOOLS,
    "test_structured_output_pydantic_2_v1": NO_TOOLS,
    "test_structured_output_optional_param": RAMBLES,
    "test_json_mode": RAMBLES,
    "test_anthropic_inputs": "another vendor's message format, which the Chat Completions API does not have",
    "test_stream_time": "replays a recorded session; here the engine is real and nothing is recorded",
}
"""Standard tests that ask for more than SmolLM2-135M can do, or for something else than this API. They fail
alike on the engine without the gateway. Everything else runs."""

# The openai package warns about its own generic type when LangChain prints a parsed answer; LangChain keeps
# clients of its own that nobody closes.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Pydantic serializer warnings:UserWarning"),
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
]


class OnTheRoad:
    """Points a suite at the gateway, with HTTP clients that end with each test."""

    @pytest_asyncio.fixture(autouse=True)
    async def _on_the_road(self, road: Road) -> AsyncIterator[None]:
        self.road = road
        with httpx2.Client() as client:
            async with httpx2.AsyncClient() as async_client:
                self.http = {"http_client": client, "http_async_client": async_client}
                yield

    def params(self, **more: Any) -> dict[str, Any]:
        road = self.road
        return {"model": road.model, "base_url": road.base_url, "api_key": road.key, **self.http, **more}


class TestChat(OnTheRoad, ChatModelIntegrationTests):
    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatOpenAI

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return self.params(seed=1, stream_usage=True)  # off by default where base_url is not OpenAI's

    @property
    def standard_chat_model_params(self) -> dict[str, Any]:
        return {"temperature": 0, "max_tokens": 100, "timeout": 60, "max_retries": 2}

    @property
    def model_override_value(self) -> str:
        return self.road.fake_model

    @property
    def supports_json_mode(self) -> bool:
        return True


class TestEmbeddings(OnTheRoad, EmbeddingsIntegrationTests):
    @property
    def embeddings_class(self) -> type[Embeddings]:
        return OpenAIEmbeddings

    @property
    def embedding_model_params(self) -> dict[str, Any]:
        return self.params(check_embedding_ctx_length=False)


def test_the_list_of_deselected_names_is_current() -> None:
    """A name that the suite no longer has would hide nothing, and mislead whoever reads the list."""
    offered = {name for name in dir(TestChat) if name.startswith("test_")}
    assert set(DESELECTED) <= offered
