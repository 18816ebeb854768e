"""Overspends and ways around a budget that users of other gateways reported, on the road: one gateway, a
tenant for each thread (docs/threads.md)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
import pytest_asyncio

from gateway.tenants import make_key
from tests.e2e.place import ADMIN_KEY, Place, get, running
from tests.fakes.client import Answer, post

pytestmark = pytest.mark.asyncio(loop_scope="module")

RATES = [
    {"model": "good", "input": 0, "output": 10_000},
    {"model": "large", "input": 0, "output": 0},
    {"model": "failing", "input": 0, "output": 0},
]
"""A token of output is a cent, and nothing on the other models: there only limits on tokens count."""
EACH_KEY = {"name": "each-key", "usd": 5, "each": "key"}
MESSAGES = [{"role": "user", "content": "hi"}]
KEYS = {
    name: make_key()
    for name in ("capped", "beside", "paths", "purse", "team", "leaver", "minute", "unsaid", "new")
}


def key_of(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "hash": KEYS[name][1], **more}


def tenants() -> dict[str, Any]:
    return {
        "capped": {
            "keys": [key_of("capped"), key_of("beside")],
            "budgets": [{"name": "capped", "usd": "0.05", "key": "capped"}],
        },
        "paths": {"keys": [key_of("paths")], "budgets": [{"name": "paths", "tokens": 300}]},
        "purse": {
            "keys": [key_of("purse"), key_of("team", tags={"team": "search"})],
            "budgets": [
                {"name": "purse", "usd": "0.05", "key": "purse"},
                {"name": "searching", "usd": "0.05", "tag": {"team": "search"}},
            ],
        },
        "leaver": {"keys": [key_of("leaver")], "budgets": [{"name": "leaver", "usd": 5}]},
        "minute": {"keys": [key_of("minute")], "limits": {"tokens_per_minute": 10_000}},
        "unsaid": {"keys": [key_of("unsaid")], "limits": {"tokens_per_minute": 10_000}},
        "new": {"keys": [key_of("new")]},
    }


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    settings = {
        "rates": RATES,
        "cache": {"exact": False},
        "tenants": tenants(),
        "budgets": [EACH_KEY],
        "models": {"falls": {"tiers": ["failing"], "fallback": ["large"]}},
    }
    async with running(tmp_path_factory.mktemp("threads"), **settings) as place:
        yield place


async def say(place: Place, key: str, tokens: int, *, model: str = "good", **more: Any) -> Answer:
    """`key`: its name here, or itself."""
    key = KEYS[key][0] if key in KEYS else key
    more = {"max_tokens": tokens, "fault": f"say-{tokens}-1", **more}
    answer: Answer = await place.chat(model, "hi", key=key, **more)
    return answer


async def standing(
    place: Place, name: str, counter: str | None = None, *, above_nanos: int = -1
) -> dict[str, Any]:
    """Once nothing of it is reserved any more, and more is spent than that."""
    async with asyncio.timeout(5):
        while True:
            shown = (await get(place, "/admin/budgets", ADMIN_KEY)).json()["data"]
            (found,) = [it for it in shown if it["name"] == name and counter in (None, it["counter"])]
            if found["reserved_nanos"] == 0 and found["spent_nanos"] > above_nanos:
                return dict(found)
            await asyncio.sleep(0.05)


def code(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.json()["error"]["code"]


async def test_litellm_23714_a_key_stops_at_its_budget_and_no_other_does(place: Place) -> None:
    """litellm#23714: an API key had a budget, and requests went on after it was used up."""
    for _ in range(5):
        assert (await say(place, "capped", 1)).status == 200
    for _ in range(3):
        refused = await say(place, "capped", 1)
        assert code(refused) == (402, "budget_exceeded")
        assert "'capped'" in refused.json()["error"]["message"]
    assert (await standing(place, "capped"))["spent"] == "0.05"
    assert (await say(place, "beside", 1)).status == 200


async def test_bifrost_2873_every_way_to_a_provider_meets_the_budget(place: Place) -> None:
    """bifrost#2873: pass-through endpoints went around budgets."""
    base, key = place.gateway.base_url, KEYS["paths"][0]
    assert (await say(place, "paths", 400, max_tokens=1)).status == 200  # the upstream says more than allowed
    bodies: list[tuple[str, dict[str, Any]]] = [
        ("/chat/completions", {"model": "good", "messages": MESSAGES, "max_tokens": 1}),
        ("/completions", {"model": "good", "prompt": "hi", "max_tokens": 1}),
        ("/embeddings", {"model": "good", "input": "hi"}),
    ]
    arrived = len(place.upstream.witness.arrivals)
    for path, body in bodies:
        for stream in (False, True) if path != "/embeddings" else (False,):
            for root in (base, base.removesuffix("/v1")):
                asked = {**body, "stream": True} if stream else body
                assert code(await post(root + path, asked, key=key)) == (402, "budget_exceeded"), path
    assert len(place.upstream.witness.arrivals) == arrived


