"""What the ledger knows of a vendor's models: tokens, attempts and list cost per UTC day and model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import NamedTuple

from sqlalchemy import Select, func, or_, select

from metering.days import US_PER_DAY, day_start_us, utc_day
from metering.ledger import LedgerReader
from metering.reports import ReportQuery, ReportRow, usage_report
from metering.store.names import US_PER_HOUR
from metering.store.tables import events
from metering.usage import Provenance

_COLUMNS = {
    "input": "input_uncached_tokens",
    "cache_read": "cache_read_tokens",
    "cache_write": "cache_write_tokens",
    "output": "output_tokens",
}
_GROUPS = ("day", "backend", "model", "provenance", "tenant", "cost_center", "project")
_NOT_REPORTED = frozenset({Provenance.COUNTED.value, Provenance.ESTIMATED.value})

Place = tuple[str, date, str]
"""(vendor, UTC day, model)."""
Named = Callable[[str, str], tuple[str, str] | None]
"""(backend, public model) -> (vendor, the model's canonical name there), or None for other backends."""


@dataclass(slots=True)
class LedgerCell:
    """Sums of one vendor's model on one UTC day. Token classes as in metering.reconcile.line."""

    tokens: dict[str, int] = field(default_factory=dict)
    unreported: dict[str, int] = field(default_factory=dict)
    """Of these, tokens that were counted or estimated: the vendor did not tell."""
    crossing: dict[str, int] = field(default_factory=dict)
    """Of these, tokens of attempts that were under way at the day's end."""
    list_nanos: int = 0
    """At the vendor's price, before markup; corrections included."""
    attempts: int = 0
    unpriced: int = 0
    """Rows with tokens and without a price."""
    unknown_usage: int = 0
    """Rows of whose tokens nothing is known."""


class Payer(NamedTuple):
    month: str
    vendor: str
    model: str
    tenant: str
    cost_center: str
    project: str


@dataclass(slots=True)
class Paid:
    list_nanos: int = 0
    cost_nanos: int = 0


@dataclass(slots=True)
class LedgerSide:
    cells: dict[Place, LedgerCell] = field(default_factory=dict)
    payers: dict[Payer, Paid] = field(default_factory=dict)
    """Who used what, for splitting a difference."""


def read_ledger(reader: LedgerReader, named: Named, first: date, last: date) -> LedgerSide:
    """Vendor rows that began on these UTC days, the last included. Blocks. Raises LedgerError."""
    until = last + timedelta(days=1)
    query = ReportQuery(
        _GROUPS, from_us=day_start_us(first), until_us=day_start_us(until), where={"category": "vendor"}
    )
    side = LedgerSide()
    for row in usage_report(reader, query).rows:
        _add(side, row, named)
    _add_crossing(side, reader, named, first, last)
    return side


def _add(side: LedgerSide, row: ReportRow, named: Named) -> None:
    day, backend, model, provenance, tenant, cost_center, project = row.group
    if (known := named(backend, model)) is None:
        return
    vendor, name = known
    sums, cell = row.sums, side.cells.setdefault((vendor, date.fromisoformat(day), name), LedgerCell())
    for kind, column in _COLUMNS.items():
        tokens = getattr(sums, column)
        cell.tokens[kind] = cell.tokens.get(kind, 0) + tokens
        if provenance in _NOT_REPORTED:
            cell.unreported[kind] = cell.unreported.get(kind, 0) + tokens
    cell.list_nanos += sums.list_nanos or 0
    cell.attempts += sums.attempts
    if provenance:
        cell.unpriced += sums.unknown_cost_events
    else:
        cell.unknown_usage += sums.unknown_cost_events
    paid = side.payers.setdefault(Payer(day[:7], vendor, name, tenant, cost_center, project), Paid())
    paid.list_nanos += sums.list_nanos or 0
    paid.cost_nanos += sums.cost_nanos or 0


def _add_crossing(side: LedgerSide, reader: LedgerReader, named: Named, first: date, last: date) -> None:
    days = {day for _, day, _ in side.cells if first <= day <= last}
    if not days:
        return
    (rows,) = reader.read(_crossing(sorted(days)))
    for midnight, backend, model, *sums in rows:
        if (known := named(str(backend), str(model))) is None:
            continue
        vendor, name = known
        cell = side.cells.get((vendor, utc_day(int(midnight or 0) - 1), name))
        if cell is not None:
            for kind, tokens in zip(_COLUMNS, sums, strict=True):
                cell.crossing[kind] = cell.crossing.get(kind, 0) + int(tokens or 0)


def _crossing(days: list[date]) -> Select[*tuple[object, ...]]:
    """Tokens of attempts that began in a day's last hour and ended on the next: rows, since sums of hours do
    not tell. Bounded by the hours, which the index on the start finds."""
    started, finished = events.c.started_us, events.c.finished_us
    midnight = (started // US_PER_DAY + 1) * US_PER_DAY
    ends = [day_start_us(day) + US_PER_DAY for day in days]
    last_hours = or_(*((started >= end - US_PER_HOUR) & (started < end) for end in ends))
    groups = (midnight.label("midnight_us"), events.c.backend, events.c.served_model)
    sums = (func.sum(events.c[column]) for column in _COLUMNS.values())
    chosen = last_hours & (finished >= midnight) & (events.c.kind == "attempt")
    return select(*groups, *sums).where(chosen).group_by(*groups)
