"""Recorded traffic in the order in which it came, read page by page, for deciding it again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

from metering.event import Event
from metering.event_pages import PAGE_ROWS, Period, pages
from metering.ledger import LedgerReader

_DECIDED = "kind <> 'correction'"
_CORRECTIONS = """
SELECT corrects, cost_nanos FROM events
WHERE started_us >= ? AND started_us <= ? AND kind = 'correction' AND cost_nanos IS NOT NULL
"""
_GPU_COSTS = """
SELECT backend, served_model, SUM(list_nanos),
  SUM(input_uncached_tokens + cache_read_tokens + cache_write_tokens + output_tokens)
FROM events
WHERE started_us >= ? AND started_us < ? AND price_version LIKE 'gpu:%' AND list_nanos IS NOT NULL
  AND provenance IS NOT NULL AND kind = 'attempt'
GROUP BY backend, served_model
"""


class Recorded(NamedTuple):
    """One attempt or hit, and what it cost with its corrections; None where unknown."""

    event: Event
    cost_nanos: int | None


def recorded(reader: LedgerReader, period: Period, page_rows: int = PAGE_ROWS) -> Iterator[list[Recorded]]:
    """Every attempt and hit of the period, oldest first; what is in memory is one page. Blocks. Raises
    LedgerError."""
    for events in pages(reader, period, _DECIDED, page_rows):
        corrected = _corrected(reader, events)
        yield [Recorded(event, _plus(event.cost_nanos, corrected.get(event.id))) for event in events]


def gpu_rates_seen(reader: LedgerReader, period: Period) -> dict[tuple[str, str], Fraction]:
    """(model, backend) -> nano-dollars of GPU time per token, before markup: what the rows of the period had
    where GPU time paid for them. Blocks. Raises LedgerError."""
    (rows,) = reader.read((_GPU_COSTS, period.bounds))
    return {
        (str(model), str(backend)): Fraction(int(nanos or 0), int(tokens or 0))
        for backend, model, nanos, tokens in rows
        if int(tokens or 0)
    }


def _corrected(reader: LedgerReader, events: Sequence[Event]) -> Mapping[str, int]:
    """A correction has the `started_us` of what it corrects."""
    (rows,) = reader.read((_CORRECTIONS, (events[0].started_us, events[-1].started_us)))
    sums: dict[str, int] = {}
    for corrects, nanos in rows:
        sums[str(corrects)] = sums.get(str(corrects), 0) + int(nanos or 0)
    return sums


def _plus(amount: int | None, more: int | None) -> int | None:
    return amount if more is None else more + (amount or 0)
