"""Which answers are compared, and that a full queue, a defect or a stop is nobody else's matter."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import BudgetExceeded, UpstreamError
from gateway.exchange import Tried
from gateway.gain_models import gain_model
from gateway.metrics import Metrics
from gateway.quality import shadow
from gateway.quality.house import HouseAnswer
from gateway.quality.shadow import MAX_BODY_BYTES, Shadow, sampled
from gateway.services import Services
from metering.ledger import LedgerUnavailable
from metering.quality.rows import VerdictRow
from router.decision import Choice, Decision
from tests.fakes.calls import chat_call
from tests.unit.test_config_quality import snapshot

ANSWER = {"choices": [{"message": {"content": "four"}}]}


def answer_of(text: str) -> HouseAnswer:
    return HouseAnswer({"choices": [{"message": {"content": text}}]}, 30)


class House:
    """A shadow over models that answer what the test says, and a ledger that may be away."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.rows: list[VerdictRow] = []
        self.metrics = Metrics()
        self.answers: list[Any] = []
        self.away = False
        self.asked = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.shadow = Shadow(self._write, lambda model, request: f"{model.version} {request.tenant}".encode())
        clock = SimpleNamespace(wall_ns=lambda: 1_767_225_600_000_000_000)
        self.services = cast(Services, SimpleNamespace(metrics=self.metrics, clock=clock))
        monkeypatch.setattr(shadow, "ask_again", self._ask)
        self.shadow.begin(self.services)

    async def _write(self, row: VerdictRow) -> None:
        if self.away:
            raise LedgerUnavailable("away")
        self.rows.append(row)

    async def _ask(self, *given: Any) -> HouseAnswer:
        self.asked += 1
        await self.gate.wait()
        found = self.answers.pop(0) if self.answers else answer_of("four")
        if isinstance(found, Exception):
            raise found
        return cast(HouseAnswer, found)

    def offer(self, settings: dict[str, Any], *, tier: str = "small", number: int = 1, **fields: Any) -> None:
        compiled = snapshot({"share": 1, "exact": ["text"], "usd_per_day": 1, **settings})
        tiers = compiled.routes["auto"].tiers
        served = next(each[0] for each in tiers if each[0].tier == tier)
        call = chat_call(**fields)._replace(request_id=f"req_{number}")
        choices = tuple(Choice(each[0], None) for each in tiers)
        exchange = SimpleNamespace(
            snapshot=compiled, call=call, caller=SimpleNamespace(tenant="acme", project="site")
        )
        tried = SimpleNamespace(
            exchange=exchange,
            decision=Decision("auto", choices, "gain:0.1<0.2", {}, 5, 0.1, 0.2, True, "m1"),
            candidate=served,
            event_id="E1",
        )
        self.shadow.offer(cast(Tried, tried), lambda: ANSWER)

    async def settle(self) -> None:
        while self.shadow._running:
            await asyncio.gather(*self.shadow._running)
            await asyncio.sleep(0)

    def counted(self, result: str) -> float:
        found = self.metrics.registry.get_sample_value(
            "weir_comparisons_total", {"route": "auto", "result": result}
        )
        return found or 0.0


@pytest.fixture
async def house(monkeypatch: pytest.MonkeyPatch) -> House:
    return House(monkeypatch)


async def test_a_row_says_which_tier_served_and_what_the_decision_was(house: House) -> None:
    house.offer({}, tier="large")
    await house.settle()
    (row,) = house.rows
    assert (row.served, row.served_tier, row.other_tier) == ("large", "large", "small")
    assert (row.gain, row.threshold, row.known, row.model_version) == (0.1, 0.2, 1, "m1")
    read = f"{gain_model(None).version} acme".encode()
    assert (row.verdict, row.method, row.cost_nanos, row.reading) == ("tie", "text", 30, read)


@pytest.mark.parametrize(
    ("settings", "more"),
    [({"tenants": ["acme"], "routes": ["auto"], "share": 0.000001}, {}), ({"tenants": []}, {})],
)
async def test_who_is_not_in_the_sample_is_not_asked(
    house: House, settings: dict[str, Any], more: dict[str, Any]
) -> None:
    house.offer(settings, **more)
    await house.settle()
    assert (house.asked, house.rows) == (0, [])


async def test_what_finds_no_room_is_dropped_and_counted(house: House) -> None:
    house.gate.clear()
    for number in range(5):
        house.offer({"concurrency": 1, "queue": 2}, number=number)
    await asyncio.sleep(0)
    assert (house.asked, house.counted("dropped")) == (1, 2.0)
    house.gate.set()
    await house.settle()
    assert (len(house.rows), house.counted("tie")) == (3, 3.0)


async def test_a_body_that_is_too_large_is_not_kept(house: House) -> None:
    house.offer({}, messages=[{"role": "user", "content": "x" * MAX_BODY_BYTES}])
    assert (house.asked, house.counted("too_large")) == (0, 1.0)


@pytest.mark.parametrize(
    ("failure", "result"),
    [
        (UpstreamError("down"), "failed"),
        (BudgetExceeded("spent"), "refused"),
        (RuntimeError("a defect"), "failed"),
    ],
)
async def test_failures_are_counted_and_the_next_goes_on(
    house: House, failure: Exception, result: str
) -> None:
    house.answers = [failure]
    house.offer({"concurrency": 1})
    house.offer({"concurrency": 1}, number=2)
    await house.settle()
    assert (house.counted(result), len(house.rows)) == (1.0, 1)


async def test_a_ledger_that_is_away_loses_the_row_and_says_so(house: House) -> None:
    house.away = True
    house.offer({})
    await house.settle()
    assert (house.counted("unwritten"), house.rows) == (1.0, [])


async def test_stopping_ends_all_of_it_at_once(house: House) -> None:
    house.gate.clear()
    for number in range(4):
        house.offer({"concurrency": 1}, number=number)
    await asyncio.sleep(0)
    await house.shadow.stop()
    house.offer({}, number=9)
    assert (house.asked, house.rows) == (1, [])


def ids() -> Iterator[str]:
    return (f"req_01KAQ{number:021d}" for number in range(20_000))


def test_a_sample_has_its_share_and_is_the_same_everywhere() -> None:
    chosen = [each for each in ids() if sampled(each, 0.02)]
    assert 300 <= len(chosen) <= 500
    assert chosen == [each for each in ids() if sampled(each, 0.02)]


@given(st.text(max_size=40), st.floats(0, 1), st.floats(0, 1))
def test_a_larger_share_holds_the_smaller_one(request_id: str, one: float, other: float) -> None:
    if sampled(request_id, min(one, other)):
        assert sampled(request_id, max(one, other))
