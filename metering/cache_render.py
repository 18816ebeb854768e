"""A cache report for people (a table) and for programs (JSON)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from metering.cache_report import CacheLine, CacheQuery, CacheReport, StorageSums
from metering.money import format_usd, places_to_show, round_to_places
from metering.render import gigabyte_hours, instant

TIERS = ("exact", "canonical", "semantic")
"""In this order; what else answered comes after them."""


def json_document(report: CacheReport) -> dict[str, Any]:
    """One object: `from`, `until`, `data` (a route each), `storage` and `totals`, storage included.

    Money twice: `*_nanos` as integers, `*_usd` as exact decimal strings; null where unknown.
    """
    storage = report.storage
    return {
        "object": "cache_report",
        "from": instant(report.query.from_us),
        "until": instant(report.query.until_us),
        "data": [{"route": line.route, **_fields(line)} for line in report.lines],
        "storage": {
            "byte_seconds": storage.byte_seconds,
            "unpriced_byte_seconds": storage.unpriced_byte_seconds,
            **_money("cost", storage.cost_nanos),
        },
        "totals": {
            **_fields(report.total),
            **_money("storage", storage.cost_nanos),
            **_money("net", report.net_nanos),
        },
    }


def report_of(document: Mapping[str, Any]) -> CacheReport:
    """What `json_document` made this of, but for its period: of another process, for people."""
    lines = (
        CacheLine(
            line["route"],
            line["hits"],
            line["misses"],
            line["saved_by_cache_nanos"],
            line["unpriced_hits"],
            line["audit_nanos"],
            line["unpriced_audits"],
        )
        for line in document["data"]
    )
    said = document["storage"]
    storage = StorageSums(said["byte_seconds"], said["unpriced_byte_seconds"], said["cost_nanos"])
    return CacheReport(CacheQuery(), tuple(lines), storage)


def render_json(report: CacheReport) -> str:
    """`json_document` as text."""
    return json.dumps(json_document(report), ensure_ascii=False, indent=2)


def render_text(report: CacheReport) -> str:
    """A line per route, one for storage and the total; dollars, `-` where unknown. What is printed adds up,
    down and across."""
    if not report.lines and not report.storage.byte_seconds:
        return "The cache was not asked in this period.\n"
    tiers = _tiers(report)
    titles = ("route", *tiers, "misses", "saved USD", "audits USD", "storage USD", "net USD")
    rows = [titles, *_rows(report, tiers)]
    widths = [max(len(row[at]) for row in rows) for at in range(len(titles))]
    lines = [
        "  ".join(cell.rjust(width) if at else cell.ljust(width) for at, (cell, width) in enumerate(pairs))
        for pairs in (list(zip(row, widths, strict=True)) for row in rows)
    ]
    rule = "-" * len(lines[0])
    return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1], *_notes(report)]) + "\n"


def _rows(report: CacheReport, tiers: Sequence[str]) -> Iterator[tuple[str, ...]]:
    lines, total, storage = report.lines, report.total, report.storage.cost_nanos
    every = [amount or 0 for line in lines for amount in (line.saved_nanos, line.audit_nanos)]
    places = places_to_show([*every, storage])
    saved, all_saved = _rounded([line.saved_nanos for line in lines], total.saved_nanos, places)
    audits, all_audits = _rounded([line.audit_nanos for line in lines], total.audit_nanos, places)
    (stored,), all_stored = round_to_places([storage], places)
    for line, plus, minus in zip(lines, saved, audits, strict=True):
        yield line.route or "-", *_counts(line, tiers), *_amounts(plus, minus, 0, places)
    if report.storage.byte_seconds:
        yield "storage", *("" for _ in (*tiers, "misses")), *_amounts(0, 0, stored, places)
    yield "total", *_counts(total, tiers), *_amounts(all_saved, all_audits, all_stored, places)


def _counts(line: CacheLine, tiers: Sequence[str]) -> Iterator[str]:
    yield from (f"{line.hits.get(tier, 0):,}" for tier in tiers)
    yield f"{line.misses:,}"


def _amounts(saved: int | None, audits: int | None, storage: int, places: int) -> Iterator[str]:
    net = None if saved is None or audits is None else saved - audits - storage
    yield from (format_usd(amount, places) for amount in (saved, audits, storage, net))


def _rounded(
    amounts: Sequence[int | None], total: int | None, places: int
) -> tuple[list[int | None], int | None]:
    known = [amount for amount in amounts if amount is not None]
    rounded, rounded_total = round_to_places(known, places)
    cells = iter(rounded)
    return [None if amount is None else next(cells) for amount in amounts], (
        None if total is None else rounded_total
    )


def _notes(report: CacheReport) -> Iterator[str]:
    total, storage = report.total, report.storage
    if total.unpriced_hits:
        yield f"{total.unpriced_hits} hits have no known price: what they saved is not in it."
    if total.unpriced_audits:
        yield f"{total.unpriced_audits} calls of audits have no known price: they cost more than this."
    if storage.byte_seconds:
        priced = "" if not storage.unpriced_byte_seconds else _without_price(report)
        yield f"Storage: {gigabyte_hours(storage.byte_seconds)} GB h{priced}."


def _without_price(report: CacheReport) -> str:
    storage = report.storage
    part = (
        ""
        if storage.unpriced_byte_seconds == storage.byte_seconds
        else (f"{gigabyte_hours(storage.unpriced_byte_seconds)} of them ")
    )
    return f", {part}without a price (cache.usd_per_gb_month): only metered"


def _tiers(report: CacheReport) -> tuple[str, ...]:
    seen = {tier for line in report.lines for tier in line.hits}
    return (*TIERS, *sorted(seen - {*TIERS}))


def _fields(line: CacheLine) -> dict[str, Any]:
    return {
        "hits": dict(line.hits),
        "misses": line.misses,
        **_money("saved_by_cache", line.saved_nanos),
        "unpriced_hits": line.unpriced_hits,
        **_money("audit", line.audit_nanos),
        "unpriced_audits": line.unpriced_audits,
        **_money("net", line.net_nanos),
    }


def _money(name: str, nanos: int | None) -> dict[str, int | str | None]:
    return {f"{name}_nanos": nanos, f"{name}_usd": None if nanos is None else format_usd(nanos)}
