"""Ledger events for tests: everything filled in, anything replaced by name."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from metering.event import Event
from metering.outcome import Outcome
from metering.usage import Provenance, TokenUsage

NEW_YEAR_2026_US = 1_767_225_600_000_000

_TYPICAL = Event(
    id="",
    request_id="",
    attempt=1,
    started_us=NEW_YEAR_2026_US,
    finished_us=NEW_YEAR_2026_US + 5000,
    tenant="acme",
    cost_center="CC-100",
    project="site",
    key="web",
    tags='{"task":"classify"}',
    api="chat.completions",
    requested_model="auto",
    route="auto",
    tier="small",
    reason="gain:0.118<0.124",
    backend="gpu1",
    served_model="qwen3-8b",
    outcome=Outcome.COMPLETED,
    status=200,
    error="",
    stream=False,
    usage=TokenUsage(1000, 200, 50, 300, 100, Provenance.ENGINE),
    price_version="rates:2026-01-01:abcdef01",
    list_nanos=1000,
    cost_nanos=1100,
    baseline_nanos=9000,
    cache_status="miss",
    queue_us=10,
    first_token_us=2000,
    total_us=5000,
    overhead_us=150,
    stand_in=False,
)


def make_event(number: int, **changes: Any) -> Event:
    """Event `number` of request `number`, unless `changes` say otherwise."""
    identity = {"id": f"01KAQ{number:021d}", "request_id": f"req_{number}"}
    return replace(_TYPICAL, **{**identity, **changes})
