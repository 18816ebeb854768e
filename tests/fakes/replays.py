"""Two configurations, a router that goes by the gain alone, and rows to replay."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from gateway.config import GatewaySettings
from gateway.replay.again import Decider, Replayed
from gateway.replay.budgets import BudgetReplay
from gateway.replay.gains import RecordedGain
from gateway.replay.replay import Replay
from gateway.replay.tally import Tally
from gateway.snapshot import Snapshot, compile_snapshot
from metering.catalogue import EmptyCatalogue
from metering.event import Event, Routing
from metering.replay_read import Recorded
from router.cost import with_costs
from router.decision import Decision, Route, RouteRequest
from router.gain import Gain
from router.rules import first_match
from tests.fakes.events import make_event

VERSION = "fake-1"
TODAY = date(2026, 1, 1)
RATES = {"small": (1, 2), "large": (10, 20)}
"""USD per million tokens of input and output."""


class FakeArtefact:
    """Calibrated on conversations whose gains are evenly spread from 0 to 1."""

    version = VERSION

    def gain(self, request: RouteRequest) -> Gain:
        raise AssertionError("nothing may be predicted again: there is no prompt")

    def threshold(self, large_share: float) -> float:
        return 1.0 - large_share


class GainRouter:
    """Rules, economy, then one bound."""

    def __init__(self, gains: RecordedGain, large_share: float) -> None:
        self._gains = gains
        self._share = large_share

    def decide(self, request: RouteRequest, route: Route, *_: Any) -> Decision:
        rule = first_match(route.rules, request, route.name)
        if rule is not None:
            choices = with_costs(route.rule_targets[rule.use], request)
            return Decision(route.name, choices, f"rule:{rule.position}", {})
        if request.economy:
            return Decision(route.name, with_costs(route.orders[0], request), "budget:economy", {})
        found, bound = self._gains.gain(request), self._gains.threshold(self._share)
        tier = len(route.tiers) - 1 if found.gain >= bound else 0
        choices = with_costs(route.orders[tier], request)
        return Decision(route.name, choices, "gain", {}, 0, found.gain, bound, found.known, VERSION)


def settings(**changes: Any) -> GatewaySettings:
    backend = {
        "kind": "openai",
        "url": "http://127.0.0.1:1/v1",
        "models": {"small": "small", "large": "large"},
    }
    return GatewaySettings.model_validate(
        {
            "backends": {"b": backend},
            "models": {"auto": {"tiers": ["small", "large"]}},
            "rates": [{"model": name, "input": i, "output": o} for name, (i, o) in RATES.items()],
            **changes,
        }
    )


def decider(large_share: float, **changes: Any) -> Decider:
    snapshot = compile_snapshot(settings(**changes), 1, EmptyCatalogue(), TODAY)
    return Decider(snapshot, _routes(snapshot, large_share))


def _routes(snapshot: Snapshot, large_share: float) -> Mapping[str, Replayed]:
    ready = {}
    for name, route in snapshot.routes.items():
        gains = RecordedGain(FakeArtefact())
        ready[name] = Replayed(GainRouter(gains, large_share), route, gains)
    return ready


def replay(present: Decider, new: Decider) -> Replay:
    budgets = new.snapshot.budgets
    return Replay(present, new, {}, Tally(), BudgetReplay(budgets), BudgetReplay(budgets))


def routed(number: int, gain: float | None, model: str, **changes: Any) -> Recorded:
    """A row of the route `auto`, priced as `settings` does. Its gain None: a rule decided."""
    routing = Routing(
        None if gain is None else round(gain * 1e6), None, 1, None if gain is None else VERSION, 100, ""
    )
    event = make_event(number, served_model=model, backend="b", routing=routing, **changes)
    if "cost_nanos" not in changes:
        event.cost_nanos = cost_of(event, model)
    return Recorded(event, event.cost_nanos)


def cost_of(event: Event, model: str) -> int:
    """Every class of input costs the same here, and no tenant has a markup."""
    assert event.usage is not None
    per_input, per_output = RATES[model]
    return 1_000 * (event.usage.input_total * per_input + event.usage.output * per_output)
