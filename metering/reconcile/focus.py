"""FOCUS cost and usage files, 1.0 to 1.4: what AWS, Azure, GCP and any vendor export.

Names that changed between versions are all known (`ServiceProviderName`, earlier `ProviderName`), and so are
the `x_` columns in which clouds keep the meter. Of a file with many services only the rows about models
count.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import NamedTuple, NoReturn

from metering.reconcile.focus_table import focus_rows
from metering.reconcile.line import Imported, ImportFailed, LineKind, NanoRounder, VendorLine, days_between
from metering.reconcile.meters import model_in, token_class, tokens_per_unit
from metering.reconcile.record import utc_day_of

COSTS = {"billed": "BilledCost", "effective": "EffectiveCost"}
"""Which money: what is invoiced, or prepaid amounts spread over their use."""
AI_CATEGORY = "ai and machine learning"

_KINDS = {
    "": LineKind.TOKENS,
    "usage": LineKind.TOKENS,
    "purchase": LineKind.PURCHASE,
    "tax": LineKind.TAX,
    "credit": LineKind.CREDIT,
    "adjustment": LineKind.ADJUSTMENT,
}
_PROVIDERS = {
    "amazon": "aws", "aws": "aws", "microsoft": "azure", "azure": "azure", "google": "google",
    "gcp": "google", "openai": "openai", "anthropic": "anthropic",
}  # fmt: skip
_PROVIDER = ("ServiceProviderName", "ProviderName", "PublisherName")
_MODEL_KEYS = ("ModelId", "x_ModelId", "x_Model", "x_ModelName", "x_UpstreamModel")
_CLASS_KEYS = ("x_TokenType", "x_TokenClass")
_METERS = ("SkuMeter", "x_SkuMeterName", "x_SkuMeter", "x_SkuDescription", "x_UsageType", "ChargeDescription")
_WORD = re.compile(r"[A-Za-z]+")


class FocusOptions(NamedTuple):
    cost: str = "billed"
    """A key of COSTS."""
    services: frozenset[str] = frozenset()
    """ServiceName (lower case) of the rows that count; empty: by ServiceCategory, where the file has it."""
    provider: str = ""
    """Only rows of this provider's id; '' for all."""


NO_OPTIONS = FocusOptions()


def import_focus(name: str, data: bytes, options: FocusOptions = NO_OPTIONS) -> Imported:
    """Raises ImportFailed."""
    lines: list[VendorLine] = []
    days: set[date] = set()
    rounder, left_out_rounder = NanoRounder(), NanoRounder()
    left_out = left_out_nanos = 0
    for where, cells in focus_rows(name, data):
        row = _Row(where, cells)
        usd = row.cost(options.cost)
        if not row.counts(options):
            left_out += 1
            left_out_nanos += left_out_rounder.nanos(usd)
            continue
        line = _line(row, rounder.nanos(usd))
        days.add(line.day)
        lines.append(line)
    spoken_of = days_between(min(days), max(days)) if days else frozenset[date]()
    return Imported(lines, spoken_of, left_out, left_out_nanos)


@lru_cache(maxsize=4096)
def provider_id(name: str) -> str:
    """`Amazon Web Services` -> `aws`; names that are not known in lower case."""
    words = _WORD.findall(name.lower())
    known = [_PROVIDERS[word] for word in words if word in _PROVIDERS]
    return known[0] if known else name.strip().lower()


