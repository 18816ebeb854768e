"""A report's sums in SQL: from rollups for whole hours, from rows for what is not rolled up or not whole.

whole days            rollup_daily, joined with its groups after summing
other whole hours     rollup_hourly, likewise
whole hours, tail     the events that no rollup has yet
parts of hours        events, GPU shares and storage, where the period begins or ends within an hour or a
                      midnight of the time zone cuts one
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, String, Table, and_, cast, func, literal, or_, select, union_all
from sqlalchemy.dialects.postgresql import JSON
from sqlalchemy.sql.selectable import FromClause

from metering.days import US_PER_DAY
from metering.ledger import LedgerReader, Row
from metering.periods import PERIODS, ReportError, cuts_hours, local_period, period_in_sql
from metering.store.names import US_PER_HOUR
from metering.store.rollup import contributions, rolled_seq, share_contributions, storage_contributions
from metering.store.sql import POSTGRESQL
from metering.store.tables import (
    RETAINED_FROM_US,
    cache_storage,
    events,
    gpu_shares,
    ledger_state,
    rollup_daily,
    rollup_groups,
    rollup_hourly,
    rollup_pending,
)

_TAG = "tag:"
_FOREVER = 1 << 62
Part = Select[*tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Asked:
    """`groups` and the keys of `where` are dimension columns, periods, or `tag:NAME`."""

    groups: tuple[str, ...]
    where: Mapping[str, str]
    from_us: int | None
    until_us: int | None
    time_zone: str
    measures: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.groups, *self.where)))

    @property
    def periods(self) -> tuple[str, ...]:
        return tuple(name for name in self.names if name in PERIODS)


@dataclass(frozen=True, slots=True)
class _Hours:
    """`[first_us, until_us)` are whole hours, without those in `cut`; `parts` are read from rows."""

    first_us: int
    until_us: int
    cut: tuple[int, ...]
    parts: tuple[tuple[int, int], ...]


def read_sums(reader: LedgerReader, asked: Asked) -> list[Row]:
    """(groups ..., measures ...) of every group that has rows, in no order.

    Raises LedgerError, and ReportError for part of an hour whose rows were deleted.
    """
    (rows,) = reader.read(sums_query(reader, asked))
    return rows


def sums_query(reader: LedgerReader, asked: Asked) -> Part:
    """What `read_sums` reads; the spans are looked up in `reader`. Raises as it does."""
    hours = _hours(reader, asked)
    parts = [*_of_rollups(reader, asked, hours), _of_tail(reader, asked, hours)]
    if hours.parts:
        parts += _of_parts(reader, asked, hours)
    every = union_all(*parts).subquery("every")
    keys = [every.c[f"g{at}"] for at in range(len(asked.groups))]
    return select(*keys, *(func.sum(every.c[name]) for name in asked.measures)).group_by(*keys)


def _hours(reader: LedgerReader, asked: Asked) -> _Hours:
    start = 0 if asked.from_us is None else asked.from_us
    end = _FOREVER - _FOREVER % US_PER_HOUR if asked.until_us is None else asked.until_us
    first, until = start + -start % US_PER_HOUR, end - end % US_PER_HOUR
    if first > until:  # begins and ends within one hour
        hours = _Hours(first, first, (), ((start, end),))
    else:
        edges = [span for span in ((start, first), (until, end)) if span[0] < span[1]]
        cut = tuple(sorted(_cut(reader, asked, first, until)))
        hours = _Hours(first, until, cut, (*edges, *((hour, hour + US_PER_HOUR) for hour in cut)))
    _check_retained(reader, hours)
    return hours


def _cut(reader: LedgerReader, asked: Asked, first_us: int, until_us: int) -> Iterator[int]:
    """Only a zone that is no whole number of hours from UTC has any."""
    if asked.time_zone == "UTC" or not any(_varies(asked, name) for name in asked.periods if name != "hour"):
        return
    spans = (
        (func.min(column), func.max(column)) for column in (rollup_hourly.c.hour_us, events.c.started_us)
    )
    found = [row[0] for row in reader.read(*(select(*span) for span in spans))]
    known = [int(instant) for row in found for instant in row if instant is not None]
    if known:
        first, last = max(first_us, min(known) - US_PER_HOUR), min(until_us - 1, max(known) + US_PER_HOUR)
        cut = cuts_hours("day", asked.time_zone, first, last)
        yield from (hour for hour in cut if first_us <= hour < until_us)


def _check_retained(reader: LedgerReader, hours: _Hours) -> None:
    if not hours.parts:
        return
    ((*found,),) = reader.read(select(ledger_state.c.value).where(ledger_state.c.name == RETAINED_FROM_US))
    if found and min(start for start, _ in hours.parts) < int(found[0][0] or 0):
        raise ReportError("from, until: rows of that time were deleted; whole UTC hours are what is left")


def _of_rollups(reader: LedgerReader, asked: Asked, hours: _Hours) -> list[Part]:
    """Whole days from the daily sums, what is left at the ends from the hourly ones."""
    hour, day = rollup_hourly.c.hour_us, rollup_daily.c.day_us
    first_day, until_day = (
        hours.first_us + -hours.first_us % US_PER_DAY,
        hours.until_us - hours.until_us % US_PER_DAY,
    )
    if not _days_do(asked) or first_day >= until_day:
        chosen = [hour >= hours.first_us, hour < hours.until_us]
        chosen += [hour.not_in(hours.cut)] if hours.cut else []
        return [_of_sums(reader, asked, rollup_hourly, hour, chosen)]
    ends = ((hours.first_us, first_day), (until_day, hours.until_us))
    at_ends = [and_(hour >= start, hour < end) for start, end in ends if start < end]
    parts = [_of_sums(reader, asked, rollup_daily, day, [day >= first_day, day < until_day])]
    return parts + ([_of_sums(reader, asked, rollup_hourly, hour, [or_(*at_ends)])] if at_ends else [])


def _days_do(asked: Asked) -> bool:
    """Whether a UTC day lies in one period of each kind asked for."""
    return all(
        not _varies(asked, name) or (name != "hour" and asked.time_zone == "UTC") for name in asked.periods
    )


def _of_sums(
    reader: LedgerReader,
    asked: Asked,
    table: Table,
    start: ColumnElement[int],
    chosen: Sequence[ColumnElement[bool]],
) -> Part:
    """Summed per group first: the groups' texts are read once each, not once per hour."""
    labels = {name: _period(reader, asked, name, start) for name in asked.periods}
    keys = [table.c.group_id, *(label.label(name) for name, label in labels.items())]
    sums = [func.sum(table.c[name]).label(name) for name in asked.measures]
    positions = [keys[0], *(labels[name] for name in labels if _varies(asked, name))]
    inner = select(*keys, *sums).where(*chosen).group_by(*positions).subquery()
    joined = inner.join(rollup_groups, inner.c.group_id == rollup_groups.c.group_id)
    values = {
        name: inner.c[name] if name in labels else _value(reader, name, rollup_groups) for name in asked.names
    }
    return _part(asked, values, {name: inner.c[name] for name in asked.measures}).select_from(joined)


