"""What a tenant pays in a month, from the ledger: its usage, and GPU time that nobody's request used.

GPU time of requests is in the cost of their rows already, or was paid for by tokens: its shares are shown
and never added. Idle time, warm-up and overhead are added as they stand in the closed windows, at the price
of the GPUs: on the house (tenant ''), unless the idle policy gave them to somebody.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from metering.books.months import bounds_us
from metering.ledger import LedgerReader
from metering.reports import ReportQuery, ReportRow, usage_report
from metering.store.measures import STORAGE

HOUSE = ""
"""Who pays what no tenant does."""
ON_TOP = frozenset({"idle", "overhead"})
"""Categories whose GPU time is charged beside what rows cost."""
CATEGORY_TITLES = {
    "vendor": "model inference",
    "gpu": "GPU time",
    "cache": "served from the cache",
    STORAGE: "cache storage",
    "idle": "idle GPU time",
    "overhead": "GPU warm-up and overhead",
}
_GROUPS = ("tenant", "cost_center", "project", "model", "backend", "category")


class ChargeKey(NamedTuple):
    """What is summed into one line."""

    tenant: str
    cost_center: str
    project: str
    model: str
    backend: str
    category: str
    """vendor, gpu, cache, cache storage, idle or overhead."""


@dataclass(frozen=True, slots=True)
class ChargeLine:
    """A month's usage of one kind by one tenant. Money is nano-dollars."""

    tenant: str
    cost_center: str
    project: str
    model: str
    backend: str
    category: str
    requests: int
    input_uncached_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    output_tokens: int
    """Reasoning included."""
    reasoning_tokens: int
    served_from_cache_tokens: int
    gpu_ns: int
    """GPU nanoseconds of closed windows."""
    list_nanos: int | None
    """Before the tenant's factor. None where no row has a known price."""
    cost_nanos: int | None
    """What is charged, corrections included. None where there are rows and none has a known cost: not 0."""
    unknown_cost_events: int
    """Rows whose cost nobody knows; it is missing above."""
    storage_byte_seconds: int = 0
    """What kept answers occupied, times how long."""

    @property
    def key(self) -> ChargeKey:
        return ChargeKey(self.tenant, self.cost_center, self.project, self.model, self.backend, self.category)


def monthly_charges(reader: LedgerReader, month: str, zone: str) -> list[ChargeLine]:
    """A calendar month of the zone, in the order of their keys.

    Blocks. Raises LedgerError; BadMonth and ReportError (an unknown zone, or part of an hour whose rows were
    deleted).
    """
    return charges_between(reader, *bounds_us(month, zone))


def charges_between(reader: LedgerReader, from_us: int, until_us: int) -> list[ChargeLine]:
    """Of rows that began, and GPU windows that begin, in `[from_us, until_us)`. Raises the same."""
    if from_us >= until_us:
        return []
    report = usage_report(reader, ReportQuery(_GROUPS, from_us, until_us))
    return [line for row in report.rows if _says_something(line := _line(row))]


def known_nanos(lines: Iterable[ChargeLine]) -> int:
    """The sum of what is known."""
    return sum(line.cost_nanos or 0 for line in lines)


def _line(row: ReportRow) -> ChargeLine:
    key, sums = ChargeKey(*row.group), row.sums
    on_top = sums.gpu_nanos if key.category in ON_TOP else None
    if not sums.unknown_cost_events and sums.cost_nanos is None:
        on_top = on_top or 0  # only shares of GPU time, whose rows stand on another line: nothing is unknown
    return ChargeLine(
        **key._asdict(),
        requests=sums.requests,
        input_uncached_tokens=sums.input_uncached_tokens,
        cache_read_tokens=sums.cache_read_tokens,
        cache_write_tokens=sums.cache_write_tokens,
        output_tokens=sums.output_tokens,
        reasoning_tokens=sums.reasoning_tokens,
        served_from_cache_tokens=sums.served_from_cache_tokens,
        gpu_ns=sums.gpu_ns,
        list_nanos=_plus(sums.list_nanos, on_top),
        cost_nanos=_plus(sums.cost_nanos, on_top),
        unknown_cost_events=sums.unknown_cost_events,
        storage_byte_seconds=sums.storage_byte_seconds,
    )


def _plus(amount: int | None, more: int | None) -> int | None:
    return amount if more is None else more if amount is None else amount + more


def _says_something(line: ChargeLine) -> bool:
    """Attempts that did nothing and cost nothing are no line."""
    counted = (line.requests, line.input_uncached_tokens, line.cache_read_tokens, line.cache_write_tokens)
    rest = (line.output_tokens, line.served_from_cache_tokens, line.gpu_ns, line.unknown_cost_events)
    return any((*counted, *rest, line.list_nanos, line.cost_nanos))
