"""The columns of FOCUS 1.2 and 1.4 that we write, and what each may hold.

From the FOCUS specification's column definitions (focus.finops.org), in alphabetical order as there; our own
columns, whose names begin with `x_`, stand last.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Literal, NamedTuple

Version = Literal["1.2", "1.4"]
VERSIONS: tuple[Version, ...] = ("1.2", "1.4")
Dataset = Literal["cost-and-usage", "billing-period", "invoice-detail"]
DATASETS: tuple[Dataset, ...] = ("cost-and-usage", "billing-period", "invoice-detail")


class Kind(Enum):
    TEXT = "text"
    TIME = "time"
    COST = "cost"
    PRICE = "price"
    """Of one unit; never negative."""
    QUANTITY = "quantity"
    UNIT = "unit"
    JSON = "json"
    CURRENCY = "currency"


class Column(NamedTuple):
    kind: Kind = Kind.TEXT
    nullable: bool = True
    allowed: frozenset[str] = frozenset()
    """Values it may have; empty: any."""


CHARGE_CATEGORIES = frozenset({"Usage", "Purchase", "Tax", "Credit", "Adjustment"})

_TEXT, _NAME = Column(), Column(nullable=False)
_JSON, _UNIT, _QUANTITY = Column(Kind.JSON), Column(Kind.UNIT), Column(Kind.QUANTITY)
_PRICE, _COST, _TIME = Column(Kind.PRICE), Column(Kind.COST, False), Column(Kind.TIME, False)
_CURRENCY = Column(Kind.CURRENCY, False)

_SHARED: dict[str, Column] = {
    "AvailabilityZone": _TEXT,
    "BilledCost": _COST,
    "BillingAccountId": _NAME,
    "BillingAccountName": _NAME,
    "BillingAccountType": _NAME,
    "BillingCurrency": _CURRENCY,
    "BillingPeriodEnd": _TIME,
    "BillingPeriodStart": _TIME,
    "CapacityReservationId": _TEXT,
    "CapacityReservationStatus": Column(allowed=frozenset({"Used", "Unused"})),
    "ChargeCategory": Column(nullable=False, allowed=CHARGE_CATEGORIES),
    "ChargeClass": Column(allowed=frozenset({"Correction"})),
    "ChargeDescription": _TEXT,
    "ChargeFrequency": Column(nullable=False, allowed=frozenset({"One-Time", "Recurring", "Usage-Based"})),
    "ChargePeriodEnd": _TIME,
    "ChargePeriodStart": _TIME,
    "CommitmentDiscountCategory": _TEXT,
    "CommitmentDiscountId": _TEXT,
    "CommitmentDiscountName": _TEXT,
    "CommitmentDiscountQuantity": _QUANTITY,
    "CommitmentDiscountStatus": _TEXT,
    "CommitmentDiscountType": _TEXT,
    "CommitmentDiscountUnit": _UNIT,
    "ConsumedQuantity": _QUANTITY,
    "ConsumedUnit": _UNIT,
    "ContractedCost": _COST,
    "ContractedUnitPrice": _PRICE,
    "EffectiveCost": _COST,
    "InvoiceId": _TEXT,
    "InvoiceIssuerName": _NAME,
    "ListCost": _COST,
    "ListUnitPrice": _PRICE,
    "PricingCategory": Column(allowed=frozenset({"Standard", "Dynamic", "Committed", "Other"})),
    "PricingCurrency": _CURRENCY,
    "PricingCurrencyContractedUnitPrice": _PRICE,
    "PricingCurrencyEffectiveCost": _COST,
    "PricingCurrencyListUnitPrice": _PRICE,
    "PricingQuantity": _QUANTITY,
    "PricingUnit": _UNIT,
    "RegionId": _TEXT,
    "RegionName": _TEXT,
    "ResourceId": _TEXT,
    "ResourceName": _TEXT,
    "ResourceType": _TEXT,
    "ServiceCategory": _NAME,
    "ServiceName": _NAME,
    "ServiceSubcategory": _NAME,
    "SkuId": _TEXT,
    "SkuMeter": _TEXT,
    "SkuPriceDetails": _JSON,
    "SkuPriceId": _TEXT,
    "SubAccountId": _NAME,
    "SubAccountName": _NAME,
    "SubAccountType": _NAME,
    "Tags": _JSON,
}
_ONLY: Mapping[Version, Mapping[str, Column]] = {
    "1.2": {"ProviderName": _NAME, "PublisherName": _NAME},
    "1.4": {
        "AllocatedMethodDetails": _JSON,
        "AllocatedMethodId": _TEXT,
        "AllocatedResourceId": _TEXT,
        "AllocatedResourceName": _TEXT,
        "AllocatedTags": _JSON,
        "HostProviderName": _NAME,
        "InvoiceDetailId": _TEXT,
        "ServiceProviderName": _NAME,
    },
}
_OWN: dict[str, Column] = {
    "x_AllocationId": _TEXT,
    "x_CapacityReservationId": _TEXT,
    "x_CapacityReservationStatus": Column(allowed=frozenset({"Used", "Unused"})),
    "x_LedgerKind": Column(nullable=False),
    "x_LedgerReference": _TEXT,
    "x_Model": _TEXT,
    "x_PriceBasis": Column(allowed=frozenset({"rates", "average", "average-terms"})),
    "x_PriceVersion": _TEXT,
    "x_RequestCount": _QUANTITY,
}


def _cost_and_usage(version: Version) -> dict[str, Column]:
    return {**dict(sorted({**_SHARED, **_ONLY[version]}.items())), **_OWN}


_BILLING_PERIOD: dict[str, Column] = {
    "BillingPeriodCreated": _TIME,
    "BillingPeriodEnd": _TIME,
    "BillingPeriodLastUpdated": _TIME,
    "BillingPeriodStart": _TIME,
    "BillingPeriodStatus": Column(nullable=False, allowed=frozenset({"Open", "Closed"})),
    "InvoiceIssuerName": _NAME,
}
_INVOICE_DETAIL: dict[str, Column] = {
    "BilledCost": _COST,
    "BillingAccountId": _NAME,
    "BillingCurrency": _CURRENCY,
    "BillingPeriodEnd": _TIME,
    "BillingPeriodStart": _TIME,
    "ChargeCategory": Column(nullable=False, allowed=CHARGE_CATEGORIES),
    "InvoiceDetailCreated": _TIME,
    "InvoiceDetailDescription": _TEXT,
    "InvoiceDetailGrain": _JSON,
    "InvoiceDetailId": _NAME,
    "InvoiceDetailLastUpdated": _TIME,
    "InvoiceId": _NAME,
    "InvoiceIssueDate": Column(Kind.TIME),
    "InvoiceIssueStatus": Column(nullable=False, allowed=frozenset({"Open", "Issued", "Voided"})),
    "InvoiceIssuerName": _NAME,
    "PaymentCurrency": _CURRENCY,
    "PaymentCurrencyBilledCost": _COST,
    "PaymentCurrencyInvoiceDetailId": _NAME,
    "PaymentDueDate": Column(Kind.TIME),
    "PaymentTerms": _NAME,
    "PurchaseOrderNumber": _TEXT,
    "ReferenceInvoiceId": _NAME,
}
_COLUMNS: Mapping[tuple[Dataset, Version], Mapping[str, Column]] = {
    ("cost-and-usage", "1.2"): _cost_and_usage("1.2"),
    ("cost-and-usage", "1.4"): _cost_and_usage("1.4"),
    ("billing-period", "1.4"): _BILLING_PERIOD,
    ("invoice-detail", "1.4"): _INVOICE_DETAIL,
}


def columns(dataset: Dataset, version: Version) -> Mapping[str, Column]:
    """Name -> what it may hold, in the order of the file. Raises ValueError for a dataset that the version
    does not have."""
    found = _COLUMNS.get((dataset, version))
    if found is None:
        raise ValueError(f"FOCUS {version} has no dataset {dataset}; 1.4 has")
    return found


def is_own(name: str) -> bool:
    return name.startswith("x_")
