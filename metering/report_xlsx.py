"""A usage report as a workbook: what was asked on one sheet, the rows on the other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from metering.money import places_to_show, round_to_places
from metering.render import instant
from metering.reports import SUM_NAMES, UsageReport
from metering.xlsx import Cell, Column, workbook, write_table

_NANO_PLACES = 9
_SECONDS_PLACES = 3


def write_report(path: str | Path, report: UsageReport, made_us: int) -> None:
    """Money columns are rounded by largest remainder, so that they add up to their totals as shown, to enough
    places for the smallest amount. Unknown amounts are empty cells. Raises CannotWrite."""
    query = report.query
    places = {name: _places(report, name) for name in SUM_NAMES}
    columns = [
        *(Column(name) for name in query.group_by),
        *(Column(_title(name), places[name], summed=name != "requests") for name in SUM_NAMES),
    ]
    cells = [_cells(report, name, places[name]) for name in SUM_NAMES]
    rows = [[*row.group, *(column[at] for column in cells)] for at, row in enumerate(report.rows)]
    with workbook(path, "Usage report", made_us) as (book, formats):
        write_table(book, formats, "summary", (Column("what"), Column("value")), _summary(report, made_us))
        write_table(book, formats, "lines", columns, rows)


def _summary(report: UsageReport, made_us: int) -> list[list[Cell]]:
    query, totals = report.query, report.totals
    only: list[list[Cell]] = [[f"only {name}", value] for name, value in query.where.items()]
    return [
        ["made", instant(made_us)],
        ["from", instant(query.from_us) or "the beginning"],
        ["until", instant(query.until_us) or "now"],
        ["time zone", query.time_zone],
        ["grouped by", ", ".join(query.group_by)],
        *only,
        ["requests", totals.requests],
        ["rows whose cost is unknown", totals.unknown_cost_events],
    ]


def _cells(report: UsageReport, name: str, places: int | None) -> Sequence[int | None]:
    amounts = [getattr(row.sums, name) for row in report.rows]
    if places is None:
        return amounts
    unit = 10 ** (_NANO_PLACES - places)
    rounded = iter(round_to_places([amount for amount in amounts if amount is not None], places)[0])
    return [None if amount is None else next(rounded) // unit for amount in amounts]


def _places(report: UsageReport, name: str) -> int | None:
    """Of seconds three, of counts none."""
    if name.endswith("_ns"):
        return _SECONDS_PLACES
    if not name.endswith("_nanos"):
        return None
    return places_to_show([getattr(row.sums, name) or 0 for row in report.rows])


def _title(name: str) -> str:
    for ending, shown in (("_nanos", "_usd"), ("_ns", "_seconds")):
        if name.endswith(ending):
            return name.removesuffix(ending) + shown
    return name
