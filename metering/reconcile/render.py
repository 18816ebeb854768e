"""A reconciliation for people (aligned text), programs (JSON) and spreadsheets (CSV). Amounts are exact."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any

from metering.books.entries import Entry
from metering.money import format_usd
from metering.reconcile.adjust import Plan, Source
from metering.reconcile.reconcile import Result, Row, models_of
from metering.reconcile.variance import Variance

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_SHOWN_MODELS = 5


def render_text(result: Result, source: Source, notes: Sequence[str] = ()) -> str:
    """A line per day and model, then the sums by class, what is unexplained, and the coverage."""
    lines: list[str] = []
    if result.rows:
        titles = ("day", "vendor", "model", "vendor USD", "ledger USD", "variance", "class")
        lines += _table(titles, [_cells(row) for row in result.rows], right=(3, 4, 5))
    else:
        lines.append("Neither the vendor nor the ledger has anything in this period.")
    lines += ["", f"{', '.join(source.vendors)}, {source.first} to {source.last} (UTC days)"]
    totals = [("vendor", format_usd(result.vendor_nanos)), ("ledger", format_usd(result.ledger_nanos))]
    lines += _table((), [*totals, ("variance", _signed(result.variance_nanos))], right=(1,))
    named = result.classes.items()
    rows = [(f"  {kind.value}", _signed(nanos), _where(result, kind)) for kind, nanos in named]
    lines += _table((), rows, right=(1,))
    lines.append(f"coverage: {_percent(result.coverage)} of the vendor's usage is explained by metered rows")
    return "\n".join([*lines, *notes]) + "\n"


def render_csv(result: Result) -> str:
    """A line per day, model and class; a line of class '' where nothing differs. Exact dollars.

    A text that a spreadsheet would run as a formula is prefixed with an apostrophe.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(
        ["day", "vendor", "model", "vendor_usd", "ledger_usd", "variance_usd", "class", "amount_usd"]
    )
    for row in result.rows:
        amounts = (row.vendor_nanos, row.ledger_nanos, row.variance_nanos)
        whole = [row.day.isoformat(), _inert(row.vendor), _inert(row.model), *map(format_usd, amounts)]
        for kind, nanos in _named(row) or [("", 0)]:
            writer.writerow([*whole, kind, format_usd(nanos)])
    return out.getvalue()


def as_json(
    result: Result, source: Source, notes: Sequence[str], plan: Plan | None, written: int | None
) -> str:
    """One object; money twice: `*_nanos` as integers and `*_usd` as exact decimal text."""
    document: dict[str, Any] = {
        "object": "reconciliation",
        "vendors": list(source.vendors),
        "from": source.first.isoformat(),
        "to": source.last.isoformat(),
        "reference": source.reference,
        "data": [_plain(row) for row in result.rows],
        **_amounts(result.vendor_nanos, result.ledger_nanos, result.variance_nanos),
        "classes": {kind.value: _money(nanos) for kind, nanos in result.classes.items()},
        "late_moved_nanos": result.moved_nanos,
        "usage_nanos": result.usage_nanos,
        "explained_nanos": result.explained_nanos,
        "coverage_percent": None if result.coverage is None else float(round(result.coverage * 100, 4)),
        "rows_without_tokens": result.without_tokens,
        "notes": list(notes),
    }
    if plan is not None:
        document["adjustment"] = {
            "already_booked": plan.already,
            "total_nanos": plan.wanted_nanos,
            "entries": [_entry(entry) for entry in plan.entries],
            "written": written,
        }
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def entries_text(plan: Plan) -> str:
    """What will be written, before it is."""
    if plan.already:
        return "This invoice was booked before: there is nothing to add.\n"
    if not plan.entries:
        return "The tenants' sum equals the invoice: there is nothing to add.\n"
    rows = [
        (
            e.month,
            _printable(e.tenant) or "(house)",
            e.cost_center,
            e.project,
            _signed(e.amount_nanos),
            e.description,
        )
        for e in plan.entries
    ]
    titles = ("month", "tenant", "cost centre", "project", "USD", "for")
    total = sum(entry.amount_nanos for entry in plan.entries)
    return "\n".join([*_table(titles, rows, right=(4,)), f"total: {_signed(total)} USD"]) + "\n"


def _cells(row: Row) -> tuple[str, ...]:
    classes = ", ".join(f"{kind} {_signed(nanos)}" for kind, nanos in _named(row))
    names = (row.day.isoformat(), _printable(row.vendor), _printable(row.model))
    return (
        *names,
        format_usd(row.vendor_nanos),
        format_usd(row.ledger_nanos),
        _signed(row.variance_nanos),
        classes,
    )


def _named(row: Row) -> list[tuple[str, int]]:
    return [(kind.value, row.classes[kind]) for kind in Variance if row.classes.get(kind)]


def _where(result: Result, kind: Variance) -> str:
    models = models_of(result.rows, kind)
    shown = ", ".join(_printable(model) for model in models[:_SHOWN_MODELS])
    more = f" and {len(models) - _SHOWN_MODELS} more" if len(models) > _SHOWN_MODELS else ""
    moved = f"; {format_usd(result.moved_nanos)} moved to another day" if kind is Variance.LATE else ""
    return f"{shown}{more}{moved}"


def _plain(row: Row) -> dict[str, Any]:
    return {
        "day": row.day.isoformat(),
        "vendor": row.vendor,
        "model": row.model,
        **_amounts(row.vendor_nanos, row.ledger_nanos, row.variance_nanos),
        "classes": {kind: _money(nanos) for kind, nanos in _named(row)},
    }


def _amounts(vendor_nanos: int, ledger_nanos: int, variance_nanos: int) -> dict[str, int | str]:
    named = {"vendor": vendor_nanos, "ledger": ledger_nanos, "variance": variance_nanos}
    return {
        **{f"{name}_nanos": nanos for name, nanos in named.items()},
        **{f"{name}_usd": format_usd(nanos) for name, nanos in named.items()},
    }


def _money(nanos: int) -> Mapping[str, int | str]:
    return {"nanos": nanos, "usd": format_usd(nanos)}


def _entry(entry: Entry) -> dict[str, Any]:
    names = ("id", "month", "tenant", "cost_center", "project", "amount_nanos", "description", "reference")
    return {**{name: getattr(entry, name) for name in names}, "amount_usd": format_usd(entry.amount_nanos)}


def _table(titles: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int]) -> Iterator[str]:
    every = [tuple(titles), *rows] if titles else list(rows)
    widths = [max(len(row[column]) for row in every) for column in range(len(every[0]))]
    for row in every:
        cells = (
            cell.rjust(width) if column in right else (cell or "-" if titles else cell).ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield "  ".join(cells).rstrip()


def _signed(nanos: int) -> str:
    return ("+" if nanos > 0 else "") + format_usd(nanos)


def _percent(share: Fraction | None) -> str:
    return "-" if share is None else f"{float(share):.2%}"


def _inert(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in text)
