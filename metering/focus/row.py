"""One charge, whatever version of FOCUS it is written in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, NamedTuple

HOUSE = "__house__"
"""The sub-account of what is nobody's: no tenant's name can begin like that."""

Category = Literal["Usage", "Credit", "Adjustment"]
LedgerKind = Literal[
    "usage",
    "gpu",
    "idle",
    "storage",
    "correction",
    "credit",
    "adjustment",
    "late",
    "reconciliation",
    "split",
    "closing",
]


class Span(NamedTuple):
    """`[start_us, end_us)`, UTC microseconds."""

    start_us: int
    end_us: int


@dataclass(frozen=True, slots=True)
class Priced:
    """A quantity, its unit, and USD for one unit: at list, and for this tenant."""

    quantity: Decimal
    unit: str
    list_price: Decimal
    contracted_price: Decimal


@dataclass(frozen=True, slots=True)
class Sku:
    """What was bought. `price_id` names its price, `id` does not."""

    id: str
    meter: str
    price_id: str
    details: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Allocation:
    """The part of a shared cost that one tenant bears."""

    origin: str
    """Names the shared cost: the ratios of one origin add up to 1."""
    method: str
    """gw-even-v1 | gw-fixed-v1 | gw-use-v1"""
    ratio: Decimal
    usage_unit: str | None = None
    usage: Decimal | None = None


@dataclass(frozen=True, slots=True)
class FocusRow:
    """What every version has, in our own terms. Money: whole nano-dollars where the ledger has them."""

    billing: Span
    charge: Span
    category: Category
    kind: LedgerKind
    description: str
    tenant: str
    """Who pays; '' is the house."""
    billed_nanos: int
    tags: Mapping[str, str]
    priced: Priced | None = None
    list_nanos: int = 0
    """The list cost of a row that has no price: of others it is price times quantity."""
    contracted_nanos: int = 0
    is_correction: bool = False
    """Of a billing period that was invoiced already (FOCUS: ChargeClass)."""
    backend: str = ""
    model: str = ""
    sku: Sku | None = None
    requests: int = 0
    price_version: str = ""
    price_basis: str = ""
    """rates | average-terms | average; '' where no price is stated."""
    reference: str = ""
    """The id of the books' entry."""
    unused_capacity: bool = False
    allocation: Allocation | None = None
    invoice_id: str = ""

    @property
    def sub_account(self) -> str:
        return self.tenant or HOUSE