async def test_litellm_11083_nothing_that_a_client_sends_leads_around_its_budget(place: Place) -> None:
    """litellm#11083: another end-user header was another budget."""
    assert (await say(place, "purse", 5)).status == 200
    assert (await say(place, "team", 5)).status == 200
    claims: list[dict[str, str]] = [
        {"x-weir-tags": "team=ads"},
        {"x-weir-tags": "team=ads,user=other"},
        {"x-weir-tenant": "new", "x-weir-project": "other", "x-weir-key": "beside"},
        {"x-litellm-end-user-id": "other", "x-user-id": "other", "user": "other"},
        {"openai-organization": "new", "openai-project": "other"},
        {"x-api-key": KEYS["new"][0]},
    ]
    for headers in claims:
        for key in ("purse", "team"):
            asked: dict[str, Any] = {
                "headers": headers,
                "user": "other",
                "metadata": {"tenant": "new", "team": "ads"},
            }
            assert code(await say(place, key, 1, **asked)) == (402, "budget_exceeded"), headers
    assert (await say(place, "new", 1)).status == 200


async def leave_in_the_middle(place: Place, path: str, body: dict[str, Any], key: str) -> None:
    """After the fifth event of a stream."""
    data = orjson.dumps(body)
    head = (
        f"POST /v1{path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(data)}\r\n\r\n"
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", place.gateway.port)
    writer.write(head.encode() + data)
    received = b""
    async with asyncio.timeout(5):
        while received.count(b"data: ") < 5:
            received += (more := await reader.read(65_536))
            assert more, received
    writer.close()


@pytest.mark.parametrize("path", ["/chat/completions", "/completions"])
async def test_litellm_14457_a_stream_that_its_client_leaves_is_charged(place: Place, path: str) -> None:
    """litellm#14457, PR#30522, PR#30630, PR#33736, PR#37558: what was spent until the client left was lost,
    on one endpoint after the other."""
    before = await standing(place, "leaver")
    body = {"model": "good", "stream": True, "max_tokens": 90, "fault": "slow-500-10"}
    body |= {"prompt": "hi"} if path == "/completions" else {"messages": MESSAGES}
    await leave_in_the_middle(place, path, body, KEYS["leaver"][0])
    after = await standing(place, "leaver", above_nanos=before["spent_nanos"])
    assert after["spent_nanos"] - before["spent_nanos"] >= 50_000_000  # a cent for each piece at the least
    usage = (await get(place, "/v1/usage", KEYS["leaver"][0])).json()
    assert float(usage["totals"]["cost_usd"]) == float(after["spent"])


async def test_litellm_40050_what_refuses_is_what_is_recorded(place: Place) -> None:
    """litellm#40050: $111 were enforced where $55 had been spent."""
    for tokens in (3, 4, 5):
        assert (await say(place, "beside", tokens, max_tokens=60, stream=tokens == 4)).status == 200
    shown = await standing(place, "each-key", "key capped/beside")
    usage = (await get(place, "/v1/usage", KEYS["beside"][0])).json()
    assert float(usage["totals"]["cost_usd"]) == float(shown["spent"]) > 0.11
    refused = await say(place, "beside", 499)
    assert f"spent {shown['spent']} USD, reserved 0.00 USD" in refused.json()["error"]["message"]


async def test_envoy_1866_a_limit_on_tokens_holds_across_fallbacks_and_streams(place: Place) -> None:
    """envoyproxy/ai-gateway#1866, #2394: limits on tokens were silently not applied."""
    fell = await place.chat("falls", "hi", key=KEYS["minute"][0], max_tokens=500)
    assert (fell.status, fell.headers["x-weir-model"]) == (200, "large")
    arrived = len(place.upstream.witness.arrivals)
    for more in ({}, {"stream": True}):
        refused = await say(place, "minute", 10, model="falls", max_tokens=20_000, **more)
        assert code(refused) == (429, "rate_limit_exceeded")
    assert len(place.upstream.witness.arrivals) == arrived
    streamed = await say(place, "minute", 9_000, model="falls", max_tokens=100, stream=True)
    assert (streamed.status, streamed.events()[-1]) == (200, b"[DONE]")
    for model in ("falls", "large"):
        refused = await say(place, "minute", 10, model=model, max_tokens=1_000)
        assert code(refused) == (429, "rate_limit_exceeded")
        assert int(refused.headers["retry-after"]) >= 1


async def test_tensorzero_3648_limits_on_tokens_serve_requests_without_max_tokens(place: Place) -> None:
    """tensorzero#3648: limits on tokens made `max_tokens` compulsory."""
    answer = await place.chat("large", "hi", key=KEYS["unsaid"][0])
    assert answer.status == 200
    assert int(answer.headers["x-ratelimit-remaining-tokens"]) < 10_000


async def test_agentgateway_2171_a_key_made_at_run_time_has_its_budget_at_once(place: Place) -> None:
    """agentgateway#2171: budgets per user for keys that are made at run time."""
    root = place.gateway.base_url.removesuffix("/v1")
    assert (await post(f"{root}/admin/tenants", {"name": "made"}, key=ADMIN_KEY)).status in (200, 201)
    answer = await post(f"{root}/admin/keys", {"tenant": "made", "name": "k"}, key=ADMIN_KEY)
    key = answer.json()["key"]
    answers = await asyncio.gather(*(say(place, key, 75) for _ in range(20)))
    served = [answer.status for answer in answers].count(200)
    assert 1 <= served <= 6
    assert {answer.status for answer in answers} == {200, 402}
    assert (await standing(place, "each-key", "key made/k"))["spent_nanos"] == served * 750_000_000
