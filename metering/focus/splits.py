"""Shared costs that the books split over tenants, as FOCUS split cost allocation (1.3 and later).

The books take the amount from the house and give each tenant its part. In FOCUS 1.4 the parts are charges of
the account that bore the cost, the house, and each names its tenant as the allocated resource; in 1.2, which
has no such columns, the part is a charge of the tenant. The amounts are the books' own: they add up exactly.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from metering.focus.books_read import BookEntry
from metering.focus.row import Allocation
from metering.focus.values import EXACT
from metering.money import split_by_largest_remainder

METHODS = {"even": "gw-even-v1", "fixed": "gw-fixed-v1", "use": "gw-use-v1"}
"""How the books were told to split -> the method's id; docs/focus.md says what each does."""
_RATIO_PLACES = 12
_UNITS = {"gpu_ns": ("GPU-Seconds", 1_000_000_000), "nanos": ("USD", 1_000_000_000)}
"""What the books measured use in -> the unit in FOCUS, and how many of theirs it is. Weights are no use."""


def allocations(entries: Iterable[BookEntry]) -> dict[str, Allocation]:
    """By entry id, of the entries that are a tenant's part of a shared cost."""
    by_origin: dict[str, list[BookEntry]] = {}
    for entry in entries:
        if entry.kind == "split" and entry.tenant:
            by_origin.setdefault(origin_of(entry), []).append(entry)
    found: dict[str, Allocation] = {}
    for origin, parts in by_origin.items():
        for part, ratio in zip(parts, _ratios(parts), strict=True):
            found[part.id] = _allocation(origin, part, ratio)
    return found


def origin_of(entry: BookEntry) -> str:
    """The shared cost that an entry is part of."""
    return entry.reference or f"{entry.month}:{entry.category}"


def _ratios(parts: Sequence[BookEntry]) -> list[Decimal]:
    """Adding up to 1 exactly: those that the books state; where these do not (a part so small that it came to
    nothing has no entry), what the amounts say, in a dozen places."""
    stated = [_decimal(_object(part.details).get("ratio")) for part in parts]
    known = [ratio for ratio in stated if ratio is not None]
    if len(known) == len(parts) and sum(known) == 1 and min(known) >= 0:
        return known
    weights = [abs(part.amount_nanos) for part in parts]
    units = split_by_largest_remainder(10**_RATIO_PLACES, weights if any(weights) else [1] * len(weights))
    return [EXACT.scaleb(Decimal(unit), -_RATIO_PLACES) for unit in units]


def _allocation(origin: str, part: BookEntry, ratio: Decimal) -> Allocation:
    details = _object(part.details)
    told = str(details.get("method", "use"))
    unit, units_each = _UNITS.get(str(details.get("usage_unit")), (None, 1))
    usage = None if unit is None else _decimal(details.get("usage"))
    return Allocation(
        origin=origin,
        method=METHODS.get(told, told),
        ratio=ratio,
        usage_unit=None if usage is None else unit,
        usage=None if usage is None else EXACT.divide(usage, Decimal(units_each)),
    )


def method_details(allocation: Allocation) -> str:
    """FOCUS's AllocatedMethodDetails."""
    element = f'"AllocatedRatio": {allocation.ratio.normalize(EXACT):f}'
    if allocation.usage is not None:
        element += (
            f', "UsageUnit": {json.dumps(allocation.usage_unit)}, "UsageQuantity": {allocation.usage:f}'
        )
    return f'{{"Elements": [{{{element}}}]}}'


def _object(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text or "{}")
    except json.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _decimal(value: object) -> Decimal | None:
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return None
