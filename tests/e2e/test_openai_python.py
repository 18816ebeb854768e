"""The openai package for Python, as it is published, against the gateway and a real engine."""

from __future__ import annotations

import base64
import struct
import uuid
from collections.abc import AsyncIterator, Iterator

import openai
import pytest
import pytest_asyncio
from openai import AsyncOpenAI, OpenAI
from openai.types.chat import ChatCompletionChunk, ChatCompletionMessageParam

from tests.e2e.road import Road

ULID_LENGTH = 26
HELLO: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Say hello."}]


@pytest.fixture
def client(road: Road) -> Iterator[OpenAI]:
    with OpenAI(base_url=road.base_url, api_key=road.key, max_retries=0) as client:
        yield client


@pytest_asyncio.fixture
async def async_client(road: Road) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=road.base_url, api_key=road.key, max_retries=0) as client:
        yield client


def marked() -> list[ChatCompletionMessageParam]:
    """A prompt that no earlier one equals, and that the failing upstream counts by."""
    return [{"role": "user", "content": f"[id:{uuid.uuid4().hex}]"}]


def text_of(chunks: list[ChatCompletionChunk]) -> str:
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


# Chat


def test_a_chat_answer(client: OpenAI, road: Road) -> None:
    answer = client.chat.completions.create(model=road.model, messages=HELLO, max_tokens=16, temperature=0)
    assert answer.choices[0].message.content
    assert answer.choices[0].finish_reason in {"stop", "length"}
    assert answer.usage is not None
    assert answer.usage.prompt_tokens > 0
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


async def test_a_chat_answer_async(async_client: AsyncOpenAI, road: Road) -> None:
    answer = await async_client.chat.completions.create(model=road.model, messages=HELLO, max_tokens=16)
    assert answer.choices[0].message.content


def test_a_virtual_model_answers(client: OpenAI, road: Road) -> None:
    raw = client.chat.completions.with_raw_response.create(model=road.route, messages=marked(), max_tokens=8)
    assert raw.parse().choices[0].message.role == "assistant"
    assert raw.headers["x-weir-model"] in {road.model, road.fake_model}


def test_a_stream_without_usage_has_none(client: OpenAI, road: Road) -> None:
    chunks = list(
        client.chat.completions.create(model=road.model, messages=marked(), max_tokens=16, stream=True)
    )
    assert text_of(chunks)
    assert all(chunk.choices for chunk in chunks), "a chunk without choices breaks clients that did not ask"
    assert all(chunk.usage is None for chunk in chunks)
    assert chunks[-1].choices[0].finish_reason in {"stop", "length"}


