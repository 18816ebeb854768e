"""What the reports of OpenAI and Anthropic have in common: pages of buckets, a day each, of results."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date

from metering.reconcile.line import Imported, NanoRounder, VendorLine
from metering.reconcile.record import Record, pages


def import_buckets(
    name: str,
    data: bytes,
    day_of: Callable[[Record], date],
    lines_of: Callable[[Record, date, NanoRounder], Iterable[VendorLine]],
) -> Imported:
    """Of one file, which may hold costs, usage, or both. Raises ImportFailed."""
    lines: list[VendorLine] = []
    days: set[date] = set()
    rounder = NanoRounder()
    for page in pages(name, data):
        for bucket in page.records("data"):
            day = day_of(bucket)
            days.add(day)
            for result in bucket.records("results"):
                lines += lines_of(result, day, rounder)
    return Imported(lines, frozenset(days))
