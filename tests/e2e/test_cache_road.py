"""The cache's tiers, its bound, purging and pairs over real sockets: the upstream counts what was bought."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest

from gateway.tenants import make_key
from tests.fakes.client import Answer, post
from tests.fakes.gateway_process import GatewayProcess
from tests.fakes.upstream import FakeUpstream
from tests.redis_server import server as redis_server

ADMIN = "weir-admin-" + "x7Kq9" * 8
TENANTS = ("one", "two", "three")
KEYS = {name: make_key() for name in TENANTS}
ASKED = "How do I learn to play the guitar?"
ALIKE = (
    "How could I learn to play guitar?",
    "What is the easiest way to learn guitar?",
    "What should I do to learn guitar?",
)


def config(ledger: Path, upstream: str, **changes: Any) -> dict[str, Any]:
    return {
        "ledger": f"sqlite:///{ledger}",
        "admin_key": ADMIN,
        "backends": {
            "fake": {
                "kind": "openai",
                "url": upstream,
                "models": {"m": "fake/ok", "big": "fake/ok", "slow": "fake/slow-5-100"},
                "health": {"every": 0},
            }
        },
        "models": {
            "auto": {"tiers": ["m", "big"]},
            "alike": {"tiers": ["m", "big"], "cache": {"semantic": semantic()}},
            "faq": {"tiers": ["m"], "cache": {"semantic": faq()}},
        },
        "tenants": {name: {"keys": [{"name": "k", "hash": KEYS[name][1]}]} for name in TENANTS},
        "rates": [{"model": name, "input": 1, "output": 2} for name in ("m", "big", "slow")],
        **changes,
    }


def semantic(**changes: Any) -> dict[str, Any]:
    """Bears out its promise after a few audits, so that a test can see it armed."""
    return {"wrong_hits_at_most": 0.5, "threshold": 0.01, "audit": 0.000001, **changes}


def faq() -> dict[str, Any]:
    return {"trust": "curated", "regime": "intent", "threshold": 0.05}


@dataclass(frozen=True)
class House:
    gateway: GatewayProcess
    upstream: FakeUpstream

    async def ask(
        self,
        text: str,
        model: str = "m",
        *,
        tenant: str = "one",
        headers: Mapping[str, str] | None = None,
        **fields: Any,
    ) -> Answer:
        body = {"model": model, "messages": [{"role": "user", "content": text}], **fields}
        url = f"{self.gateway.base_url}/chat/completions"
        answer = await post(url, body, key=KEYS[tenant][0], headers=headers)
        assert answer.status == 200, answer.body
        return answer

    async def manage(self, path: str, body: Mapping[str, Any] | None = None, expect: int = 200) -> Any:
        url = f"{self.gateway.base_url.removesuffix('/v1')}/admin/{path}"
        method = "GET" if body is None else "POST"
        answer = await post(url, body or b"", key=ADMIN, method=method)
        assert answer.status == expect, answer.body
        return answer.json()

    @property
    def bought(self) -> int:
        return len(self.upstream.witness.arrivals)


def cached(answer: Answer) -> str:
    return answer.headers["x-weir-cache"]


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with FakeUpstream() as upstream:
        with GatewayProcess(config(tmp_path / "ledger.db", upstream.base_url), tmp_path) as gateway:
            yield House(gateway, upstream)


async def test_the_same_words_and_the_same_question_in_other_words(house: House) -> None:
    assert cached(await house.ask(ASKED)) == "miss"
    assert cached(await house.ask(ASKED)) == "exact"
    assert cached(await house.ask("how can I learn to play the guitar")) == "canonical"
    assert cached(await house.ask("how can I learn to play the piano")) == "miss"
    assert cached(await house.ask(ASKED, temperature=0.7)) == "bypass"
    for passing in ("What is new today?", "Write to a@b.example"):
        assert [cached(await house.ask(passing)) for _ in range(2)] == ["miss", "miss"]
    assert house.bought == 7

    streamed = await house.ask(ASKED, stream=True)
    assert (cached(streamed), streamed.events()[-1]) == ("exact", b"[DONE]")
    slowly = await house.ask(ASKED, stream=True, headers={"x-weir-replay": "natural"})
    assert len(slowly.events()) > len(streamed.events())
    assert _text(slowly) == _text(streamed)
    assert house.bought == 7


def _text(answer: Answer) -> str:
    chunks = [orjson.loads(event) for event in answer.events()[:-1]]
    return "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks if chunk["choices"])


async def test_tenants_never_meet(house: House) -> None:
    await house.ask(ASKED, tenant="one")
    forged = {"x-weir-tags": "tenant=one", "x-weir-tenant": "one", "x-weir-project": "one"}
    for tenant, text in (("two", ASKED), ("three", "how can I learn to play the guitar")):
        assert cached(await house.ask(text, tenant=tenant, headers=forged, user="one")) == "miss"


async def test_hits_by_meaning_wait_for_audits(house: House) -> None:
    """What would be served is compared with the fresh answer until the bound holds."""
    assert cached(await house.ask(ASKED, "alike")) == "miss"
    served = []
    for number in range(12):
        fresh = {"messages": [{"role": "system", "content": f"{number}"}, {"role": "user", "content": ASKED}]}
        await house.ask(ASKED, "alike", **fresh)
        for text in ALIKE:
            turns = [{"role": "system", "content": f"{number}"}, {"role": "user", "content": text}]
            answer = await house.ask(text, "alike", messages=turns)
            served.append(cached(answer))
            if served[-1] == "semantic":
                assert 0.0 <= float(answer.headers["x-weir-cache-score"]) <= 1.0
    assert served[0] == "miss"
    assert "semantic" in served
    first = served.index("semantic")
    assert "miss" in served[:first]
    (bound,) = (await house.manage("cache"))["bounds"]
    assert (bound["route"], bound["tenant"], bound["phase"]) == ("alike", "one", "armed")
    assert bound["bound"] <= bound["promise"] == 0.5
    assert bound["audited"] >= 3
    assert bound["wrong"] == 0
    assert cached(await house.ask(ALIKE[0], "alike", tenant="two")) == "miss"


async def test_a_second_opinion_may_forbid_a_hit_and_is_metered(tmp_path: Path) -> None:
    """The fake's embeddings of different texts are far apart, so it never agrees."""
    async with FakeUpstream() as upstream:
        told = config(tmp_path / "ledger.db", upstream.base_url)
        told["models"]["alike"]["cache"]["semantic"]["second"] = {"embeddings": "m", "at_least": 0.999}
        with GatewayProcess(told, tmp_path) as gateway:
            house = House(gateway, upstream)
            for text in (ASKED, *ALIKE):
                assert cached(await house.ask(text, "alike")) == "miss"
            assert (await house.manage("cache"))["bounds"] == []
            rows = (await house.manage("reports/usage?group_by=tenant,key"))["data"]
            asked = [row for row in rows if row["tenant"] == "weir-quality"]
            assert [row["key"] for row in asked] == ["cache-second"]


