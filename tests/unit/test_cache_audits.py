"""Audits of kept answers: what is compared, who is asked, what follows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any, cast

import orjson
import pytest

from cache.base import Entry, EntryKey, PartitionKey
from cache.bound.audit import Kind, promise_of
from cache.bound.compare import Bands
from gateway.caching import audits as module
from gateway.caching.audits import Audits
from gateway.caching.lookup import Found, bound_key_of
from gateway.caching.meaning import Meaning
from gateway.caching.place import Doubt, Place
from gateway.caching.plans import NOTHING_KEPT, SemanticPlan
from gateway.errors import GatewayError, UpstreamError
from gateway.exchange import Exchange
from gateway.metrics import Metrics
from gateway.quality.house import HouseAnswer
from router.decision import Candidate, Choice

PARTITION = PartitionKey(b"p" * 32)
KEYS = (EntryKey(b"verbatim"), EntryKey(b"canonical"))
CANDIDATE = Candidate("m", "b", "small", None, frozenset(), None, None)


def answer(text: str) -> dict[str, Any]:
    return {"choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}]}


def entry(text: str) -> Entry:
    return Entry("hit_1", "t", orjson.dumps(answer(text)), "m", "b", 1, 1, True, 0, 10**18, False)


class Aliases:
    def __init__(self) -> None:
        self.made: list[tuple[PartitionKey, EntryKey, str]] = []

    def alias(self, partition: PartitionKey, key: EntryKey, entry_id: str) -> None:
        self.made.append((partition, key, entry_id))


class House:
    """An exchange that is over, and what the audits do with it."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, *, judge: str | None = None, level: str = "tenant"
    ) -> None:
        self.asked: list[str] = []
        self.fresh: str | GatewayError = ""
        self.verdicts: list[str] = []
        self.audits = Audits("process")
        self.cache = Aliases()
        self.metrics = Metrics()
        meaning = Meaning()
        meaning.load(["strict"])
        self.semantic = SemanticPlan(
            promise_of(0.5), cast(Any, level), "strict", None, 20_000, 0.1, judge, Bands(), curated=False
        )
        plan = NOTHING_KEPT.rest
        plan = type(plan)(True, True, self.semantic, plan.exclusions, 1, 0, 1, 0.0, False)
        self.place = Place(plan, PARTITION, KEYS, 0, "How?")
        services = SimpleNamespace(
            meaning=meaning,
            metrics=self.metrics,
            audits=self.audits,
            cache=self.cache,
            cache_secret=b"s" * 32,
        )
        call = SimpleNamespace(model="auto", fields={"messages": [{"role": "user", "content": "How?"}]})
        nothing, caller = cast(Any, None), SimpleNamespace(tenant="t")
        self.exchange = Exchange(
            cast(Any, services), nothing, nothing, cast(Any, caller), cast(Any, call), nothing
        )
        monkeypatch.setattr(module, "ask_again", self._ask_again)
        monkeypatch.setattr(module, "ask_judge", self._ask_judge)

    async def _ask_again(
        self, services: Any, snapshot: Any, fields: Any, choices: Any, route: str, purpose: str
    ) -> HouseAnswer:
        self.asked.append(purpose)
        if isinstance(self.fresh, GatewayError):
            raise self.fresh
        return HouseAnswer(answer(self.fresh), 5)

    async def _ask_judge(
        self,
        services: Any,
        snapshot: Any,
        model: str,
        messages: Sequence[Mapping[str, str]],
        route: str,
        purpose: str,
    ) -> HouseAnswer:
        self.asked.append(purpose)
        return HouseAnswer(answer(self.verdicts.pop(0)), 1)

    def counts(self) -> dict[tuple[str, str], int]:
        return {
            (str(row["kind"]), str(row["outcome"])): int(row["count"]) for row in self.metrics.cache_audits()
        }

    async def settle(self) -> None:
        while self.audits._running:
            await next(iter(self.audits._running))

    def doubt(self, kind: Kind, kept: str, fresh: str) -> None:
        self.audits.compare(self.exchange, self.place, Doubt(kind, entry(kept)), answer(fresh))

    async def again(self, kept: str, fresh: str | GatewayError) -> None:
        self.fresh = fresh
        found = Found(entry(kept), "semantic", 0.9, audited=True)
        self.audits.again(self.exchange, self.place, found, lambda: (Choice(CANDIDATE, None),))
        await self.settle()

    def status(self) -> dict[str, Any]:
        key = bound_key_of(self.exchange, self.place, self.semantic)
        self.audits.armed(self.exchange, key, self.semantic)
        (bound,) = self.audits.bounds()
        return bound


