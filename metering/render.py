"""A usage report for people (aligned text), programs (JSON) and spreadsheets (CSV)."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from metering.money import format_usd, places_to_show, round_to_places
from metering.reports import SUM_NAMES, UsageReport, UsageSums
from metering.storage_price import BYTES_PER_GB

_MONEY = tuple(name for name in SUM_NAMES if name.endswith("_nanos"))
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class _Column:
    title: str
    cells: list[str]
    """One per row, then the total."""
    right: bool = True


def render_json(report: UsageReport) -> str:
    """`json_document` as text."""
    return json.dumps(json_document(report), ensure_ascii=False, indent=2)


def json_document(report: UsageReport) -> dict[str, Any]:
    """One object: `group_by`, `from`, `until`, `where`, `time_zone`, `data` (a row each) and `totals`.

    Money twice: `*_nanos` as integers, `*_usd` as exact decimal strings; null where unknown.
    """
    query = report.query
    return {
        "object": "usage_report",
        "group_by": list(query.group_by),
        "from": instant(query.from_us),
        "until": instant(query.until_us),
        "where": dict(query.where),
        "time_zone": query.time_zone,
        "data": [
            {**dict(zip(query.group_by, row.group, strict=True)), **_fields(row.sums)} for row in report.rows
        ],
        "totals": _fields(report.totals),
    }


def render_csv(report: UsageReport) -> str:
    """A header line and a line per group, no totals. Exact dollars; unknown amounts are empty cells.

    A text that a spreadsheet would run as a formula is prefixed with an apostrophe.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*report.query.group_by, *(_usd_name(name) for name in SUM_NAMES)])
    for row in report.rows:
        amounts = [_csv_cell(name, getattr(row.sums, name)) for name in SUM_NAMES]
        writer.writerow([*(inert(text) for text in row.group), *amounts])
    return out.getvalue()


def render_text(report: UsageReport) -> str:
    """An aligned table with a line of totals; dollars, `-` where unknown.

    Every column of money is rounded so that it adds up to its total as printed.
    """
    if not report.rows:
        return "No usage in this period.\n"
    columns = [
        *_group_columns(report),
        *_count_columns(report),
        *_money_columns(report),
        *_cache_columns(report),
        *_gpu_columns(report),
        *_notes(report),
    ]
    widths = [max(len(column.title), *(len(cell) for cell in column.cells)) for column in columns]
    lines = [
        "  ".join(
            cell.rjust(width) if column.right else cell.ljust(width)
            for column, width, cell in zip(columns, widths, cells, strict=True)
        ).rstrip()
        for cells in zip(*([column.title, *column.cells] for column in columns), strict=True)
    ]
    rule = "-" * len(lines[0])
    return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1]]) + "\n"


def reported_line(report: UsageReport) -> str:
    """How much of the cost rests on tokens that no vendor or engine reported; '' if nothing was charged."""
    sums = report.totals
    if not sums.cost_nanos:
        return ""
    unreported = ((sums.counted_cost_nanos, "counted"), (sums.estimated_cost_nanos, "estimated"))
    shares = [f"{_share(nanos / sums.cost_nanos)} {what}" for nanos, what in unreported if nanos]
    told = f"{' and '.join(shares)}, the rest reported" if shares else "all of it reported"
    return f"Tokens behind the cost: {told} by vendors and engines.\n"


def _group_columns(report: UsageReport) -> list[_Column]:
    names = report.query.group_by
    by_name = zip(*(row.group for row in report.rows), strict=True)
    totals = ["total", *[""] * (len(names) - 1)]
    return [
        _Column(name, [*(_printable(value) or "-" for value in values), total], right=False)
        for name, values, total in zip(names, by_name, totals, strict=True)
    ]


_COUNTS: tuple[tuple[str, Callable[[UsageSums], int]], ...] = (
    ("requests", lambda sums: sums.requests),
    ("attempts", lambda sums: sums.attempts),
    ("hits", lambda sums: sums.hits),
    ("input", lambda sums: sums.input_uncached_tokens),
    ("read", lambda sums: sums.cache_read_tokens),
    ("write", lambda sums: sums.cache_write_tokens),
    ("output", lambda sums: sums.output_tokens),
    ("reasoning", lambda sums: sums.reasoning_tokens),
)


def _count_columns(report: UsageReport) -> list[_Column]:
    every = _every(report)
    return [_Column(title, [f"{count(sums):,}" for sums in every]) for title, count in _COUNTS]


_AMOUNTS: tuple[tuple[str, Callable[[UsageSums], int | None]], ...] = (
    ("cost USD", lambda sums: sums.cost_nanos),
    ("baseline USD", lambda sums: sums.baseline_nanos),
    ("saved by cache", lambda sums: sums.saved_by_cache_nanos),
    ("saved by route", lambda sums: sums.saved_by_route_nanos),
)