def _of_tail(reader: LedgerReader, asked: Asked, hours: _Hours) -> Part:
    if reader.dialect is POSTGRESQL:
        waiting: ColumnElement[bool] = events.c.seq.in_(select(rollup_pending.c.seq))
    else:
        waiting = events.c.seq > rolled_seq()
    rows = contributions(waiting)
    chosen: list[ColumnElement[bool]] = [rows.c.hour_us >= hours.first_us, rows.c.hour_us < hours.until_us]
    if hours.cut:
        chosen.append(rows.c.hour_us.not_in(hours.cut))
    return _of_rows(reader, asked, rows).where(*chosen)


def _of_parts(reader: LedgerReader, asked: Asked, hours: _Hours) -> list[Part]:
    def within(column: ColumnElement[int]) -> ColumnElement[bool]:
        return or_(*(and_(column >= start, column < end) for start, end in hours.parts))

    of_events = contributions(within(events.c.started_us))
    of_shares = share_contributions(within(gpu_shares.c.window_start_us))
    of_storage = storage_contributions(within(cache_storage.c.at_us))
    return [_of_rows(reader, asked, rows) for rows in (of_events, of_shares, of_storage)]


def _of_rows(reader: LedgerReader, asked: Asked, rows: FromClause) -> Part:
    values = {
        name: _period(reader, asked, name, rows.c.at_us) if name in PERIODS else _value(reader, name, rows)
        for name in asked.names
    }
    return _part(asked, values, {name: rows.c[name] for name in asked.measures})


def _part(
    asked: Asked, values: Mapping[str, ColumnElement[Any]], measures: Mapping[str, ColumnElement[Any]]
) -> Part:
    groups = [values[name].label(f"g{at}") for at, name in enumerate(asked.groups)]
    sums = [column.label(name) for name, column in measures.items()]
    return select(*groups, *sums).where(*(values[name] == value for name, value in asked.where.items()))


def _period(
    reader: LedgerReader, asked: Asked, name: str, instant_us: ColumnElement[int]
) -> ColumnElement[str]:
    if _varies(asked, name):
        return period_in_sql(reader.dialect, name, instant_us, asked.time_zone)
    return literal(local_period(asked.from_us or 0, asked.time_zone, name), String)


def _varies(asked: Asked, name: str) -> bool:
    """Whether there is more than one of this period; if not, its name need not be computed per row."""
    if asked.from_us is None or asked.until_us is None:
        return True
    ends: Sequence[int] = (asked.from_us, asked.until_us - 1)
    return len({local_period(instant, asked.time_zone, name) for instant in ends}) > 1


def _value(reader: LedgerReader, name: str, source: FromClause) -> ColumnElement[Any]:
    if not name.startswith(_TAG):
        return source.c[name]
    tag = name.removeprefix(_TAG)
    if reader.dialect is POSTGRESQL:
        return func.coalesce(cast(source.c.tags, JSON).op("->>")(literal(tag, String)), "")
    return func.coalesce(func.json_extract(source.c.tags, f'$."{tag}"'), "")
