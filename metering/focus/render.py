"""A row in the columns of a version of FOCUS."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from metering.focus.columns import Version, columns
from metering.focus.row import FocusRow
from metering.focus.splits import method_details
from metering.focus.values import EXACT, product, usd_of

Cell = str | int | Decimal | None
"""Text, an instant in UTC microseconds, an exact number, or nothing."""
Cells = Mapping[str, Cell]

CURRENCY = "USD"
ORGANIZATION, TENANT = "Organization", "Tenant"


@dataclass(frozen=True, slots=True)
class Issuer:
    """Who runs the gateway and charges for it."""

    account: str
    """FOCUS: BillingAccountId."""
    name: str


def invoice_detail_id(row: FocusRow) -> str | None:
    """One line of an invoice for each kind of charge on it; None while there is no invoice."""
    return f"{row.invoice_id}/{row.category.lower()}" if row.invoice_id else None


def cells(row: FocusRow, version: Version, issuer: Issuer) -> dict[str, Cell]:
    """In the order of the version's columns."""
    found: dict[str, Cell] = {}
    for part in (_who(row, issuer), _when(row), _charge(row), _money(row), _what(row), _own(row)):
        found.update(part)
    found.update(_of_1_4(row, issuer) if version == "1.4" else _of_1_2(issuer))
    return {name: found.get(name) for name in columns("cost-and-usage", version)}


def _who(row: FocusRow, issuer: Issuer) -> Iterator[tuple[str, Cell]]:
    yield "BillingAccountId", issuer.account
    yield "BillingAccountName", issuer.name
    yield "BillingAccountType", ORGANIZATION
    yield "InvoiceIssuerName", issuer.name
    yield "InvoiceId", row.invoice_id or None
    yield "SubAccountId", row.sub_account
    yield "SubAccountName", row.tenant or "House"
    yield "SubAccountType", TENANT
    yield "Tags", _json(row.tags)


def _when(row: FocusRow) -> Iterator[tuple[str, Cell]]:
    yield "BillingPeriodStart", row.billing.start_us
    yield "BillingPeriodEnd", row.billing.end_us
    yield "ChargePeriodStart", row.charge.start_us
    yield "ChargePeriodEnd", row.charge.end_us


def _charge(row: FocusRow) -> Iterator[tuple[str, Cell]]:
    yield "ChargeCategory", row.category
    yield "ChargeClass", "Correction" if row.is_correction else None
    yield "ChargeDescription", row.description
    yield "ChargeFrequency", "Usage-Based" if row.category == "Usage" else "One-Time"
    yield "ServiceCategory", "AI and Machine Learning"
    yield "ServiceName", "LLM Inference Gateway"
    yield "ServiceSubcategory", "Generative AI"


def _money(row: FocusRow) -> Iterator[tuple[str, Cell]]:
    billed = usd_of(row.billed_nanos)
    yield "BilledCost", billed
    yield "EffectiveCost", billed
    yield "PricingCurrencyEffectiveCost", billed
    yield "BillingCurrency", CURRENCY
    yield "PricingCurrency", CURRENCY
    priced = row.priced
    if priced is None:
        yield "ListCost", usd_of(row.list_nanos)
        yield "ContractedCost", usd_of(row.contracted_nanos)
        return
    yield "ListCost", product(priced.list_price, priced.quantity)
    yield "ContractedCost", product(priced.contracted_price, priced.quantity)
    for prefix in ("", "PricingCurrency"):
        yield f"{prefix}ListUnitPrice", priced.list_price
        yield f"{prefix}ContractedUnitPrice", priced.contracted_price
    for prefix in ("Consumed", "Pricing"):
        yield f"{prefix}Quantity", priced.quantity
        yield f"{prefix}Unit", priced.unit
    yield "PricingCategory", "Standard"


def _what(row: FocusRow) -> Iterator[tuple[str, Cell]]:
    if row.backend:
        yield "ResourceId", f"backend:{row.backend}"
        yield "ResourceName", row.backend
        yield "ResourceType", "Inference Backend"
    if row.sku is not None:
        yield "SkuId", row.sku.id
        yield "SkuMeter", row.sku.meter
        yield "SkuPriceId", row.sku.price_id
        yield "SkuPriceDetails", _json(row.sku.details)


def _own(row: FocusRow) -> Iterator[tuple[str, Cell]]:
    yield "x_LedgerKind", row.kind
    yield "x_LedgerReference", row.reference or None
    yield "x_Model", row.model or None
    yield "x_PriceBasis", row.price_basis or None
    yield "x_PriceVersion", row.price_version or None
    yield "x_RequestCount", EXACT.create_decimal(row.requests) if row.requests else None
    if row.unused_capacity:
        yield "x_CapacityReservationId", f"backend:{row.backend}"
        yield "x_CapacityReservationStatus", "Unused"
    if row.allocation is not None:
        yield "x_AllocationId", row.allocation.origin


def _of_1_2(issuer: Issuer) -> Iterator[tuple[str, Cell]]:
    yield "ProviderName", issuer.name
    yield "PublisherName", issuer.name


def _of_1_4(row: FocusRow, issuer: Issuer) -> Iterator[tuple[str, Cell]]:
    yield "ServiceProviderName", issuer.name
    yield "HostProviderName", issuer.name
    yield "InvoiceDetailId", invoice_detail_id(row)
    if row.allocation is None:
        return
    yield from _who(replace(row, tenant="", tags={}), issuer)  # what was split is the house's
    yield "AllocatedMethodId", row.allocation.method
    yield "AllocatedMethodDetails", method_details(row.allocation)
    yield "AllocatedResourceId", row.tenant
    yield "AllocatedResourceName", row.tenant
    yield "AllocatedTags", _json({**row.tags, "tenant": row.tenant})


def _json(value: Mapping[str, str]) -> str:
    return json.dumps(dict(value), ensure_ascii=False, sort_keys=True)