async def test_purging_is_by_id_tenant_and_route_and_on_record(house: House) -> None:
    hits = {}
    for tenant in ("one", "two"):
        for model in ("m", "auto"):
            await house.ask(ASKED, model, tenant=tenant)
            hits[tenant, model] = (await house.ask(ASKED, model, tenant=tenant)).headers["x-weir-cache-id"]
    done = await house.manage("cache/purge", {"id": hits["one", "m"]})
    assert (done["dropped"], done["acknowledged"]) == (1, True)
    assert cached(await house.ask(ASKED, "m", tenant="one")) == "miss"
    assert cached(await house.ask(ASKED, "auto", tenant="one")) == "exact"
    await house.manage("cache/purge", {"route": "auto", "tenant": "one"})
    assert cached(await house.ask(ASKED, "auto", tenant="one")) == "miss"
    assert cached(await house.ask(ASKED, "auto", tenant="two")) == "exact"
    await house.manage("cache/purge", {"all": True})
    assert cached(await house.ask(ASKED, "auto", tenant="two")) == "miss"
    for nonsense in ({}, {"all": True, "tenant": "one"}, {"id": "x", "tenant": "one"}):
        await house.manage("cache/purge", nonsense, expect=400)
    rows = (await house.manage("audit?action=cache"))["data"]
    assert [row["action"] for row in rows[:3]] == ["cache.purge"] * 3


