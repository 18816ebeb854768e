"""Statements, months and entries for people (aligned text), programs (JSON) and spreadsheets (CSV).

Money is shown in dollars with cents where it was rounded to cents, and exact beside it.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from metering.books.draft import MonthDraft
from metering.books.entries import Entry
from metering.books.periods import ClosedPeriod
from metering.books.statement import NANOS_PER_CENT, Statement, StatementHead, StatementLine
from metering.money import format_usd
from metering.render import inert, instant

HOUSE_SHOWN = "(the house)"
Rows = Sequence[Mapping[str, Any]]


def usd_of(cents: int | None) -> str | None:
    """`12.34`; None where unknown."""
    return None if cents is None else format_usd(cents * NANOS_PER_CENT, 2)


def exact_usd(nanos: int | None) -> str | None:
    """All nine places that there are; None where unknown."""
    return None if nanos is None else format_usd(nanos)


def head_json(head: StatementHead) -> dict[str, Any]:
    return {
        "object": "statement",
        "number": head.number,
        "month": head.month,
        "tenant": head.tenant,
        "time_zone": head.time_zone,
        "from": instant(head.from_us),
        "until": instant(head.until_us),
        "currency": head.currency,
        "total_usd": usd_of(head.total_cents),
        "total_exact_usd": exact_usd(head.total_nanos),
        "total_cents": head.total_cents,
        "total_nanos": head.total_nanos,
        "lines": head.lines,
        "unknown_cost_events": head.unknown_cost_events,
        "closed": instant(head.closed_us),
        "closed_by": head.closed_by,
        "digest": head.digest,
    }


def line_json(line: StatementLine) -> dict[str, Any]:
    amounts = {"amount_usd": usd_of(line.cents), "amount_exact_usd": exact_usd(line.amount_nanos)}
    return {**asdict(line), **amounts, "list_exact_usd": exact_usd(line.list_nanos)}


def statement_json(statement: Statement) -> dict[str, Any]:
    """The head, with all lines in place of their count."""
    return {**head_json(statement.head), "lines": [line_json(line) for line in statement.lines]}


def period_json(period: ClosedPeriod) -> dict[str, Any]:
    return {
        "object": "books_period",
        "month": period.month,
        "state": "closed",
        "time_zone": period.time_zone,
        "from": instant(period.from_us),
        "until": instant(period.until_us),
        "statements": period.statements,
        "total_usd": usd_of(period.total_cents),
        "total_exact_usd": exact_usd(period.total_nanos),
        "total_cents": period.total_cents,
        "total_nanos": period.total_nanos,
        "unknown_cost_events": period.unknown_cost_events,
        "closed": instant(period.closed_us),
        "closed_by": period.closed_by,
        "digest": period.digest,
    }


def entry_json(entry: Entry) -> dict[str, Any]:
    return {
        "object": "books_entry",
        **asdict(entry),
        "amount_usd": exact_usd(entry.amount_nanos),
        "created": instant(entry.created_us),
        "details": json.loads(entry.details),
    }


def month_json(draft: MonthDraft, *, closed: bool) -> dict[str, Any]:
    """A whole month. Of an open one, what it comes to now: nobody closed it, and nothing is numbered."""
    period = period_json(draft.period)
    statements = [statement_json(statement) for statement in draft.statements]
    if not closed:
        for head in (period, *statements):
            head.update(dict.fromkeys(("closed", "closed_by", "digest")))
        for statement in statements:
            statement["number"] = None
        period["state"] = "open"
    return {**period, "object": "books_month", "statements": statements}


def lines_csv(statements: Sequence[Statement], *, numbered: bool = True) -> str:
    """A line each, no totals. Amounts that are unknown are empty cells."""
    names = [name for name in StatementLine.__dataclass_fields__ if name not in _NOT_SHOWN]
    rows = [
        {
            "number": statement.head.number if numbered else "",
            "month": statement.head.month,
            **{name: getattr(line, name) for name in names},
            "list_exact_usd": exact_usd(line.list_nanos),
            "amount_usd": usd_of(line.cents),
            "amount_exact_usd": exact_usd(line.amount_nanos),
        }
        for statement in statements
        for line in statement.lines
    ]
    titles = ("number", "month", *names, "list_exact_usd", "amount_usd", "amount_exact_usd")
    return rows_csv(titles, rows)


_NOT_SHOWN = frozenset({"list_nanos", "amount_nanos", "cents"})
"""They stand there in dollars."""


def rows_csv(titles: Sequence[str], rows: Rows) -> str:
    """Texts that a spreadsheet would run as a formula are prefixed with an apostrophe."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(titles)
    for row in rows:
        writer.writerow([_cell(title, row.get(title)) for title in titles])
    return out.getvalue()


def _cell(title: str, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, dict):
        value = json.dumps(value, sort_keys=True)
    return str(value) if title.endswith("_usd") else inert(str(value))
