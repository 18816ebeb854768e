"""What the quality report asks of today's prices."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from gateway.snapshot import Snapshot


def cache_discounts(snapshot: Snapshot, day: date) -> dict[str, Decimal]:
    """Route -> by how many USD a million tokens of its dearest tier cost less when they come out of the
    upstream's prompt cache; only where both prices are known and differ."""
    found: dict[str, Decimal] = {}
    for name, route in snapshot.routes.items():
        dearest = route.tiers[-1][0]
        price = snapshot.price(dearest.model, dearest.backend, day)
        if price is None or price.rates.cache_read is None:
            continue
        discount = price.rates.input - price.rates.cache_read
        if discount > 0:
            found[name] = discount
    return found
