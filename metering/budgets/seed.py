"""What the ledger says was spent: one scan of `events` for all the counters that ask.

The scan groups by what counters are made of (tenant, project, key, process, and the tags that somebody asks
for), so that a million rows become a few hundred sums; these are handed out to the askers here.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Integer, Select, String, and_, case, cast, func, literal, select
from sqlalchemy.dialects.postgresql import JSON
from sqlalchemy.engine.interfaces import Dialect

from metering.budgets.model import Subject
from metering.budgets.store import CORRECTIONS, SeedAmount, SeedAsk, Seeder, Seeds
from metering.event import WAS_UNKNOWN
from metering.ledger import LedgerReader
from metering.store.sql import POSTGRESQL
from metering.store.tables import events

_E = events.c
_CORRECTION = _E.kind == "correction"
_WORKED = case((_E.kind == "hit", 0), else_=1)
_TOKENS = (
    func.coalesce(_E.input_uncached_tokens, 0)
    + func.coalesce(_E.cache_read_tokens, 0)
    + func.coalesce(_E.cache_write_tokens, 0)
    + func.coalesce(_E.output_tokens, 0)
) * _WORKED
_UNKNOWN = case(
    (and_(_CORRECTION, _E.error == WAS_UNKNOWN), -1),
    (and_(~_CORRECTION, _E.cost_nanos.is_(None)), 1),
    else_=0,
)
"""As reports count them."""

Amounts = dict[tuple[str, ...], dict[str, SeedAmount]]


def ledger_seeder(reader: LedgerReader) -> Seeder:
    """Reads in a thread, so that the event loop goes on."""

    async def seed(asks: Sequence[SeedAsk]) -> Sequence[Seeds]:
        return await asyncio.to_thread(read_seeds, reader, asks)

    return seed


def read_seeds(reader: LedgerReader, asks: Sequence[SeedAsk]) -> list[Seeds]:
    """In the order of the asks, all as of one moment. Blocks. Raises LedgerError."""
    if not asks:
        return []
    grid = _Grid.of(asks)
    (rows,) = reader.read(_query(grid, reader.dialect))
    sums = [_sum_of(row, grid) for row in rows]
    return [_answer(ask, sums, grid) for ask in asks]


class _Grid(NamedTuple):
    """The borders between which rows are summed."""

    starts: list[int]
    """Every first and last microsecond that is asked for, ascending."""
    cuts: dict[str, list[int]]
    """Process -> instants from which on it counts for itself, ascending."""
    tags: list[str]

    @staticmethod
    def of(asks: Sequence[SeedAsk]) -> _Grid:
        cuts: dict[str, set[int]] = {}
        for process, since_us in (cut for ask in asks for cut in ask.cuts):
            cuts.setdefault(process, set()).add(since_us)
        return _Grid(
            sorted({edge for ask in asks for edge in ask.bucket}),
            {process: sorted(instants) for process, instants in cuts.items()},
            sorted({ask.selector.tag[0] for ask in asks if ask.selector.tag is not None}),
        )


class _Sum(NamedTuple):
    cell: int
    """Between this border and the next."""
    era: int
    """How many of its process's cuts lie before."""
    correction: bool
    process: str
    subject: Subject
    nanos: int
    tokens: int
    unknown: int


def _query(grid: _Grid, dialect: Dialect) -> Select[Any]:
    rows = select(
        _step(_E.started_us, grid.starts).label("cell"),
        _eras(grid.cuts).label("era"),
        cast(case((_CORRECTION, 1), else_=0), Integer).label("correction"),
        _E.process,
        _E.tenant,
        _E.project,
        _E.key,
        *(_tag(name, dialect).label(f"tag_{number}") for number, name in enumerate(grid.tags)),
        func.coalesce(_E.cost_nanos, 0).label("nanos"),
        _TOKENS.label("tokens"),
        _UNKNOWN.label("unknown"),
    )
    inside = rows.where(_E.started_us >= grid.starts[0], _E.started_us < grid.starts[-1]).subquery()
    *groups, nanos, tokens, unknown = inside.c
    return select(*groups, func.sum(nanos), func.sum(tokens), func.sum(unknown)).group_by(*groups)


def _step(column: ColumnElement[int], borders: Sequence[int]) -> ColumnElement[int]:
    """How many borders lie at or below, less one; it is never below the first."""
    steps = [(column < border, number) for number, border in enumerate(borders[1:])]
    return case(*steps, else_=len(borders) - 1) if steps else literal(0)


def _eras(cuts: dict[str, list[int]]) -> ColumnElement[int]:
    steps = [
        (and_(_E.process == process, _E.finished_us >= instant), number + 1)
        for process, instants in cuts.items()
        for number, instant in reversed(list(enumerate(instants)))
    ]
    return case(*steps, else_=0) if steps else literal(0)


def _tag(name: str, dialect: Dialect) -> ColumnElement[str]:
    if dialect is POSTGRESQL:
        return func.coalesce(cast(_E.tags, JSON).op("->>")(literal(name, String)), "")
    return func.coalesce(func.json_extract(_E.tags, f'$."{name}"'), "")


def _sum_of(row: Sequence[Any], grid: _Grid) -> _Sum:
    cell, era, correction, process, tenant, project, key, *rest = row
    *values, nanos, tokens, unknown = rest
    tags = tuple((name, str(value)) for name, value in zip(grid.tags, values, strict=True) if value != "")
    subject = Subject(tenant, project, key, tags)
    return _Sum(cell, era, bool(correction), process, subject, int(nanos), int(tokens), int(unknown))


def _answer(ask: SeedAsk, sums: Sequence[_Sum], grid: _Grid) -> Amounts:
    first = bisect_left(grid.starts, ask.bucket.start_us)
    last = bisect_left(grid.starts, ask.bucket.end_us)
    eras = {process: bisect_right(grid.cuts[process], since) for process, since in ask.cuts}
    found: Amounts = {}
    for it in sums:
        if not first <= it.cell < last or not ask.selector.covers(it.subject):
            continue
        if ask.process is not None and (it.correction or it.process != ask.process):
            continue
        if not it.correction and it.era >= eras.get(it.process, it.era + 1):
            continue
        amount = it.nanos if ask.unit == "usd" else it.tokens
        part = found.setdefault(ask.selector.part(it.subject), {})
        name = CORRECTIONS if it.correction else it.process
        known = part.get(name, SeedAmount(0, 0))
        unknown = it.unknown if ask.unit == "usd" else 0
        part[name] = SeedAmount(known.amount + amount, known.unknown + unknown)
    return found
