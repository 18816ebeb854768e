"""What was used and what it cost, summed in the ledger over any grouping, in exact integers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from metering.ledger import LedgerReader
from metering.periods import PERIODS, ReportError, zone_of
from metering.store.report_query import Asked, read_sums

_COLUMN_OF = {
    "tenant": "tenant",
    "project": "project",
    "cost_center": "cost_center",
    "key": "key",
    "model": "served_model",
    "requested_model": "requested_model",
    "backend": "backend",
    "route": "route",
    "tier": "tier",
    "cache_status": "cache_status",
    "outcome": "outcome",
    "api": "api",
    "category": "category",
    "provenance": "provenance",
    "line": "line",
}
DIMENSIONS = (*_COLUMN_OF, *PERIODS)
"""What a report may be grouped and filtered by, beside `tag:NAME`. `model` is the one that served; days are
those of the query's time zone; `category` is vendor, gpu, cache, cache storage, idle or overhead; the
`cache_status` of a hit is the tier that found it."""
TAG = "tag:"

DEFAULT_GROUPING = ("tenant", "model", "day")


@dataclass(frozen=True, slots=True)
class ReportQuery:
    """Which events, and how they are grouped. Raises ReportError.

    Events are chosen by `started_us`: from `from_us` on, before `until_us` (see metering.days).
    """

    group_by: tuple[str, ...] = DEFAULT_GROUPING
    from_us: int | None = None
    until_us: int | None = None
    where: Mapping[str, str] = field(default_factory=dict)
    """Dimension -> the value it must have."""
    time_zone: str = "UTC"
    """Whose days and months: a name like Europe/Berlin. Hours are UTC's."""

    def __post_init__(self) -> None:
        if not self.group_by:
            raise ReportError(f"group by: name at least one of {', '.join(DIMENSIONS)}")
        _check_dimensions("group by", self.group_by)
        _check_dimensions("filter", tuple(self.where))
        if len(set(self.group_by)) != len(self.group_by):
            raise ReportError(f"group by: a name is given twice in {', '.join(self.group_by)}")
        if self.from_us is not None and self.until_us is not None and self.from_us >= self.until_us:
            raise ReportError("from: the period ends before it starts")
        zone_of(self.time_zone)


@dataclass(frozen=True, slots=True)
class UsageSums:
    """Sums over a group of events. Money is nano-dollars; None where no event of the group has that amount.

    Two kinds of token are kept apart: those that an upstream worked for, by class, and those that were
    served from the gateway's cache, which nobody worked for.
    """

    requests: int
    """Requests that arrived, each counted where its first attempt went or its cache hit was served. One that
    went on to a second backend is an attempt there and a request at the first, so that rows add up."""
    attempts: int
    """Upstream attempts: everything but cache hits and what the gateway itself refused."""
    hits: int
    """Requests answered from the cache."""
    input_uncached_tokens: int
    cache_read_tokens: int
    """Read from the vendor's or engine's own prompt cache."""
    cache_write_tokens: int
    output_tokens: int
    reasoning_tokens: int
    """Part of `output_tokens`."""
    served_from_cache_tokens: int
    """Input and output of cache hits."""
    list_nanos: int | None
    """Before markup."""
    cost_nanos: int | None
    """What is charged, failed attempts included. Where `unknown_cost_events` is not 0, it is more."""
    baseline_nanos: int | None
    """What the tenant would have been charged unrouted and uncached, markup included: summed over
    `completed` and `cached` events only. A request has at most one such event, however many attempts
    failed before it, so no baseline counts twice; an answer that the client did not get whole earns no
    baseline and therefore claims no saving."""
    saved_by_cache_nanos: int | None
    """Over `cached` events: what buying their answers again would have cost at the model and backend that
    gave them, less their cost, which is 0. Of hits of older releases, their baseline. What nobody can price
    is not in it: where nothing can be priced it is None."""
    saved_by_route_nanos: int | None
    """Sum of baseline - cost over `completed` events of a route, and over its hits of baseline less what the
    cache saved: bought again, they would have been routed. Less what answers cost that a cascade judged away
    (`escalated`): without routing nobody had asked for them. Negative where routing cost more. What failed
    attempts cost is no saving's business: it stands in `cost_nanos`."""
    unknown_cost_events: int
    """Events whose price was unknown: their cost is missing above, it is not 0."""
    counted_cost_nanos: int
    """The part of the cost whose tokens were counted by a tokenizer, not reported by who billed them."""
    estimated_cost_nanos: int
    """The part of the cost whose tokens nobody counted."""
    stand_in_events: int
    """Served by a backend that stands in for another."""
    corrections: int
    """Rows that correct others; their amounts are in the sums above."""
    gpu_ns: int
    """GPU time of closed windows: final. Idle and overhead are lines of their own."""
    gpu_nanos: int | None
    """What that time costs, at the price of the GPUs by the hour."""
    provisional_gpu_ns: int
    """What was charged at once, before the windows closed: of the same work as `gpu_ns`, not beside it."""
    provisional_gpu_nanos: int | None
    unpriced_hits: int = 0
    """Hits of which nobody knows what buying their answers again would have cost: they are in no saving."""
    cache_audit_nanos: int | None = None
    """The part of the cost that went into answering hits of the cache afresh and comparing, to know how often
    they are wrong. None where nothing was audited, or no audit has a known price."""
    storage_byte_seconds: int = 0
    """What kept answers occupied, times how long."""
    unpriced_storage_byte_seconds: int = 0
    """The part of it that had no price: its cost is 0."""

    @property
    def unreported_cost_share(self) -> float | None:
        """Share of the cost that rests on counted or estimated tokens; None where nothing was charged."""
        if not self.cost_nanos:
            return None
        return (self.counted_cost_nanos + self.estimated_cost_nanos) / self.cost_nanos


