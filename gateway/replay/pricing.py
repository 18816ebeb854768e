"""What a row's tokens would have cost on another model: the same tokens and moment, at the new file's prices.

Prompt caches included: what the old model read from its cache counts as read from the new one's.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import NamedTuple

from gateway.settle import charge
from gateway.snapshot import Snapshot
from metering.dialects.reported import Reported
from metering.event import Event
from metering.model_price import service_tier_of
from metering.money import apply_markup, divide_half_even
from router.decision import Candidate

GpuRates = Mapping[tuple[str, str], Fraction]
"""(model, backend) -> nano-dollars per token, before markup."""


class Priced(NamedTuple):
    nanos: int | None
    """None where the new file knows no price."""
    by_gpu_time: bool
    """At what a token cost on that backend in the same period, where GPU time pays for it."""


def priced_on(event: Event, candidate: Candidate, snapshot: Snapshot, gpu_rates: GpuRates) -> Priced:
    """Of an event that has tokens."""
    usage = event.usage
    assert usage is not None
    model, backend = candidate.model, candidate.backend
    report = Reported(usage, service_tier=service_tier_of(event.price_version))
    money = charge(
        snapshot, event.tenant, event.route, model, backend, event.started_us, report, event.total_us
    )
    if money.cost_nanos is not None:
        return Priced(money.cost_nanos, False)
    rate = gpu_rates.get((model, backend))
    if rate is None:
        return Priced(None, False)
    exact = rate * usage.total
    nanos = divide_half_even(exact.numerator, exact.denominator)
    return Priced(apply_markup(nanos, snapshot.markup(event.tenant)), True)