async def test_a_fresh_answer_at_hand_is_compared_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(monkeypatch)
    house.doubt(Kind.SHADOW, "Paris.", "paris")
    house.doubt(Kind.SHADOW, "Yes.", "No.")
    house.doubt(Kind.GREY, "42", "42")
    assert house.counts() == {("shadow", "same"): 1, ("shadow", "different"): 1, ("grey", "same"): 1}
    assert house.asked == []
    status = house.status()
    assert (status["audited"], status["wrong"], status["grey_audited"]) == (2, 1, 1)


async def test_audits_arm_and_a_wrong_pair_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(monkeypatch)
    key = bound_key_of(house.exchange, house.place, house.semantic)
    assert not house.audits.armed(house.exchange, key, house.semantic)
    for _ in range(30):
        house.doubt(Kind.SHADOW, "Paris.", "Paris.")
    assert house.audits.armed(house.exchange, key, house.semantic)
    assert not house.audits.is_wrong(KEYS, "hit_1")
    house.doubt(Kind.SHADOW, "Yes.", "No.")
    assert house.audits.is_wrong(KEYS, "hit_1")
    assert not house.audits.is_wrong(KEYS, "hit_2")


async def test_a_served_hit_is_answered_again_and_a_confirmed_one_becomes_an_alias(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    house = House(monkeypatch)
    await house.again("Paris.", "paris")
    assert house.asked == ["cache-audit"]
    assert house.counts() == {("served", "same"): 1}
    assert house.cache.made == [(PARTITION, KEYS[-1], "hit_1")]
    await house.again("Yes.", "No.")
    assert len(house.cache.made) == 1
    assert house.status()["wrong"] == 1


async def test_what_cannot_be_asked_is_no_audit(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(monkeypatch)
    await house.again("Paris.", UpstreamError("away"))
    house.audits.again(house.exchange, house.place, Found(entry("x"), "semantic"), tuple)
    assert house.counts() == {("served", "failed"): 2}
    assert house.status()["audited"] == 0


@pytest.mark.parametrize(
    ("verdicts", "outcome"),
    [
        (["[[TIE]]", "[[TIE]]"], "same"),
        (["[[A]]", "[[B]]"], "same"),
        (["[[B]]", "[[A]]"], "different"),
        (["[[A]]", "[[A]]"], "same"),
        (["who knows", "[[A]]"], "unknown"),
    ],
)
async def test_a_judge_settles_what_the_texts_do_not(
    monkeypatch: pytest.MonkeyPatch, verdicts: list[str], outcome: str
) -> None:
    """Asked twice with places swapped: the kept answer is A, then B."""
    house = House(monkeypatch, judge="judge")
    house.verdicts = verdicts
    house.doubt(Kind.SHADOW, "Take the 7 train north.", "Take the 9 train, it is nicer.")
    await house.settle()
    assert house.counts() == {("shadow", outcome): 1}
    assert house.asked == ["cache-judge"] * 2


async def test_without_a_judge_what_nothing_settles_counts_as_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(monkeypatch)
    house.doubt(Kind.SHADOW, "Take the 7 train north.", "Take the 9 train, it is nicer.")
    assert house.counts() == {("shadow", "unknown"): 1}
    assert (house.status()["wrong"], house.status()["unknown"]) == (1, 1)


async def test_what_waits_when_the_gateway_stops_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(monkeypatch)
    await house.audits.stop()
    house.doubt(Kind.SHADOW, "Paris.", "Paris.")
    await house.again("Paris.", "Paris.")
    assert house.counts() == {}
    assert house.asked == []