class _Row:
    def __init__(self, where: str, cells: Mapping[str, str]) -> None:
        self.where, self._cells = where, cells
        self._sku: Mapping[str, str] | None = None

    def fail(self, column: str, why: str) -> NoReturn:
        raise ImportFailed(f"{self.where}: {column}: {why}")

    def text(self, *columns: str) -> str:
        """Of the first of these columns that says something."""
        for column in columns:
            if text := self._cells.get(column, ""):
                return text
        return ""

    def cost(self, which: str) -> Decimal:
        """USD. Raises ImportFailed for other currencies."""
        column = COSTS[which]
        amount = self.number(column)
        if amount is None:
            self.fail(column, "is empty" if column in self._cells else "the file has no such column")
        currency = self.text("BillingCurrency").upper()
        if currency != "USD":
            self.fail("BillingCurrency", f"{currency[:10]!r}: only USD can be held against the ledger")
        return amount

    def number(self, column: str) -> Decimal | None:
        text = self._cells.get(column, "")
        if not text:
            return None
        try:
            value = Decimal(text)
        except InvalidOperation:
            self.fail(column, f"{text[:60]!r} is not a number")
        if not value.is_finite():
            self.fail(column, f"{text[:60]!r} is not a number")
        return value

    def day(self) -> date:
        text = self.text("ChargePeriodStart")
        if not text:
            self.fail("ChargePeriodStart", "is missing")
        try:
            return utc_day_of(text)
        except ValueError:
            self.fail("ChargePeriodStart", f"{text[:60]!r} is not a time such as 2026-10-01T00:00:00Z")

    def counts(self, options: FocusOptions) -> bool:
        if options.provider and self.provider() != options.provider:
            return False
        if options.services:
            return self.text("ServiceName").lower() in options.services
        return self.text("ServiceCategory").lower() in ("", AI_CATEGORY) or self.kind() is LineKind.TAX

    def provider(self) -> str:
        return provider_id(self.text(*_PROVIDER))

    def kind(self) -> LineKind:
        category = self.text("ChargeCategory")
        kind = _KINDS.get(category.lower())
        if kind is None:
            self.fail("ChargeCategory", f"{category[:40]!r} is not known")
        return kind

    def sku(self) -> Mapping[str, str]:
        """SkuPriceDetails, '' values left out."""
        if self._sku is None:
            self._sku = self._details()
        return self._sku

    def _details(self) -> Mapping[str, str]:
        text = self.text("SkuPriceDetails", "x_SkuDetails")
        if not text:
            return {}
        try:
            found = json.loads(text)
        except json.JSONDecodeError as error:
            self.fail("SkuPriceDetails", f"not JSON: {error.msg}")
        if not isinstance(found, dict):
            self.fail("SkuPriceDetails", "not a JSON object")
        return {str(key): str(value) for key, value in found.items() if value not in (None, "")}


def _line(row: _Row, cost_nanos: int) -> VendorLine:
    kind = row.kind()
    model, meter = _model(row), _token_class(row)
    if kind is LineKind.TOKENS and meter is None:
        kind = LineKind.OTHER
    quantity = _tokens(row) if kind is LineKind.TOKENS else row.number("ConsumedQuantity")
    if kind is not LineKind.TOKENS:
        meter = row.text(*_METERS) or None
    return VendorLine(
        row.provider(),
        row.day(),
        kind,
        model,
        meter,
        quantity,
        cost_nanos,
        project=row.text("SubAccountId"),
        key=row.text("CredentialId", "x_CredentialId"),
        reference=row.where,
    )


def _token_class(row: _Row) -> str | None:
    said = next((row.sku()[key] for key in _CLASS_KEYS if key in row.sku()), "") or row.text(*_CLASS_KEYS)
    texts = [said, *(row.text(column) for column in _METERS)]
    return next((found for text in texts if text and (found := token_class(text))), None)


def _model(row: _Row) -> str | None:
    """Said outright where the file does; else what stands before the words for tokens in a meter's name."""
    said = next((row.sku()[key] for key in _MODEL_KEYS if key in row.sku()), "") or row.text(*_MODEL_KEYS)
    if said:
        return said
    parts = row.text("SkuId").split("/")
    if len(parts) == 3 and all(parts):
        return parts[1]  # provider/model/meter
    names = (model_in(row.text(column)) for column in _METERS if token_class(row.text(column)))
    return next((name for name in names if name and any(map(str.isdigit, name))), None)


def _tokens(row: _Row) -> Decimal | None:
    """How many; None where no unit of the row is tokens."""
    for quantity, unit in (("ConsumedQuantity", "ConsumedUnit"), ("PricingQuantity", "PricingUnit")):
        amount, factor = row.number(quantity), tokens_per_unit(row.text(unit))
        if amount is not None and factor is not None:
            return amount * factor
    return None