def _money_columns(report: UsageReport) -> list[_Column]:
    """One number of decimal places for the whole table, enough for its smallest amount."""
    every = _every(report)
    places = places_to_show([amount(sums) or 0 for _, amount in _AMOUNTS for sums in every])
    return [_Column(title, _amounts([amount(sums) for sums in every], places)) for title, amount in _AMOUNTS]


def _cache_columns(report: UsageReport) -> list[_Column]:
    """Only where there is any: what audits of hits cost, a part of the cost, and what answers occupied."""
    every = _every(report)
    shown = []
    audits = [sums.cache_audit_nanos for sums in every]
    if any(audits):
        places = places_to_show([amount or 0 for amount in audits])
        shown.append(_Column("cache audits", _amounts(audits, places)))
    occupied = [sums.storage_byte_seconds for sums in every]
    if any(occupied):
        shown.append(_Column("storage GB h", [gigabyte_hours(each) for each in occupied]))
    return shown


def gigabyte_hours(byte_seconds: int) -> str:
    """To the thousandth, or in three digits where it is less: rounded, for people."""
    hours = byte_seconds / (BYTES_PER_GB * 3600)
    return f"{hours:,.3f}" if hours >= 0.1 or not hours else f"{hours:.3g}"


def _gpu_columns(report: UsageReport) -> list[_Column]:
    """Only where there is any: of closed windows, and what was charged before they closed."""
    every = _every(report)
    shown = []
    for title, names in _GPU:
        spent_ns, spent_nanos = ([getattr(sums, name) for sums in every] for name in names)
        if not any(spent_ns):
            continue
        shown.append(_Column(f"{title} s", [f"{spent / 1e9:,.3f}" for spent in spent_ns]))
        places = places_to_show([amount or 0 for amount in spent_nanos])
        shown.append(_Column(f"{title} USD", _amounts(spent_nanos, places)))
    return shown


_GPU = (
    ("GPU", ("gpu_ns", "gpu_nanos")),
    ("provisional GPU", ("provisional_gpu_ns", "provisional_gpu_nanos")),
)


def _amounts(amounts: Sequence[int | None], places: int) -> list[str]:
    """The last amount is the total; the others are rounded to add up to it."""
    *parts, total = amounts
    known = [part for part in parts if part is not None]
    rounded, rounded_total = round_to_places(known, places)
    cells = iter(rounded)
    shown = [None if part is None else next(cells) for part in parts]
    return [format_usd(each, places) for each in (*shown, None if total is None else rounded_total)]


def _notes(report: UsageReport) -> list[_Column]:
    cells = [_note(sums) for sums in _every(report)]
    return [_Column("", cells, right=False)] if any(cells) else []


def _note(sums: UsageSums) -> str:
    notes = []
    if sums.stand_in_events:
        notes.append("stand-in")
    if sums.unknown_cost_events:
        notes.append(f"{sums.unknown_cost_events} unpriced")
    if sums.unpriced_storage_byte_seconds:
        notes.append("storage without a price")
    if share := sums.unreported_cost_share:
        notes.append(f"{_share(share)} of cost counted or estimated")
    return ", ".join(notes)


def _share(share: float) -> str:
    return f"{share:.1%}" if share >= 0.001 else "<0.1%"


def _every(report: UsageReport) -> list[UsageSums]:
    return [*(row.sums for row in report.rows), report.totals]


def _fields(sums: UsageSums) -> dict[str, int | str | float | None]:
    money = {_usd_name(name): _exact_usd(getattr(sums, name)) for name in _MONEY}
    plain = {name: getattr(sums, name) for name in SUM_NAMES}
    return {**plain, **money, "unreported_cost_share": sums.unreported_cost_share}


def _exact_usd(nanos: int | None) -> str | None:
    return None if nanos is None else format_usd(nanos)


def _usd_name(name: str) -> str:
    return name.removesuffix("_nanos") + "_usd" if name in _MONEY else name


def _csv_cell(name: str, value: int | None) -> str:
    if value is None:
        return ""
    return format_usd(value) if name in _MONEY else str(value)


def inert(text: str) -> str:
    """So that no spreadsheet runs it as a formula."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def _printable(text: str) -> str:
    """A model name comes from the client: it must not move the cursor of who reads the report."""
    return "".join(char if char.isprintable() else "?" for char in text)


def instant(epoch_us: int | None) -> str | None:
    """ISO 8601, UTC."""
    if epoch_us is None:
        return None
    return (_EPOCH + timedelta(microseconds=epoch_us)).isoformat().replace("+00:00", "Z")
