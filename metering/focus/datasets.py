"""FOCUS 1.4's small datasets beside cost and usage: billing periods, and the lines of invoices."""

from __future__ import annotations

import json

from metering.focus.columns import Version, columns
from metering.focus.export import Export
from metering.focus.render import CURRENCY, Cell, Issuer, cells, invoice_detail_id
from metering.focus.row import FocusRow, Span
from metering.focus.values import usd_of

PAYMENT_TERMS = "Internal chargeback"


def cost_and_usage(export: Export, issuer: Issuer, version: Version) -> list[dict[str, Cell]]:
    return [cells(row, version, issuer) for row in export.rows]


def billing_periods(export: Export, issuer: Issuer, now_us: int) -> list[dict[str, Cell]]:
    """A row per month: Closed once it has statements. An open one was last updated now (UTC microseconds)."""
    found = []
    for month in export.months:
        closed_us = [each.closed_us for each in export.statements if each.month == month.name]
        values: dict[str, Cell] = {
            "BillingPeriodCreated": month.billing.start_us,
            "BillingPeriodEnd": month.billing.end_us,
            "BillingPeriodLastUpdated": max(closed_us, default=now_us),
            "BillingPeriodStart": month.billing.start_us,
            "BillingPeriodStatus": "Closed" if closed_us else "Open",
            "InvoiceIssuerName": issuer.name,
        }
        found.append(values)
    return found


def invoice_details(export: Export, issuer: Issuer) -> list[dict[str, Cell]]:
    """A row per statement and kind of charge; each adds up the cost rows that name it."""
    statements = {each.number: each for each in export.statements}
    lines: dict[str, list[FocusRow]] = {}
    for row in export.rows:
        detail = invoice_detail_id(row)
        if detail is not None:
            lines.setdefault(detail, []).append(row)
    found = []
    for detail, rows in sorted(lines.items()):
        first, statement = rows[0], statements[rows[0].invoice_id]
        values: dict[str, Cell] = {
            "BilledCost": usd_of(sum(row.billed_nanos for row in rows)),
            "BillingAccountId": issuer.account,
            "BillingCurrency": CURRENCY,
            **_period(first.billing),
            "ChargeCategory": first.category,
            "InvoiceDetailCreated": statement.closed_us,
            "InvoiceDetailDescription": f"{first.category} of {first.tenant or 'the house'}",
            "InvoiceDetailGrain": json.dumps(
                {"x_ChargeCategory": first.category, "x_SubAccountId": first.sub_account}
            ),
            "InvoiceDetailId": detail,
            "InvoiceDetailLastUpdated": statement.closed_us,
            "InvoiceId": statement.number,
            "InvoiceIssueDate": statement.closed_us,
            "InvoiceIssueStatus": "Issued",
            "InvoiceIssuerName": issuer.name,
            "PaymentCurrency": CURRENCY,
            "PaymentCurrencyBilledCost": usd_of(sum(row.billed_nanos for row in rows)),
            "PaymentCurrencyInvoiceDetailId": detail,
            "PaymentDueDate": None,
            "PaymentTerms": PAYMENT_TERMS,
            "PurchaseOrderNumber": None,
            "ReferenceInvoiceId": statement.number,
        }
        found.append({name: values[name] for name in columns("invoice-detail", "1.4")})
    return found


def _period(span: Span) -> dict[str, Cell]:
    return {"BillingPeriodEnd": span.end_us, "BillingPeriodStart": span.start_us}
