"""From a period of the ledger to its FOCUS rows: month by month, and what could not be put into rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import NamedTuple

from metering.focus.book_rows import rows_after_closing, rows_of_entries
from metering.focus.books_read import Later, Statement, read_books
from metering.focus.labels import withheld
from metering.focus.ledger_read import Found, Unknown, price_uses, read_charges
from metering.focus.meters import thresholds
from metering.focus.prices import Prices
from metering.focus.row import FocusRow, Span
from metering.focus.usage_rows import UsageRows
from metering.ledger import LedgerReader
from metering.periods import ReportError, period_start_us


class Month(NamedTuple):
    """A billing period, and the part of it that is asked for."""

    name: str
    billing: Span
    span: Span

    @property
    def is_whole(self) -> bool:
        return self.billing == self.span


@dataclass(frozen=True, slots=True)
class Export:
    rows: tuple[FocusRow, ...]
    months: tuple[Month, ...]
    statements: tuple[Statement, ...]
    unknown: tuple[Unknown, ...]
    """Attempts whose cost nobody knows: they are in no row, since a row of 0 would be a lie."""
    withheld_labels: int
    """Labels left out because they look like a secret or a mail address."""
    notes: tuple[str, ...]
    """What else a reader must know."""

    @property
    def billed_nanos(self) -> int:
        return sum(row.billed_nanos for row in self.rows)


def months_of(first: date, last: date, zone: str) -> list[Month]:
    """The calendar months of the zone that hold these days, both included. Raises ReportError."""
    if last < first:
        raise ReportError("from: the period ends before it starts")
    found = []
    start = date(first.year, first.month, 1)
    while start <= last:
        following = (start + timedelta(days=31)).replace(day=1)
        billing = Span(period_start_us(start, zone), period_start_us(following, zone))
        span = Span(
            max(billing.start_us, period_start_us(first, zone)),
            min(billing.end_us, period_start_us(last + timedelta(days=1), zone)),
        )
        found.append(Month(f"{start:%Y-%m}", billing, span))
        start = following
    return found


def export(reader: LedgerReader, prices: Prices, months: Sequence[Month], bucket_us: int) -> Export:
    """Rows in the order of time, tenant and meter. What is billed adds up to the ledger's cost (GPU time that
    nobody used included) and the books' later rows, to the nano-dollar; of a closed month, to its statements.

    Blocks. Raises LedgerError, and ReportError for a period whose rows were deleted, or that was closed in
    another time zone.
    """
    books = read_books(reader, [month.name for month in months])
    rows: list[FocusRow] = []
    unknown: list[Unknown] = []
    notes: list[str] = []
    hidden = 0
    for month in months:
        found = _charges(reader, prices, month, bucket_us)
        unknown += found.unknown
        hidden += sum(withheld(usage.place.tags) for usage in found.usage)
        of_usage = list(UsageRows(month.billing, month.span, bucket_us, prices).rows(found))
        rows += _with_books(month, of_usage, books, notes)
    rows.sort(key=_order)
    return Export(tuple(rows), tuple(months), books.statements, tuple(unknown), hidden, tuple(notes))


def _charges(reader: LedgerReader, prices: Prices, month: Month, bucket_us: int) -> Found:
    uses = price_uses(reader, month.span)
    asked = (prices.price(use.model, use.backend, use.first_us, use.price_version) for use in uses)
    sizes = thresholds([price for price in asked if price is not None])
    return read_charges(reader, month.span, bucket_us, sizes)


def _with_books(month: Month, usage: list[FocusRow], books: Later, notes: list[str]) -> list[FocusRow]:
    entries = [entry for entry in books.entries if entry.month == month.name]
    statements = [statement for statement in books.statements if statement.month == month.name]
    if not month.is_whole:
        if entries or statements:
            notes.append(
                f"{month.name}: only a part is exported, so its credits, adjustments and splits "
                f"({len(entries)}) and its statements are left out"
            )
        return usage
    for statement in statements:
        if (statement.from_us, statement.until_us) != month.billing:
            raise ReportError(f"time zone: {month.name} was closed for another; see `weir books statements`")
    rows = [*usage, *rows_of_entries(month.billing, entries)]
    if not statements:
        return rows
    rows += rows_after_closing(month.billing, rows, statements)
    numbers = {statement.tenant: statement.number for statement in statements}
    return [replace(row, invoice_id=numbers.get(row.tenant, "")) for row in rows]


def _order(row: FocusRow) -> tuple[object, ...]:
    sku = row.sku
    return (
        row.charge,
        row.tenant,
        row.kind,
        row.backend,
        row.model,
        "" if sku is None else sku.price_id,
        row.description,
        row.reference,
        sorted(row.tags.items()),
    )
