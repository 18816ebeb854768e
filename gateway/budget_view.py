"""Where budgets stand, as JSON."""

from __future__ import annotations

from typing import Any

from metering.budgets import Standing
from metering.budgets.periods import iso
from metering.money import format_usd


def standing_json(standing: Standing) -> dict[str, Any]:
    """Amounts in the budget's unit; those in USD as exact decimals, and in nano-dollars beside them. What is
    not known yet is null."""
    budget = standing.budget
    amounts: dict[str, int | None] = {"limit": standing.limit}
    known = standing.state != "unseeded"
    for name in ("spent", "reserved", "remaining"):
        amounts[name] = getattr(standing, name) if known else None
    if budget.unit == "usd":
        shown: dict[str, Any] = {name: _usd(amount) for name, amount in amounts.items()}
        shown |= {f"{name}_nanos": amount for name, amount in amounts.items()}
    else:
        shown = dict(amounts)
    return {
        "object": "budget",
        "name": budget.name,
        "counter": standing.counter,
        "tenant": standing.tenant,
        "unit": budget.unit,
        "terms": budget.terms,
        **shown,
        "resets_at": None if standing.resets_us is None else iso(standing.resets_us),
        "state": standing.state,
        "action": standing.action,
        "unknown_events": standing.unknown_events,
        "at": {str(percent): action for percent, action in budget.ladder},
    }


def _usd(nanos: int | None) -> str | None:
    return None if nanos is None else format_usd(nanos)
