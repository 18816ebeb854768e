"""What the report asks of the ledger: comparisons in groups, feedback by tier, the gateway's own time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy import Column, ColumnElement, and_, func, select

from metering.ledger import LedgerReader
from metering.quality.tables import feedback, quality_verdicts
from metering.store.tables import events

_V, _F, _E = quality_verdicts.c, feedback.c, events.c


class Compared(NamedTuple):
    """Comparisons of a route that came to the same."""

    route: str
    better: float | None
    """By how much the other answer was better than the one served, -1 to 1; None where unknown."""
    rows: int


class FeedbackSums(NamedTuple):
    """What clients said of a route's answers on a tier."""

    route: str
    tier: str
    words: int
    mean_score: float


def verdict_counts(reader: LedgerReader, from_us: int | None, until_us: int | None) -> list[Compared]:
    """Raises LedgerError."""
    kind = (_V.route, _V.served, _V.small_good, _V.large_good)
    statement = select(*kind, func.count()).where(*_within(_V.at_us, from_us, until_us)).group_by(*kind)
    (rows,) = reader.read(statement)
    return [_compared(*row) for row in rows]


def _compared(route: Any, served: Any, small: Any, large: Any, count: Any) -> Compared:
    if small is None or large is None:
        return Compared(route, None, count)
    return Compared(route, small - large if served == "large" else large - small, count)


def feedback_sums(
    reader: LedgerReader, from_us: int | None, until_us: int | None
) -> tuple[list[FeedbackSums], int]:
    """(by route and tier, how many met no answered request of their tenant). Raises LedgerError."""
    answered = and_(
        _E.request_id == _F.request_id,
        _E.tenant == _F.tenant,
        _E.outcome.in_(["completed", "cached"]),
        _E.kind != "correction",
    )
    statement = (
        select(_E.route, _E.tier, func.count(), func.sum(_F.score))
        .select_from(feedback.outerjoin(events, answered))
        .where(*_within(_F.at_us, from_us, until_us))
        .group_by(_E.route, _E.tier)
    )
    (rows,) = reader.read(statement)
    found: list[tuple[Any, ...]] = sorted(rows, key=lambda row: (str(row[0]), str(row[1])))
    matched = [FeedbackSums(route, tier, n, score / n) for route, tier, n, score in found if tier is not None]
    return matched, sum(n for _, tier, n, _ in found if tier is None)


def overhead_us(reader: LedgerReader, from_us: int | None, until_us: int | None) -> Mapping[str, int]:
    """Route -> the gateway's own time for its requests, of rows that are still there. Raises LedgerError."""
    statement = (
        select(_E.route, func.sum(_E.overhead_us))
        .where(_E.route != "", _E.kind == "attempt", *_within(_E.started_us, from_us, until_us))
        .group_by(_E.route)
    )
    (rows,) = reader.read(statement)
    return {str(route): int(took_us or 0) for route, took_us in rows}


def _within(column: Column[Any], from_us: int | None, until_us: int | None) -> list[ColumnElement[bool]]:
    bounds: list[ColumnElement[bool]] = []
    if from_us is not None:
        bounds.append(column >= from_us)
    if until_us is not None:
        bounds.append(column < until_us)
    return bounds
