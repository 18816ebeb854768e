"""A cascade over a real engine: log-probabilities that llama.cpp really tells, of a folded answer."""

from __future__ import annotations

from typing import Any

import openai
import pytest

from tests.e2e.road import Road


def ask(road: Road, route: str, **more: Any) -> tuple[str, Any]:
    """(x-weir-route, the choice)."""
    client = openai.OpenAI(base_url=road.base_url, api_key=road.key, max_retries=0)
    answer = client.chat.completions.with_raw_response.create(
        model=route,
        messages=[{"role": "user", "content": "Name a colour."}],
        max_tokens=12,
        temperature=0,
        seed=1,
        **more,
    )
    return answer.headers["x-weir-route"], answer.parse().choices[0]


def test_a_content_route_keeps_what_the_engine_says(road: Road) -> None:
    reason, choice = ask(road, "content")
    assert reason == "small; cascade:sure"
    assert choice.message.content
    assert choice.logprobs is None


def test_a_client_that_asks_for_log_probabilities_has_them(road: Road) -> None:
    reason, choice = ask(road, "content", logprobs=True)
    assert reason == "small; cascade:sure"
    assert all(token.logprob <= 0 for token in choice.logprobs.content)


@pytest.mark.parametrize("stream", [False, True])
def test_a_route_that_trusts_nothing_goes_on(road: Road, stream: bool) -> None:
    if not stream:
        reason, choice = ask(road, "doubting")
        assert reason == "large; cascade:unsure"
        assert choice.message.content.startswith("[id:")
        return
    client = openai.OpenAI(base_url=road.base_url, api_key=road.key, max_retries=0)
    messages: Any = [{"role": "user", "content": "Name a colour."}]
    answer = client.chat.completions.with_raw_response.create(
        model="doubting", messages=messages, max_tokens=12, stream=True
    )
    assert answer.headers["x-weir-route"].endswith(",cascade:stream")
    assert list(answer.parse())
