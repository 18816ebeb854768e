"""From the provisional cost of an attempt to its final one: correction rows, the same whoever makes them.

A correction's id follows from the corrected event and the number of corrections that it already has. Two
processes that find different differences at the same moment write one row between them; the one whose row
was passed over looks again and corrects the rest. So `true_up` is asked until it has nothing more to say.
"""

from __future__ import annotations

import hashlib
from decimal import Decimal

from metering.correction import Amounts, correction_of
from metering.event import Event
from metering.gpu_rates import paid_by_gpu_time
from metering.money import apply_markup
from metering.reprice import Applied
from metering.store.ids import id_beside

NO_CORRECTION = Applied(0, Amounts(None, None, None))


def is_owed(event: Event) -> bool:
    """Whether GPU time decides what it costs."""
    return event.kind == "attempt" and paid_by_gpu_time(event.price_version)


def true_up(
    event: Event, final_nanos: int, had: Applied, factor: Decimal, price_version: str
) -> Event | None:
    """The row that makes the event's list price `final_nanos` (its shares of closed windows), and its cost
    that times the tenant's `factor`. None where they are that already.

    `had` is what corrections did so far. A baseline that was the cost stays the cost; others are left alone.
    """
    cost_nanos = apply_markup(final_nanos, factor)
    follows = event.baseline_nanos is not None and event.baseline_nanos == event.cost_nanos
    difference = Amounts(
        _missing(final_nanos, event.list_nanos, had.amounts.list_nanos),
        _missing(cost_nanos, event.cost_nanos, had.amounts.cost_nanos),
        _missing(cost_nanos, event.baseline_nanos, had.amounts.baseline_nanos) if follows else None,
    )
    if not any(difference):
        return None
    return correction_of(
        event,
        id=correction_id(event.id, had.rows),
        price_version=price_version,
        difference=difference,
    )


def correction_id(event_id: str, number: int) -> str:
    """Of the event's correction with this number, from 0."""
    return id_beside(event_id, hashlib.sha256(f"gpu|{event_id}|{number}".encode()).digest())


def _missing(target: int, stored: int | None, corrected: int | None) -> int:
    return target - (stored or 0) - (corrected or 0)