async def test_a_curated_route_answers_from_its_own_pairs(house: House) -> None:
    pairs = [{"prompt": ASKED, "answer": "Practise every day."}]
    assert (await house.manage("cache/seeds", {"route": "faq", "pairs": pairs}))["kept"] == 1
    await house.manage("cache/seeds", {"route": "auto", "pairs": pairs}, expect=400)
    answers = [
        await house.ask(text, "faq", tenant=tenant) for text in (ASKED, ALIKE[0]) for tenant in TENANTS
    ]
    assert [cached(answer) for answer in answers] == ["canonical"] * 3 + ["semantic"] * 3
    said = {answer.json()["choices"][0]["message"]["content"] for answer in answers}
    assert said == {"Practise every day."}
    assert house.bought == 0
    turns = [
        {"role": "user", "content": "I play the drums."},
        {"role": "assistant", "content": "Good."},
        {"role": "user", "content": ASKED},
    ]
    assert cached(await house.ask("", "faq", messages=turns)) == "miss", "a conversation is not its last turn"


async def test_identical_requests_at_once_are_bought_once(house: House) -> None:
    answers = await asyncio.gather(*(house.ask(ASKED, "slow") for _ in range(20)))
    assert house.bought == 1
    assert sorted(map(cached, answers)) == ["exact"] * 19 + ["miss"]
    others = await asyncio.gather(*(house.ask(ASKED, "slow", tenant=name) for name in TENANTS))
    assert sorted(map(cached, others)) == ["exact", "miss", "miss"]


async def test_a_group_shares_only_among_those_that_opted_in(tmp_path: Path) -> None:
    tenants = {
        name: {"keys": [{"name": "k", "hash": KEYS[name][1]}], **opted}
        for name, opted in zip(TENANTS, ({"cache_group": "lab"}, {"cache_group": "lab"}, {}), strict=True)
    }
    cache = {"share": "group:lab", "groups": {"lab": {"tenants": list(TENANTS)}}}
    async with FakeUpstream() as upstream:
        told = config(tmp_path / "ledger.db", upstream.base_url, tenants=tenants, cache=cache)
        with GatewayProcess(told, tmp_path) as gateway:
            house = House(gateway, upstream)
            assert cached(await house.ask(ASKED, tenant="one")) == "miss"
            assert cached(await house.ask(ASKED, tenant="two")) == "exact"
            assert cached(await house.ask(ASKED, tenant="three")) == "miss"


async def test_two_gateways_share_one_redis_and_what_is_purged_is_gone_from_both(tmp_path: Path) -> None:
    async with FakeUpstream() as upstream:
        with redis_server() as redis:
            folders = [tmp_path / "a", tmp_path / "b"]
            for folder in folders:
                folder.mkdir()
            told = [
                config(
                    folder / "ledger.db", upstream.base_url, state=redis.url, cache={"semantic": semantic()}
                )
                for folder in folders
            ]
            with GatewayProcess(told[0], folders[0]) as first, GatewayProcess(told[1], folders[1]) as second:
                houses = [House(first, upstream), House(second, upstream)]
                assert cached(await houses[0].ask(ASKED)) == "miss"
                await _until(lambda: _is(houses[1], ASKED, "exact"))
                assert cached(await houses[1].ask("how do I learn to play the guitar")) == "canonical"
                bought = houses[0].bought
                done = await houses[1].manage("cache/purge", {"tenant": "one"})
                assert done["acknowledged"]
                assert cached(await houses[0].ask(ASKED)) == "miss"
                assert houses[0].bought == bought + 1


async def _is(house: House, text: str, tier: str) -> bool:
    return cached(await house.ask(text)) == tier


async def _until(true: Any, times: int = 50) -> None:
    """What another process wrote arrives within milliseconds."""
    for _ in range(times):
        if await true():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it never became so")
