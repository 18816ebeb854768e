"""Shared costs: what the house paid, handed on to tenants evenly, by fixed weights or by use.

Each split cost becomes entries that add up to 0: all of it off the house, and each tenant's share. The shares
are of whole nano-dollars, by largest remainder, and the ratios that stand with them add up to 1.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from metering.books.charges import CATEGORY_TITLES, HOUSE, ON_TOP, ChargeLine
from metering.books.entries import Entry, entry_id
from metering.books.policy import SplitRule
from metering.money import split_by_largest_remainder
from metering.store.measures import STORAGE

RATIO_DIGITS = 12
METHODS = {"even": "gw-even-v1", "fixed": "gw-fixed-v1", "use": "gw-use-v1"}
"""How a ratio was found, for FOCUS's AllocatedMethodId."""
GPU_NS, NANOS, WEIGHT = "gpu_ns", "nanos", "weight"
Weights = Mapping[str, int | Decimal]


class Origin(NamedTuple):
    """A cost of the house in a month."""

    month: str
    category: str
    backend: str
    """'' for what belongs to no backend."""

    @property
    def reference(self) -> str:
        return f"split:{self.month}:{self.category}:{self.backend}"


class Part(NamedTuple):
    """One tenant's share."""

    tenant: str
    weight: int | Decimal
    ratio: str
    """0 to 1 as decimal text; all of one cost add up to 1 exactly."""
    amount_nanos: int


def split(amount_nanos: int, weights: Weights) -> list[Part]:
    """Parts that add up to the amount, in the order of the tenants' names; tenants of weight 0 have none.

    Raises ValueError for a negative weight, or without a positive one.
    """
    if any(weight < 0 for weight in weights.values()):
        raise ValueError("weights must not be negative")
    tenants = sorted(tenant for tenant, weight in weights.items() if weight)
    if not tenants:
        raise ValueError("nobody to split among")
    shares = [weights[tenant] for tenant in tenants]
    amounts = split_by_largest_remainder(amount_nanos, shares)
    ratios = split_by_largest_remainder(10**RATIO_DIGITS, shares)
    return [
        Part(tenant, weight, str(Decimal(ratio).scaleb(-RATIO_DIGITS)), amount)
        for tenant, weight, ratio, amount in zip(tenants, shares, ratios, amounts, strict=True)
    ]


def split_entries(
    month: str,
    lines: Sequence[ChargeLine],
    entries: Sequence[Entry],
    rules: Sequence[SplitRule],
    created_us: int,
    created_by: str,
) -> list[Entry]:
    """What the rules make of the house's costs. A cost that nobody's use can carry stays with the house."""
    made: list[Entry] = []
    for origin, amount_nanos in sorted(_house_costs(month, lines, entries).items()):
        rule = next((rule for rule in rules if rule.covers(origin.category, origin.backend)), None)
        if rule is None or not amount_nanos:
            continue
        weights, unit = _weights(rule, origin, lines)
        if any(weights.values()):
            parts = split(amount_nanos, weights)
            made += _entries(origin, amount_nanos, rule, unit, parts, lines, created_us, created_by)
    return made


def _house_costs(month: str, lines: Sequence[ChargeLine], entries: Sequence[Entry]) -> dict[Origin, int]:
    found: dict[Origin, int] = {}
    for line in lines:
        if line.tenant == HOUSE and line.cost_nanos:
            origin = Origin(month, line.category, line.backend)
            found[origin] = found.get(origin, 0) + line.cost_nanos
    for entry in entries:
        if entry.tenant == HOUSE and entry.kind != "split":
            backend = str(json.loads(entry.details).get("backend", ""))
            origin = Origin(month, entry.category, backend)
            found[origin] = found.get(origin, 0) + entry.amount_nanos
    return found


def _weights(rule: SplitRule, origin: Origin, lines: Sequence[ChargeLine]) -> tuple[Weights, str]:
    if rule.by == "fixed":
        return rule.weights, WEIGHT
    mine = [
        line
        for line in lines
        if line.tenant != HOUSE
        and line.category not in {*ON_TOP, STORAGE}
        and origin.backend in ("", line.backend)
    ]
    if rule.by == "even":
        return dict.fromkeys((line.tenant for line in mine), 1), WEIGHT
    by_time = _sums(mine, GPU_NS) if origin.category in {*ON_TOP, "gpu"} else {}
    return (by_time, GPU_NS) if any(by_time.values()) else (_sums(mine, NANOS), NANOS)


def _sums(lines: Sequence[ChargeLine], unit: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for line in lines:
        used = line.gpu_ns if unit == GPU_NS else line.cost_nanos or 0
        found[line.tenant] = found.get(line.tenant, 0) + used
    return {tenant: used for tenant, used in found.items() if used > 0}


def _entries(
    origin: Origin,
    amount_nanos: int,
    rule: SplitRule,
    unit: str,
    parts: Sequence[Part],
    lines: Sequence[ChargeLine],
    created_us: int,
    created_by: str,
) -> Iterator[Entry]:
    whose = {line.tenant: line.cost_center for line in reversed(lines) if line.cost_center}
    title = CATEGORY_TITLES.get(origin.category, origin.category)
    what = f"{title} of {origin.backend}" if origin.backend else title
    cost = {**origin._asdict(), "amount_nanos": amount_nanos}
    common = {"method": METHODS[rule.by], "origin": cost, "backend": origin.backend}
    off = Part(HOUSE, 0, "1", -amount_nanos)
    for part in (off, *parts):
        used = {} if part is off else {"ratio": part.ratio, "usage": str(part.weight), "usage_unit": unit}
        if part.amount_nanos:
            yield Entry(
                id=entry_id(created_us, f"{origin.reference}|{part.tenant}"),
                month=origin.month,
                tenant=part.tenant,
                cost_center=whose.get(part.tenant, ""),
                project="",
                kind="split",
                category=origin.category,
                amount_nanos=part.amount_nanos,
                description=f"{what}, {'handed on to tenants' if part is off else f'a share by {rule.by}'}",
                reference=origin.reference,
                created_us=created_us,
                created_by=created_by,
                details=json.dumps({**common, **used}, sort_keys=True),
            )
