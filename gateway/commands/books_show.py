"""What `weir books` prints: tables for people, JSON, CSV."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from gateway.commands.common import table
from metering.books.charges import CATEGORY_TITLES
from metering.books.draft import MonthDraft
from metering.books.entries import Entry
from metering.books.periods import ClosedPeriod
from metering.books.render import (
    HOUSE_SHOWN,
    entry_json,
    exact_usd,
    head_json,
    lines_csv,
    month_json,
    period_json,
    rows_csv,
    statement_json,
    usd_of,
)
from metering.books.statement import Statement, StatementHead, StatementLine
from metering.render import instant

_LINES = ("line", "kind", "cost center", "project", "category", "what", "requests", "tokens", "USD")


def periods(found: Sequence[ClosedPeriod], shape: str) -> str:
    rows = [period_json(period) for period in found]
    if shape != "text":
        return _shaped(rows, shape, list(period_json(_NO_PERIOD)))
    if not rows:
        return "No month is closed.\n"
    cells = [
        [row["month"], row["total_usd"], str(row["statements"]), row["closed"] or "", row["closed_by"]]
        for row in rows
    ]
    return table(("month", "USD", "statements", "closed", "by"), cells)


_NO_PERIOD = ClosedPeriod("", "", 0, 0, 0, 0, 0, 0, 0, "", "")
_NO_HEAD = StatementHead("", "", "", "", 0, 0, "", 0, 0, 0, 0, 0, "", "")
_NO_ENTRY = Entry("", "", "", "", "", "adjustment", "", 0, "", "", 0, "")


def heads(found: Sequence[StatementHead], shape: str) -> str:
    rows = [head_json(head) for head in found]
    if shape != "text":
        return _shaped(rows, shape, list(head_json(_NO_HEAD)))
    if not rows:
        return "There are no statements.\n"
    return table(("number", "month", "tenant", "USD", "lines", "unpriced"), [_head_cells(h) for h in found])


def _head_cells(head: StatementHead) -> list[str]:
    unknown = str(head.unknown_cost_events or "")
    who, usd = head.tenant or HOUSE_SHOWN, usd_of(head.total_cents) or ""
    return [head.number, head.month, who, usd, str(head.lines), unknown]


def entries(found: Sequence[Entry], shape: str) -> str:
    rows = [entry_json(entry) for entry in found]
    if shape != "text":
        return _shaped(rows, shape, list(entry_json(_NO_ENTRY)))
    if not rows:
        return "There are no entries.\n"
    cells = [
        [e.month, e.tenant or HOUSE_SHOWN, e.kind, exact_usd(e.amount_nanos) or "", e.description,
         e.reference, e.statement_number or ""]
        for e in found
    ]  # fmt: skip
    return table(("month", "tenant", "kind", "USD", "for", "reference", "statement"), cells)


def statement(found: Statement, shape: str) -> str:
    if shape == "json":
        return _json({**statement_json(found), "holds": found.holds})
    if shape == "csv":
        return lines_csv([found])
    head = found.head
    top = [
        f"Statement {head.number} for {head.tenant or 'the house'}, {head.month} ({head.time_zone})",
        f"{instant(head.from_us)} to {instant(head.until_us)}, closed {instant(head.closed_us)} by "
        f"{head.closed_by}",
    ]
    rows = [*map(_line_cells, found.lines), ["", "total", *[""] * 6, usd_of(head.total_cents) or ""]]
    return "\n".join([*top, "", table(_LINES, rows)]) + _unpriced(head.unknown_cost_events)


def _line_cells(line: StatementLine) -> list[str]:
    what = line.description or " on ".join(filter(None, (line.model, line.backend)))
    worked = (line.input_uncached_tokens, line.cache_read_tokens, line.cache_write_tokens, line.output_tokens)
    tokens = sum(worked) + line.served_from_cache_tokens
    title = CATEGORY_TITLES.get(line.category, line.category)
    counts = [str(line.requests or ""), str(tokens or "")]
    usd = usd_of(line.cents) or "unknown"
    return [str(line.line), line.kind, line.cost_center, line.project, title, what, *counts, usd]


def month(found: MonthDraft, shape: str, *, closed: bool) -> str:
    if shape == "json":
        return _json(month_json(found, closed=closed))
    if shape == "csv":
        return lines_csv(found.statements, numbered=closed)
    state = "closed" if closed else "open, so far"
    return f"{found.period.month} ({found.period.time_zone}), {state}\n\n" + _month_table(
        found, numbered=closed
    )


def draft(found: MonthDraft) -> str:
    """What closing would freeze."""
    period = found.period
    head = f"{period.month}: {instant(period.from_us)} to {instant(period.until_us)} ({period.time_zone})\n"
    late = sum(entry.kind == "late" for entry in found.new_entries)
    splits = len(found.new_entries) - late
    added = f"Closing adds {late} entries of late usage and {splits} of splits.\n" if late or splits else ""
    return f"{head}\n{_month_table(found, numbered=True)}{added}"


def _month_table(found: MonthDraft, *, numbered: bool) -> str:
    if not found.statements:
        return "Nothing was used and nothing was entered.\n"
    rows = [
        [head.number if numbered else "", *_head_cells(head)[2:]]
        for head in (statement.head for statement in found.statements)
    ]
    unknown = found.period.unknown_cost_events
    lines = str(sum(statement.head.lines for statement in found.statements))
    total = ["total", "", usd_of(found.period.total_cents) or "", lines, str(unknown or "")]
    return table(("statement", "tenant", "USD", "lines", "unpriced"), [*rows, total]) + _unpriced(unknown)


def _unpriced(events: int) -> str:
    if not events:
        return ""
    return f"Rows of unknown cost, in no sum: {events}. `weir reprice` prices those of open months.\n"


def closed_before(period: ClosedPeriod) -> str:
    return (
        f"{period.month} was closed before, {instant(period.closed_us)} by {period.closed_by}, with "
        f"{period.statements} statements over {usd_of(period.total_cents)} USD; nothing was changed.\n"
    )


def closed_now(period: ClosedPeriod) -> str:
    return (
        f"{period.month} is closed: {period.statements} statements over {usd_of(period.total_cents)} USD.\n"
    )


def entered(entry: Entry) -> str:
    who = entry.tenant or "the house"
    return f"{entry.kind} of {exact_usd(entry.amount_nanos)} USD for {who} in {entry.month}: {entry.id}\n"


def _shaped(rows: Sequence[dict[str, Any]], shape: str, titles: Sequence[str]) -> str:
    return _json({"object": "list", "data": rows}) if shape == "json" else rows_csv(titles, rows)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"
