"""What the cells of one row, and the parts of one split cost, must be to each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from metering.focus.check_cells import json_of, number_of, time_of
from metering.focus.values import EXACT

Cells = Mapping[str, str | None]
Finding = tuple[str, str, str]
"""(column, rule, message)"""

_PRODUCTS = (("ListCost", "ListUnitPrice"), ("ContractedCost", "ContractedUnitPrice"))
_TOGETHER = (
    ("PricingQuantity", "PricingUnit"),
    ("ConsumedQuantity", "ConsumedUnit"),
    ("SkuId", "SkuPriceId"),
    ("ResourceId", "ResourceName"),
    ("AllocatedResourceId", "AllocatedMethodId"),
    ("AllocatedMethodId", "AllocatedMethodDetails"),
)
_ALLOCATED = "AllocatedMethodDetails"
_ORIGIN = ("BillingPeriodStart", "ChargePeriodStart", "ChargePeriodEnd", "SubAccountId", "ResourceId",
           "SkuPriceId", "ChargeCategory", "AllocatedMethodId", "x_AllocationId")  # fmt: skip


def check_row(row: Cells) -> Iterator[Finding]:
    yield from _products(row)
    yield from _usage(row)
    yield from _periods(row)
    for one, other in _TOGETHER:
        if one in row and other in row and (row[one] is None) != (row[other] is None):
            yield (one if row[one] is None else other), "together", f"{one} and {other} go together"


def _products(row: Cells) -> Iterator[Finding]:
    quantity = number_of(row.get("PricingQuantity"))
    for cost_name, price_name in _PRODUCTS:
        cost, price = number_of(row.get(cost_name)), number_of(row.get(price_name))
        if cost is None or price is None or quantity is None:
            continue
        if EXACT.multiply(price, quantity) != cost:
            yield cost_name, "price-times-quantity", f"{cost} is not {price_name} {price} times {quantity}"


def _usage(row: Cells) -> Iterator[Finding]:
    if row.get("ChargeCategory") != "Usage" or row.get("ChargeClass") == "Correction":
        if row.get("ChargeCategory") == "Credit" and row.get("SkuId") is not None:
            yield "SkuId", "credit", "a credit has no SKU"
        return
    for name in ("EffectiveCost", "BilledCost"):
        cost = number_of(row.get(name))
        if cost is not None and cost < 0:
            yield name, "negative-usage", f"usage costs {cost}"
    for name in ("SkuId", "SkuMeter", "PricingQuantity", "ConsumedQuantity", "ListUnitPrice"):
        if name in row and row[name] is None:
            yield name, "usage", "usage must have one"


def _periods(row: Cells) -> Iterator[Finding]:
    start, end = time_of(row.get("BillingPeriodStart")), time_of(row.get("BillingPeriodEnd"))
    if start is not None and end is not None and start >= end:
        yield "BillingPeriodEnd", "period", "ends before it starts"
    first, last = time_of(row.get("ChargePeriodStart")), time_of(row.get("ChargePeriodEnd"))
    if first is None or last is None:
        return
    if first >= last:
        yield "ChargePeriodEnd", "period", "ends before it starts"
    if start is not None and first < start:
        yield "ChargePeriodStart", "period", "lies before the billing period"
    if end is not None and last > end:
        yield "ChargePeriodEnd", "period", "lies after the billing period"


def check_allocations(rows: Sequence[Cells]) -> Iterator[tuple[int, str, str, str]]:
    """(index of the row, column, rule, message): the ratios of one origin add up to 1."""
    sums: dict[tuple[str | None, ...], tuple[int, Decimal]] = {}
    for index, row in enumerate(rows):
        if row.get(_ALLOCATED) is None:
            continue
        ratio = _ratio(row)
        if ratio is None or not 0 <= ratio <= 1:
            yield index, _ALLOCATED, "ratio", "Elements[0].AllocatedRatio must be a number from 0 to 1"
            continue
        origin = tuple(row.get(name) for name in _ORIGIN)
        first, total = sums.get(origin, (index, Decimal(0)))
        sums[origin] = first, EXACT.add(total, ratio)
    for index, total in sums.values():
        if total != 1:
            yield index, _ALLOCATED, "ratio-sum", f"the ratios of this cost add up to {total}, not to 1"


def _ratio(row: Cells) -> Decimal | None:
    elements = (json_of(row.get(_ALLOCATED)) or {}).get("Elements")
    first = elements[0] if isinstance(elements, list) and elements else None
    ratio = first.get("AllocatedRatio") if isinstance(first, dict) else None
    return ratio if isinstance(ratio, Decimal) else None
