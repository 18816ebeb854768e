"""What the export reads of the ledger: sums per hour or day, never single rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import ColumnElement, Integer, Select, and_, case, func, literal_column, select

from metering.event import WAS_UNKNOWN
from metering.focus.meters import Sums
from metering.focus.row import Span
from metering.ledger import LedgerReader, Row
from metering.periods import ReportError
from metering.store.tables import RETAINED_FROM_US, cache_storage, events, gpu_shares, ledger_state

_E, _S, _K = events.c, gpu_shares.c, cache_storage.c
_A_DAY_US = 86_400_000_000
_REQUEST_LINES = ("request", "aborted")
_CORRECTION = _E.kind == "correction"
_BY_GPU = _E.price_version.like("gpu:%")
_SERVED = and_(~_CORRECTION, _E.outcome != "cached")
"""A hit of the cache costs nothing, and nobody worked for it."""
_INPUT = (
    func.coalesce(_E.input_uncached_tokens, 0)
    + func.coalesce(_E.cache_read_tokens, 0)
    + func.coalesce(_E.cache_write_tokens, 0)
)


class Place(NamedTuple):
    """Whose, where and when: what every row of the export keeps apart."""

    bucket_us: int
    tenant: str
    cost_center: str
    project: str
    tags: str
    backend: str
    model: str


class Usage(NamedTuple):
    """Attempts that were charged by tokens, requests or time, at one price."""

    place: Place
    price_version: str
    over_tokens: int
    """The largest of the thresholds asked for that their inputs exceed; 0 if none."""
    first_us: int
    sums: Sums


class GpuUse(NamedTuple):
    """Attempts that were charged by GPU time, corrections to their final cost included."""

    place: Place
    price_version: str
    attempts: int
    parts: int
    """How many times an amount was rounded, by less than a nano-dollar each."""
    gpu_ns: int
    list_nanos: int
    cost_nanos: int


class Correction(NamedTuple):
    place: Place
    price_version: str
    rows: int
    list_nanos: int
    cost_nanos: int


class HouseTime(NamedTuple):
    """GPU time of closed windows that no request used: `line` is idle, warmup or overhead."""

    place: Place
    line: str
    parts: int
    gpu_ns: int
    nanos: int


class Stored(NamedTuple):
    """What kept answers occupied, at one price; '' where storage had none."""

    place: Place
    price_version: str
    parts: int
    byte_seconds: int
    list_nanos: int
    cost_nanos: int


class Unknown(NamedTuple):
    """Attempts whose cost nobody knows; they are in no row."""

    tenant: str
    model: str
    backend: str
    attempts: int


class PriceUse(NamedTuple):
    model: str
    backend: str
    price_version: str
    first_us: int


class Found(NamedTuple):
    usage: tuple[Usage, ...]
    gpu: tuple[GpuUse, ...]
    corrections: tuple[Correction, ...]
    house: tuple[HouseTime, ...]
    unknown: tuple[Unknown, ...]
    storage: tuple[Stored, ...] = ()


def price_uses(reader: LedgerReader, span: Span) -> list[PriceUse]:
    """The prices of a period. Blocks. Raises LedgerError, and ReportError where rows were deleted."""
    keys = (_E.served_model, _E.backend, _E.price_version)
    chosen = select(*keys, func.min(_E.started_us)).where(_within(span), _SERVED, ~_BY_GPU).group_by(*keys)
    retained = select(ledger_state.c.value).where(ledger_state.c.name == RETAINED_FROM_US)
    rows, deleted = reader.read(chosen, retained)
    if deleted and span.start_us < int(deleted[0][0] or 0):
        raise ReportError("from: rows of that time were deleted; their prices and labels are gone with them")
    return [PriceUse(str(row[0]), str(row[1]), str(row[2]), int(row[3] or 0)) for row in rows]


def read_charges(reader: LedgerReader, span: Span, bucket_us: int, thresholds: Sequence[int]) -> Found:
    """All of it as of one moment. Blocks. Raises LedgerError."""
    found = reader.read(
        _usage(span, bucket_us, thresholds),
        _gpu(span, bucket_us),
        _corrections(span, bucket_us),
        _house(span, bucket_us),
        _unknown(span),
        _storage(span, bucket_us),
    )
    usage, gpu, corrections, house, unknown, storage = found
    sizes = (0, *thresholds)
    return Found(
        tuple(_usage_of(row, sizes) for row in usage),
        tuple(GpuUse(_place(row), str(row[7]), *_whole(row[8:])) for row in gpu),
        tuple(Correction(_place(row), str(row[7]), *_whole(row[8:])) for row in corrections),
        tuple(HouseTime(_place(row), str(row[7]), *_whole(row[8:])) for row in house),
        tuple(Unknown(str(row[0]), str(row[1]), str(row[2]), int(row[3] or 0)) for row in unknown if row[3]),
        tuple(Stored(_place(row), str(row[7]), *_whole(row[8:])) for row in storage),
    )


def _usage_of(row: Row, sizes: Sequence[int]) -> Usage:
    level, first_us, *sums = _whole(row[8:])
    return Usage(_place(row), str(row[7]), sizes[level], first_us, Sums(*sums))


def _place(row: Row) -> Place:
    return Place(int(row[0] or 0), *map(str, row[1:7]))


def _whole(values: Iterable[str | int | None]) -> list[int]:
    return [int(value or 0) for value in values]


def _within(span: Span) -> ColumnElement[bool]:
    return and_(_E.started_us >= span.start_us, _E.started_us < span.end_us)


def _bucket(instant_us: ColumnElement[int], bucket_us: int) -> ColumnElement[int]:
    return instant_us - instant_us % literal_column(str(bucket_us), Integer)


def _where(bucket_us: int) -> list[ColumnElement[object]]:
    start = _bucket(_E.started_us, bucket_us)
    return [start, _E.tenant, _E.cost_center, _E.project, _E.tags, _E.backend, _E.served_model]


def _one(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return case((condition, literal_column("1", Integer)), else_=literal_column("0", Integer))


def _level(thresholds: Sequence[int]) -> ColumnElement[int]:
    level: ColumnElement[int] = literal_column("0", Integer)
    for size in thresholds:
        level = level + _one(literal_column(str(size), Integer) < _INPUT)
    return level


def _usage(span: Span, bucket_us: int, thresholds: Sequence[int]) -> Select[*tuple[object, ...]]:
    keys = [*_where(bucket_us), _E.price_version, _level(thresholds).label("level")]
    tokens = ("input_uncached", "cache_read", "cache_write", "cache_write_1h", "output", "reasoning")
    amounts = [*(_E[f"{name}_tokens"] for name in tokens), _E.total_us, _E.list_nanos, _E.cost_nanos]
    sums = [func.min(_E.started_us), func.count(), *(func.sum(each) for each in amounts)]
    chosen = (_within(span), _SERVED, ~_BY_GPU, _E.cost_nanos.is_not(None))
    grouped = [key if index != 0 else key.label("bucket") for index, key in enumerate(keys)]
    return select(*grouped, *sums).where(*chosen).group_by(*_positions(len(grouped)))


def _gpu(span: Span, bucket_us: int) -> Select[*tuple[object, ...]]:
    """The final share of each attempt where its windows are closed, its first figure until then."""
    final = (
        select(_S.event_id, func.sum(_S.gpu_ns).label("ns"), func.count().label("parts"))
        .where(
            _S.line.in_(_REQUEST_LINES),
            _S.window_start_us >= span.start_us - _A_DAY_US,
            _S.window_start_us < span.end_us + _A_DAY_US,
        )
        .group_by(_S.event_id)
        .subquery()
    )
    spent_ns = case(
        (_CORRECTION, literal_column("0", Integer)), else_=func.coalesce(final.c.ns, _E.gpu_ns, 0)
    )
    sums = (
        func.sum(_one(~_CORRECTION)),
        func.sum(func.coalesce(final.c.parts, 0) + 1),
        *(func.sum(each) for each in (spent_ns, _E.list_nanos, _E.cost_nanos)),
    )
    keys = _where(bucket_us)
    chosen = (_within(span), _BY_GPU, _E.cost_nanos.is_not(None))
    joined = events.outerjoin(final, final.c.event_id == _E.id)
    return (
        select(*keys, func.max(_E.price_version), *sums)
        .select_from(joined)
        .where(*chosen)
        .group_by(*_positions(len(keys)))
    )


def _corrections(span: Span, bucket_us: int) -> Select[*tuple[object, ...]]:
    keys = [*_where(bucket_us), _E.price_version]
    sums = (func.count(), func.sum(_E.list_nanos), func.sum(_E.cost_nanos))
    chosen = (_within(span), _CORRECTION, ~_BY_GPU)
    return select(*keys, *sums).where(*chosen).group_by(*_positions(len(keys)))


def _house(span: Span, bucket_us: int) -> Select[*tuple[object, ...]]:
    no_labels: ColumnElement[str] = literal_column("'{}'")
    start = _bucket(_S.window_start_us, bucket_us)
    keys = [start, _S.tenant, _S.cost_center, _S.project, no_labels, _S.backend, _S.model, _S.line]
    sums = (func.count(), func.sum(_S.gpu_ns), func.sum(_S.nanos))
    chosen = (
        _S.window_start_us >= span.start_us,
        _S.window_start_us < span.end_us,
        _S.line.not_in(_REQUEST_LINES),
    )
    return select(*keys, *sums).where(*chosen).group_by(*_positions(len(keys)))


def _storage(span: Span, bucket_us: int) -> Select[*tuple[object, ...]]:
    nothing: ColumnElement[str] = literal_column("''")
    no_labels: ColumnElement[str] = literal_column("'{}'")
    keys = [
        _bucket(_K.at_us, bucket_us),
        *(_K.tenant, _K.cost_center, nothing, no_labels, nothing, nothing, _K.price_version),
    ]
    sums = (func.count(), func.sum(_K.byte_seconds), func.sum(_K.list_nanos), func.sum(_K.cost_nanos))
    chosen = (_K.at_us >= span.start_us, _K.at_us < span.end_us)
    return select(*keys, *sums).where(*chosen).group_by(*_positions(len(keys)))


def _unknown(span: Span) -> Select[*tuple[object, ...]]:
    """An attempt that a correction gave its first price is known."""
    priced_later = and_(_CORRECTION, _E.error == WAS_UNKNOWN)
    still = case(
        (priced_later, literal_column("-1", Integer)),
        (and_(~_CORRECTION, _E.cost_nanos.is_(None)), literal_column("1", Integer)),
        else_=literal_column("0", Integer),
    )
    keys = (_E.tenant, _E.served_model, _E.backend)
    return select(*keys, func.sum(still)).where(_within(span)).group_by(*keys)


def _positions(count: int) -> list[ColumnElement[int]]:
    """PostgreSQL takes two spellings of one expression with parameters for two: so by position."""
    return [literal_column(str(position), Integer) for position in range(1, count + 1)]
