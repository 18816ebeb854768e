"""What was used and what it cost, summed in the ledger over any grouping, in exact integers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields

from metering.ledger import LedgerReader, Parameter, Row, Statement

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
}
PERIODS = ("day", "month")
DIMENSIONS = (*_COLUMN_OF, *PERIODS)
"""What a report may be grouped and filtered by. `model` is the one that served; days are UTC."""

DEFAULT_GROUPING = ("tenant", "model", "day")


class ReportError(ValueError):
    """The question makes no sense. The message names the field and what is allowed."""


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

    def __post_init__(self) -> None:
        if not self.group_by:
            raise ReportError(f"group by: name at least one of {', '.join(DIMENSIONS)}")
        _check_dimensions("group by", self.group_by)
        _check_dimensions("filter", tuple(self.where))
        if len(set(self.group_by)) != len(self.group_by):
            raise ReportError(f"group by: a name is given twice in {', '.join(self.group_by)}")
        if self.from_us is not None and self.until_us is not None and self.from_us >= self.until_us:
            raise ReportError("from: the period ends before it starts")


@dataclass(frozen=True, slots=True)
class UsageSums:
    """Sums over a group of events. Money is nano-dollars; None where no event of the group has that amount.

    Two kinds of token are kept apart: those that an upstream worked for, by class, and those that were
    served from the gateway's cache, which nobody worked for.
    """

    requests: int
    """Distinct requests. One that tried two backends is one request of each, and one in the total."""
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
    """Sum of baseline - cost over `cached` events, whose cost is 0."""
    saved_by_route_nanos: int | None
    """Sum of baseline - cost over `completed` events of a route. Negative where routing cost more. What
    failed attempts cost is no saving's business: it stands in `cost_nanos`."""
    unknown_cost_events: int
    """Events whose price was unknown: their cost is missing above, it is not 0."""
    counted_cost_nanos: int
    """The part of the cost whose tokens were counted by a tokenizer, not reported by who billed them."""
    estimated_cost_nanos: int
    """The part of the cost whose tokens nobody counted."""
    stand_in_events: int
    """Served by a backend that stands in for another."""

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


_WORKED = "outcome NOT IN ('cached', 'rejected')"
_HIT = "outcome = 'cached'"


def _worked_tokens(column: str) -> str:
    return f"coalesce(sum(CASE WHEN NOT {_HIT} THEN {column} END), 0)"


def _cost_said_by(provenance: str) -> str:
    return f"coalesce(sum(CASE WHEN provenance = '{provenance}' THEN cost_nanos END), 0)"


_SUMS = {
    "requests": "count(DISTINCT request_id)",
    "attempts": f"count(CASE WHEN {_WORKED} THEN 1 END)",
    "hits": f"count(CASE WHEN {_HIT} THEN 1 END)",
    "input_uncached_tokens": _worked_tokens("input_uncached_tokens"),
    "cache_read_tokens": _worked_tokens("cache_read_tokens"),
    "cache_write_tokens": _worked_tokens("cache_write_tokens"),
    "output_tokens": _worked_tokens("output_tokens"),
    "reasoning_tokens": _worked_tokens("reasoning_tokens"),
    "served_from_cache_tokens": (
        f"coalesce(sum(CASE WHEN {_HIT} THEN input_uncached_tokens + cache_read_tokens"
        " + cache_write_tokens + output_tokens END), 0)"
    ),
    "list_nanos": "sum(list_nanos)",
    "cost_nanos": "sum(cost_nanos)",
    "baseline_nanos": "sum(CASE WHEN outcome IN ('completed', 'cached') THEN baseline_nanos END)",
    "saved_by_cache_nanos": f"sum(CASE WHEN {_HIT} THEN baseline_nanos - cost_nanos ELSE 0 END)",
    "saved_by_route_nanos": (
        "sum(CASE WHEN outcome = 'completed' AND route <> '' THEN baseline_nanos - cost_nanos ELSE 0 END)"
    ),
    "unknown_cost_events": "count(CASE WHEN cost_nanos IS NULL THEN 1 END)",
    "counted_cost_nanos": _cost_said_by("counted"),
    "estimated_cost_nanos": _cost_said_by("estimated"),
    "stand_in_events": "coalesce(sum(stand_in), 0)",
}
"""The definition of every field of UsageSums."""

SUM_NAMES = tuple(sum_field.name for sum_field in fields(UsageSums))


def usage_report(reader: LedgerReader, query: ReportQuery) -> UsageReport:
    """Rows and totals as of one moment. Blocks while the ledger sums. Raises LedgerError."""
    columns = {**_COLUMN_OF, **reader.period_expressions}
    groups = [columns[name] for name in query.group_by]
    totals, rows = reader.read(_statement([], query, columns), _statement(groups, query, columns))
    width = len(groups)
    return UsageReport(
        query=query,
        rows=tuple(ReportRow(_texts(row[:width]), _sums(row[width:])) for row in rows),
        totals=_sums(totals[0]),
    )


def _statement(groups: Sequence[str], query: ReportQuery, columns: Mapping[str, str]) -> Statement:
    conditions, parameters = _conditions(query, columns)
    sql = f"SELECT {', '.join([*groups, *(_SUMS[name] for name in SUM_NAMES)])} FROM events"
    if conditions:
        sql += f" WHERE {' AND '.join(conditions)}"
    if groups:
        positions = ", ".join(str(position) for position in range(1, len(groups) + 1))
        sql += f" GROUP BY {positions} ORDER BY {positions}"
    return sql, parameters


def _conditions(query: ReportQuery, columns: Mapping[str, str]) -> tuple[list[str], list[Parameter]]:
    conditions = [f"{columns[name]} = ?" for name in query.where]
    parameters: list[Parameter] = list(query.where.values())
    for comparison, bound in (("started_us >= ?", query.from_us), ("started_us < ?", query.until_us)):
        if bound is not None:
            conditions.append(comparison)
            parameters.append(bound)
    return conditions, parameters


def _sums(row: Row) -> UsageSums:
    return UsageSums(**dict(zip(SUM_NAMES, row, strict=True)))  # type: ignore[arg-type]


def _texts(values: Row) -> tuple[str, ...]:
    return tuple(str(value) for value in values)


def _check_dimensions(what: str, names: tuple[str, ...]) -> None:
    for name in names:
        if name not in DIMENSIONS:
            raise ReportError(f"{what}: {name!r} is not known; use {', '.join(DIMENSIONS)}")
