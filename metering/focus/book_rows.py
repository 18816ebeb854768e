"""Rows for what the books added to a month: credits, adjustments, late usage, reconciliation, splits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

from metering.focus.books_read import BookEntry, Statement
from metering.focus.labels import must_not_leave, tags_of
from metering.focus.row import Category, FocusRow, LedgerKind, Span
from metering.focus.splits import allocations

_KINDS: Mapping[str, tuple[Category, LedgerKind]] = {
    "credit": ("Credit", "credit"),
    "adjustment": ("Adjustment", "adjustment"),
    "late": ("Adjustment", "late"),
    "reconciliation": ("Adjustment", "reconciliation"),
    "split": ("Adjustment", "split"),
}
_PLAIN: tuple[Category, Literal["adjustment"]] = ("Adjustment", "adjustment")


def rows_of_entries(billing: Span, entries: Iterable[BookEntry]) -> Iterator[FocusRow]:
    """Each is a charge of the whole billing period. Late usage corrects a period that was invoiced."""
    listed = list(entries)
    parts = allocations(listed)
    for entry in listed:
        category, kind = _KINDS.get(entry.kind, _PLAIN)
        yield FocusRow(
            billing=billing,
            charge=billing,
            category=category,
            kind=kind,
            description=_said(entry),
            tenant=entry.tenant,
            billed_nanos=entry.amount_nanos,
            tags=tags_of(entry.cost_center, entry.project, "{}"),
            is_correction=entry.kind == "late",
            reference=entry.id,
            allocation=parts.get(entry.id),
        )


def rows_after_closing(
    billing: Span, rows: Iterable[FocusRow], statements: Iterable[Statement]
) -> Iterator[FocusRow]:
    """What makes a closed month's rows add up to its frozen statements: usage that came later stands in its
    rows, and is billed as late usage of a later month, so it is taken out here as a sum per tenant."""
    billed: dict[str, int] = {}
    for row in rows:
        billed[row.tenant] = billed.get(row.tenant, 0) + row.billed_nanos
    frozen = {statement.tenant: statement.total_nanos for statement in statements}
    for tenant in sorted({*billed, *frozen}):
        difference = frozen.get(tenant, 0) - billed.get(tenant, 0)
        if difference:
            yield FocusRow(
                billing=billing,
                charge=billing,
                category="Adjustment",
                kind="closing",
                description="came after the month was closed: billed as late usage of a later month",
                tenant=tenant,
                billed_nanos=difference,
                tags={},
            )


def _said(entry: BookEntry) -> str:
    text = entry.description or entry.kind
    return f"{entry.kind} {entry.id}" if must_not_leave(text) else text
