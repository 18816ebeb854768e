"""Two configurations with a gain model that may not be asked, and rows to replay."""

from __future__ import annotations

from datetime import date
from typing import Any

from gateway.config import GatewaySettings
from gateway.replay.again import Decider
from gateway.replay.replay import Replay
from gateway.replay.routes import replayed_routes
from gateway.snapshot import compile_snapshot
from metering.catalogue import EmptyCatalogue
from metering.event import Event, Routing
from metering.replay_read import Recorded
from router.decision import RouteRequest
from router.gain import Gain
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
    models = {"auto": {"tiers": ["small", "large"], "policy": {"large_share": large_share}}}
    snapshot = compile_snapshot(
        settings(**{"models": models, **changes}), 1, EmptyCatalogue(), TODAY, lambda _: FakeArtefact()
    )
    return Decider(snapshot, replayed_routes(snapshot))


def replay(present: Decider, new: Decider) -> Replay:
    return Replay(present, new, {})


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