def test_a_stream_with_usage_ends_in_it(client: OpenAI, road: Road) -> None:
    chunks = list(
        client.chat.completions.create(
            model=road.model,
            messages=marked(),
            max_tokens=16,
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    assert text_of(chunks)
    assert chunks[-1].choices == []
    usage = chunks[-1].usage
    assert usage is not None
    assert usage.completion_tokens > 0
    assert usage.model_dump()["cost"] > 0, "the gateway adds what it cost"
    assert all(chunk.usage is None for chunk in chunks[:-1])


async def test_a_stream_async(async_client: AsyncOpenAI, road: Road) -> None:
    stream = await async_client.chat.completions.create(
        model=road.model, messages=marked(), max_tokens=16, stream=True
    )
    chunks = [chunk async for chunk in stream]
    assert text_of(chunks)


async def test_the_stream_helper_accumulates(async_client: AsyncOpenAI, road: Road) -> None:
    """On the answer that always ends by itself: the helper raises for one that its length cut."""
    async with async_client.chat.completions.stream(model=road.fake_model, messages=marked()) as stream:
        kinds = {event.type async for event in stream}
        final = await stream.get_final_completion()
    assert {"chunk", "content.delta", "content.done"} <= kinds
    assert final.choices[0].message.content


def test_n_and_stop_and_seed_and_logprobs_reach_the_engine(client: OpenAI, road: Road) -> None:
    first, again = (
        client.chat.completions.create(
            model=road.model,
            messages=HELLO,
            max_tokens=12,
            seed=7,
            temperature=0.9,
            logprobs=True,
            top_logprobs=2,
            extra_headers={"cache-control": "no-cache"},
        )
        for _ in range(2)
    )
    assert first.choices[0].message.content == again.choices[0].message.content
    assert first.choices[0].logprobs is not None
    tokens = first.choices[0].logprobs.content
    assert tokens
    assert len(tokens[0].top_logprobs) == 2
    counted = client.chat.completions.create(
        model=road.model, messages=[{"role": "user", "content": "Count: 1, 2, 3"}], max_tokens=64, stop=["2"]
    )
    assert "2" not in (counted.choices[0].message.content or "")


def test_a_json_schema_holds(client: OpenAI, road: Road) -> None:
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string", "maxLength": 20}},
        "required": ["city"],
        "additionalProperties": False,
    }
    answer = client.chat.completions.create(
        model=road.model,
        messages=[{"role": "user", "content": "Name the capital of France as JSON."}],
        max_tokens=64,
        response_format={"type": "json_schema", "json_schema": {"name": "city", "schema": schema}},
    )
    content = answer.choices[0].message.content
    assert content is not None
    assert content.strip().startswith("{")
    assert '"city"' in content


def test_a_plain_completion(client: OpenAI, road: Road) -> None:
    answer = client.completions.create(model=road.model, prompt="One, two,", max_tokens=8)
    assert answer.choices[0].text
    assert answer.object == "text_completion"


def test_a_plain_completion_streamed(client: OpenAI, road: Road) -> None:
    stream = client.completions.create(model=road.model, prompt="Three, four,", max_tokens=8, stream=True)
    assert "".join(part.choices[0].text for part in stream if part.choices)


# Embeddings


def test_embeddings_come_as_floats(client: OpenAI, road: Road) -> None:
    answer = client.embeddings.create(model=road.model, input=["river", "wall"], encoding_format="float")
    assert [item.index for item in answer.data] == [0, 1]
    assert len(answer.data[0].embedding) == len(answer.data[1].embedding) > 100
    assert answer.data[0].embedding != answer.data[1].embedding
    assert answer.usage.prompt_tokens > 0


def test_embeddings_come_as_base64_with_the_same_numbers(client: OpenAI, road: Road) -> None:
    floats = client.embeddings.create(model=road.model, input="weir", encoding_format="float")
    raw = client.embeddings.with_raw_response.create(model=road.model, input="weir", encoding_format="base64")
    encoded = raw.http_response.json()["data"][0]["embedding"]
    assert isinstance(encoded, str)
    packed = base64.b64decode(encoded)
    decoded = struct.unpack(f"<{len(packed) // 4}f", packed)
    assert decoded == pytest.approx(floats.data[0].embedding, abs=1e-5)


def test_embeddings_by_default_decode(client: OpenAI, road: Road) -> None:
    """The package asks for base64 by itself and decodes it."""
    answer = client.embeddings.create(model=road.model, input="weir")
    assert isinstance(answer.data[0].embedding[0], float)


def test_embeddings_accept_token_ids(client: OpenAI, road: Road) -> None:
    """What LangChain and others send: ids of OpenAI's encoding, whatever the engine's own is."""
    words = client.embeddings.create(model=road.model, input="hello world", encoding_format="float")
    one = client.embeddings.create(model=road.model, input=[15339, 1917], encoding_format="float")
    many = client.embeddings.create(model=road.model, input=[[15339, 1917], [1917]], encoding_format="float")
    assert one.data[0].embedding == pytest.approx(words.data[0].embedding, abs=1e-3)
    assert len(many.data) == 2


# Models


def test_models_are_those_of_the_key(client: OpenAI, road: Road) -> None:
    listed = {model.id for model in client.models.list()}
    assert {road.model, road.other_name, road.route, road.fake_model} == listed
    assert client.models.retrieve(road.model).id == road.model


def test_an_unknown_model_is_not_there(client: OpenAI, road: Road) -> None:
    for name in ("no-such-model", road.forbidden_model):
        with pytest.raises(openai.NotFoundError):
            client.models.retrieve(name)


# Headers


def test_headers_tell_what_happened(client: OpenAI, road: Road) -> None:
    raw = client.chat.completions.with_raw_response.create(
        model=road.model, messages=marked(), max_tokens=4, temperature=0
    )
    assert len(raw.request_id or "") >= ULID_LENGTH
    assert raw.headers["x-weir-model"] == road.model
    assert raw.headers["x-weir-backend"] == "local"
    assert raw.headers["x-weir-route"]
    assert raw.headers["x-weir-cache"] == "miss"
    assert float(raw.headers["x-weir-overhead-ms"]) >= 0
    assert float(raw.headers["x-weir-cost-usd"]) > 0


def test_the_second_of_two_equal_requests_costs_nothing(client: OpenAI, road: Road) -> None:
    messages = marked()
    first, second = (
        client.chat.completions.with_raw_response.create(model=road.fake_model, messages=messages)
        for _ in range(2)
    )
    assert (first.headers["x-weir-cache"], second.headers["x-weir-cache"]) == ("miss", "exact")
    assert float(first.headers["x-weir-cost-usd"]) > 0
    assert float(second.headers["x-weir-cost-usd"]) == 0
    assert first.request_id != second.request_id
    assert first.parse().choices == second.parse().choices


def test_an_answer_from_the_cache_streams_too(client: OpenAI, road: Road) -> None:
    messages = marked()
    whole = client.chat.completions.create(model=road.fake_model, messages=messages)
    stream = client.chat.completions.create(
        model=road.fake_model, messages=messages, stream=True, stream_options={"include_usage": True}
    )
    assert stream.response.headers["x-weir-cache"] == "exact"
    chunks = list(stream)
    assert chunks[0].choices[0].delta.role == "assistant"
    assert text_of(chunks) == whole.choices[0].message.content
    assert chunks[-1].usage is not None


def test_the_cache_can_be_declined(client: OpenAI, road: Road) -> None:
    messages = marked()
    seen = [
        client.chat.completions.with_raw_response.create(
            model=road.model,
            messages=messages,
            max_tokens=4,
            temperature=0,
            extra_headers={"cache-control": "no-store"},
        ).headers["x-weir-cache"]
        for _ in range(2)
    ]
    assert seen == ["bypass", "bypass"]


# Errors


def test_a_wrong_key_is_an_authentication_error(road: Road) -> None:
    with (
        OpenAI(base_url=road.base_url, api_key="weir-sk-nobodys", max_retries=0) as stranger,
        pytest.raises(openai.AuthenticationError) as caught,
    ):
        stranger.chat.completions.create(model=road.model, messages=HELLO)
    assert caught.value.code == "invalid_api_key"
    assert caught.value.request_id


def test_a_model_that_is_not_there_is_not_found(client: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        client.chat.completions.create(model="no-such-model", messages=HELLO)
    assert caught.value.code == "model_not_found"
    assert caught.value.param == "model"
    assert "no-such-model" in caught.value.message


def test_a_model_of_others_is_denied(client: OpenAI, road: Road) -> None:
    with pytest.raises(openai.PermissionDeniedError) as caught:
        client.chat.completions.create(model=road.forbidden_model, messages=HELLO)
    assert caught.value.code == "model_not_allowed"


def test_a_wrong_type_is_a_bad_request_that_names_the_field(client: OpenAI, road: Road) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model=road.model, messages="not a list")  # type: ignore[arg-type]
    assert caught.value.param == "messages"
    assert isinstance(caught.value.body, dict)
    assert set(caught.value.body) >= {"message", "type", "param", "code"}


def test_what_the_engine_refuses_is_told_in_its_words(client: OpenAI, road: Road) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(
            model=road.model,
            messages=HELLO,
            response_format={"type": "no-such-format"},  # type: ignore[arg-type]
        )
    assert caught.value.message


def test_an_error_on_a_stream_is_typed_too(client: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model="no-such-model", messages=HELLO, stream=True)


def test_an_upstream_error_is_a_server_error(client: OpenAI, road: Road) -> None:
    with pytest.raises(openai.InternalServerError) as caught:
        client.chat.completions.create(
            model=road.fake_model, messages=marked(), extra_body={"fault": "status-500"}
        )
    assert caught.value.status_code in {500, 502, 503}
    assert caught.value.type == "upstream_error"


def test_a_busy_upstream_is_a_rate_limit_error(client: OpenAI, road: Road) -> None:
    with pytest.raises(openai.RateLimitError) as caught:
        client.chat.completions.create(
            model=road.fake_model, messages=marked(), extra_body={"fault": "status-429"}
        )
    assert caught.value.code == "upstream_rate_limited"


def test_an_upstreams_unauthorized_is_not_the_clients(client: OpenAI, road: Road) -> None:
    """The vendor's key is the gateway's: a 401 there must not make a client throw its own key away."""
    with pytest.raises(openai.InternalServerError):
        client.chat.completions.create(
            model=road.fake_model, messages=marked(), extra_body={"fault": "status-401"}
        )


# Retries: the package's own, over a gateway that gives this backend one attempt


def test_the_packages_retries_succeed(client: OpenAI, road: Road) -> None:
    patient = client.with_options(max_retries=2)
    raw = patient.chat.completions.with_raw_response.create(
        model=road.fake_model, messages=marked(), extra_body={"fault": "fail-first-2"}
    )
    assert raw.retries_taken == 2
    assert raw.parse().choices[0].message.content


async def test_the_packages_retries_succeed_async(async_client: AsyncOpenAI, road: Road) -> None:
    patient = async_client.with_options(max_retries=1)
    raw = await patient.chat.completions.with_raw_response.create(
        model=road.fake_model, messages=marked(), extra_body={"fault": "fail-first-1"}
    )
    assert raw.retries_taken == 1
    assert raw.parse().choices[0].message.content


def test_a_bad_request_is_not_retried(client: OpenAI, road: Road) -> None:
    with pytest.raises(openai.BadRequestError):
        client.with_options(max_retries=5).chat.completions.create(
            model=road.model,
            messages=[],
            timeout=5,
        )
