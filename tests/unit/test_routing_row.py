"""What a router chose by, on its way into a row: also of an attempt whose end nobody saw."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.config import GatewaySettings
from gateway.opening import interrupted_row
from gateway.routing_row import routing_of
from gateway.snapshot import Snapshot, compile_snapshot
from metering.catalogue import EmptyCatalogue
from metering.event import Routing
from metering.outcome import Outcome
from metering.rows import from_row
from router.decision import Decision
from tests.unit.routing import request

OPENED: list[Any] = [
    *("req_1", 1, 1_767_225_600_000_000, "acme", "CC-1", "site", "web", "{}", "chat.completions", "auto"),
    *("auto", "small", "gain:0.12<0.20", "gone", "gone", False, False, 40, 16, "miss"),
]
"""As a release without routing wrote it."""


@pytest.fixture(scope="module")
def snapshot() -> Snapshot:
    backend = {"kind": "openai", "url": "http://127.0.0.1:1/v1", "models": {"m": "m"}}
    settings = GatewaySettings.model_validate({"backends": {"b": backend}, "unknown_price": "flag"})
    return compile_snapshot(settings, 1, EmptyCatalogue(), date(2026, 1, 1))


def test_a_decision_by_gain_is_kept_in_millionths() -> None:
    decision = Decision("auto", (), "gain", {}, 9, 0.1234567, -0.05, False, "builtin-3")
    asked = request({"messages": [{"role": "user", "content": "x"}], "tools": [{"a": 1}]})
    assert routing_of(decision, asked) == Routing(
        123_457, -50_000, 0, "builtin-3", asked.prompt_tokens, "tools"
    )


def test_what_was_not_asked_is_unknown_and_not_nought() -> None:
    asked = request("Hello")
    assert routing_of(Decision("auto", (), "rule:1", {}), asked) == Routing(
        None, None, None, None, asked.prompt_tokens, ""
    )


@settings(max_examples=50, deadline=None)
@given(st.floats(-1, 1), st.floats(-1, 1))
def test_millionths_keep_which_of_two_is_larger(one: float, other: float) -> None:
    def kept(gain: float) -> int:
        found = routing_of(Decision("auto", (), "", {}, 0, gain, gain, True, "v"), request("x")).gain
        assert found is not None
        return found

    if one < other:
        assert kept(one) <= kept(other)


@pytest.mark.parametrize("routing", [None, Routing(120_000, 200_000, 1, "builtin-1", 40, "tools")])
def test_an_attempt_that_nobody_saw_end_keeps_its_routing(
    snapshot: Snapshot, routing: Routing | None
) -> None:
    event = from_row(interrupted_row(snapshot, "p", "e", [*OPENED, *(routing or ())]))
    assert event.routing == routing
    assert (event.outcome, event.reason, event.cost_nanos) == (Outcome.INTERRUPTED, "gain:0.12<0.20", None)
