"""The house's own labels for a gain model: what was read of a prompt, and how good each answer was."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from sqlalchemy import and_, func, select

from metering.ledger import LedgerReader
from metering.quality.tables import feedback, quality_verdicts

PAGE_ROWS = 2_000
_V, _F = quality_verdicts.c, feedback.c


class LabelledReading(NamedTuple):
    """One compared request. `reading` holds no text; what it means is the gain model's business."""

    reading: bytes
    small_good: float
    large_good: float
    """How good each answer was, 0 to 1. What clients said of the one they were served counts as much as the
    comparison did."""


def labelled_readings(
    reader: LedgerReader,
    route: str,
    from_us: int = 0,
    until_us: int = 1 << 62,
    page_rows: int = PAGE_ROWS,
) -> Iterator[list[LabelledReading]]:
    """Every comparison of the route that came to something and has a reading, in the order of ids, page by
    page. Blocks. Raises LedgerError."""
    said = (
        select(_F.tenant, _F.request_id, func.avg(_F.score).label("score"))
        .group_by(_F.tenant, _F.request_id)
        .subquery()
    )
    joined = quality_verdicts.outerjoin(
        said, and_(said.c.tenant == _V.tenant, said.c.request_id == _V.request_id)
    )
    last = ""
    while True:
        (rows,) = reader.read(
            select(_V.id, _V.reading, _V.served, _V.small_good, _V.large_good, said.c.score)
            .select_from(joined)
            .where(_V.route == route, _V.at_us >= from_us, _V.at_us < until_us, _V.id > last)
            .where(_V.reading.is_not(None), _V.small_good.is_not(None), _V.large_good.is_not(None))
            .order_by(_V.id)
            .limit(page_rows)
        )
        if not rows:
            return
        yield [_labelled(*row[1:]) for row in rows]
        last = str(rows[-1][0])


def _labelled(reading: Any, served: Any, small_good: Any, large_good: Any, score: Any) -> LabelledReading:
    small, large = float(small_good), float(large_good)
    if score is not None and served == "small":
        small = (small + float(score)) / 2
    elif score is not None:
        large = (large + float(score)) / 2
    return LabelledReading(bytes(reading), small, large)
