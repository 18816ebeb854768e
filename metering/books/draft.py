"""What closing a month freezes: every tenant's statement, in parts that add up to the whole to the cent."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from metering.books.charges import HOUSE, charges_between
from metering.books.entries import Entry, read_entries
from metering.books.late import late_entries
from metering.books.periods import ClosedPeriod, closed_periods, next_open_month, span_us
from metering.books.policy import BooksPolicy
from metering.books.split import split_entries
from metering.books.statement import (
    CURRENCY,
    NANOS_PER_CENT,
    Statement,
    StatementHead,
    StatementLine,
    charge_line,
    digest_of,
    entry_line,
)
from metering.ledger import LedgerReader
from metering.money import divide_half_even, split_units


@dataclass(frozen=True, slots=True)
class MonthDraft:
    """A month as it would be closed, or was."""

    period: ClosedPeriod
    statements: tuple[Statement, ...]
    """By number: tenants in the order of their names, the house last."""
    new_entries: tuple[Entry, ...]
    """Late usage of closed months and splits, which closing adds."""


def draft_month(reader: LedgerReader, month: str, policy: BooksPolicy, now_us: int, who: str) -> MonthDraft:
    """Of an open month, over or not. Writes nothing. Raises LedgerError, BadMonth and ReportError."""
    closed = closed_periods(reader)
    from_us, until_us = span_us(month, policy.time_zone, closed)
    charges = charges_between(reader, from_us, until_us)
    late = _late(reader, closed, month, now_us, who)
    entries = [*read_entries(reader, month=month), *late]
    splits = split_entries(month, charges, entries, policy.splits, now_us, who)
    lines = [*map(charge_line, charges), *map(entry_line, [*entries, *splits])]
    made = make_statements(month, policy.time_zone, (from_us, until_us), lines, now_us, who)
    return MonthDraft(
        _period(month, policy.time_zone, (from_us, until_us), made, now_us, who), made, (*late, *splits)
    )


def _late(
    reader: LedgerReader, closed: Sequence[ClosedPeriod], month: str, now_us: int, who: str
) -> list[Entry]:
    """Late usage goes into the first open month alone."""
    if month != next_open_month({period.month for period in closed}):
        return []
    return late_entries(reader, closed, month, now_us, who)


def make_statements(
    month: str,
    time_zone: str,
    span: tuple[int, int],
    lines: Iterable[StatementLine],
    closed_us: int,
    closed_by: str,
) -> tuple[Statement, ...]:
    """Numbered statements. The month's total is rounded once; statements, and lines within each, are rounded
    to cents by largest remainder, so that each adds up to the whole above it."""
    by_tenant: dict[str, list[StatementLine]] = {}
    for line in lines:
        by_tenant.setdefault(line.tenant, []).append(line)
    tenants = sorted(by_tenant, key=lambda tenant: (tenant == HOUSE, tenant))
    sums = [sum(line.amount_nanos or 0 for line in by_tenant[tenant]) for tenant in tenants]
    cents = split_units(sums, divide_half_even(sum(sums), NANOS_PER_CENT), NANOS_PER_CENT)
    made = []
    for number, (tenant, nanos, total) in enumerate(zip(tenants, sums, cents, strict=True), 1):
        mine = _rounded(by_tenant[tenant], total)
        head = StatementHead(
            *(f"{month}-{number:04}", month, tenant, time_zone, *span, CURRENCY, nanos, total, len(mine)),
            *(sum(line.unknown_cost_events for line in mine), closed_us, closed_by, ""),
        )
        made.append(Statement(replace(head, digest=digest_of(head, mine)), mine))
    return tuple(made)


def _rounded(lines: Sequence[StatementLine], total_cents: int) -> tuple[StatementLine, ...]:
    known = [line.amount_nanos for line in lines if line.amount_nanos is not None]
    cents = iter(split_units(known, total_cents, NANOS_PER_CENT))
    return tuple(
        replace(line, line=number, cents=None if line.amount_nanos is None else next(cents))
        for number, line in enumerate(lines, 1)
    )


def _period(
    month: str, zone: str, span: tuple[int, int], made: Sequence[Statement], closed_us: int, closed_by: str
) -> ClosedPeriod:
    heads = [statement.head for statement in made]
    digests = "\n".join(head.digest for head in heads)
    return ClosedPeriod(
        *(month, zone, *span, len(heads)),
        sum(head.total_nanos for head in heads),
        sum(head.total_cents for head in heads),
        sum(head.unknown_cost_events for head in heads),
        *(closed_us, closed_by, hashlib.sha256(digests.encode()).hexdigest()),
    )