@dataclass(frozen=True, slots=True)
class ReportRow:
    group: tuple[str, ...]
    """Values in the order of the query's `group_by`."""
    sums: UsageSums


@dataclass(frozen=True, slots=True)
class UsageReport:
    query: ReportQuery
    rows: tuple[ReportRow, ...]
    """Ordered by group."""
    totals: UsageSums
    """Of all events chosen. Everything but `requests` is the sum of the rows."""


def rows_after(report: UsageReport, after: Sequence[str] | None, limit: int | None) -> UsageReport:
    """A page of the rows: up to `limit` of those after that group. The totals stay those of the whole.

    Raises ReportError for a group of other dimensions.
    """
    if after is not None and len(after) != len(report.query.group_by):
        raise ReportError(f"after: a group here is of {', '.join(report.query.group_by)}")
    rows = [row for row in report.rows if after is None or row.group > tuple(after)]
    return replace(report, rows=tuple(rows[:limit]))


SUM_NAMES = tuple(sum_field.name for sum_field in fields(UsageSums))
_UNKNOWN_WITHOUT = frozenset(
    {
        "list_nanos",
        "cost_nanos",
        "baseline_nanos",
        "saved_by_cache_nanos",
        "saved_by_route_nanos",
        "gpu_nanos",
        "provisional_gpu_nanos",
        "cache_audit_nanos",
    }
)
"""Sums that stay None where no row has the amount; the others are 0."""


def usage_report(reader: LedgerReader, query: ReportQuery) -> UsageReport:
    """Rows and totals as of one moment. Blocks while the ledger sums. Raises LedgerError, and ReportError for
    part of an hour whose rows were deleted."""
    found = read_sums(reader, asked_of(query))
    width = len(query.group_by)
    sums = {tuple(str(value) for value in row[:width]): list(row[width:]) for row in found}
    rows = (ReportRow(group, _sums(amounts)) for group, amounts in sorted(sums.items()))
    return UsageReport(query, tuple(row for row in rows if _says_something(row.sums)), _total(sums.values()))


def asked_of(query: ReportQuery) -> Asked:
    """In the names of the ledger's columns."""
    return Asked(
        groups=tuple(_column(name) for name in query.group_by),
        where={_column(name): value for name, value in query.where.items()},
        from_us=query.from_us,
        until_us=query.until_us,
        time_zone=query.time_zone,
        measures=SUM_NAMES,
    )


def _sums(amounts: Iterable[Any]) -> UsageSums:
    named = dict(zip(SUM_NAMES, amounts, strict=True))
    missing: dict[str, Any] = {name: None if name in _UNKNOWN_WITHOUT else 0 for name in SUM_NAMES}
    return UsageSums(
        **{name: missing[name] if value is None else int(value) for name, value in named.items()}
    )


def _total(rows: Iterable[Sequence[Any]]) -> UsageSums:
    columns = zip(*rows, strict=True) if rows else ()
    totals = [_known_sum(column) for column in columns] or [None] * len(SUM_NAMES)
    return _sums(totals)


def _known_sum(amounts: Iterable[int | None]) -> int | None:
    known = [amount for amount in amounts if amount is not None]
    return sum(known) if known else None


def _says_something(sums: UsageSums) -> bool:
    """A window that was replaced leaves zeros where its shares were."""
    return any(getattr(sums, name) for name in SUM_NAMES) or sums.cost_nanos is not None


def _column(name: str) -> str:
    return _COLUMN_OF.get(name, name)


def _check_dimensions(what: str, names: tuple[str, ...]) -> None:
    for name in names:
        if name not in DIMENSIONS and not _is_tag(name):
            raise ReportError(f"{what}: {name!r} is not known; use {', '.join(DIMENSIONS)} or {TAG}NAME")


def _is_tag(name: str) -> bool:
    return name.startswith(TAG) and len(name) > len(TAG) and '"' not in name
