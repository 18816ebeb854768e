"""Tokens that the ledger has on one day and the vendor on a neighbouring one.

Vendors date a request by when they recorded it, the ledger by when the attempt began. Two things are
evidence: the very same tokens, in every class, too many on one side on one day and on the other side the day
before or after; and attempts that the ledger saw under way at midnight, up to their tokens. Anything else is
not called late, so that traffic past the gateway cannot hide behind rows that a vendor does not show.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from fractions import Fraction
from typing import NamedTuple

from metering.reconcile.cells import Amounts, Cell

_ZERO = Fraction(0)
_DAY = timedelta(days=1)


class Move(NamedTuple):
    """Tokens of a class that the ledger has on one day and the vendor on another."""

    from_day: date
    to_day: date
    meter: str
    tokens: Fraction


def moves(cells: Sequence[Cell]) -> list[Move]:
    """Between the days of one vendor's model."""
    excess = {cell.place[1]: _excess(cell) for cell in cells if not cell.money_alone}
    found = list(_same_tokens(excess))
    for move in found:
        excess[move.from_day][move.meter] += move.tokens
        excess[move.to_day][move.meter] -= move.tokens
    crossing = {cell.place[1]: cell.crossing for cell in cells}
    for meter in sorted({meter for amounts in excess.values() for meter in amounts}):
        found += _over_midnight(excess, crossing, meter)
    return found


def money_moves(cells: Sequence[Cell]) -> Iterator[tuple[Cell, Cell]]:
    """(ledger's day, vendor's day) of cells without tokens whose differences are opposite and equal."""
    open_cells = {
        cell.place[1]: cell for cell in cells if not cell.shown and cell.vendor_nanos != cell.ledger_nanos
    }
    for day in sorted(open_cells):
        for other in (day + _DAY, day - _DAY):
            mine, theirs = open_cells.get(day), open_cells.get(other)
            if mine is None or theirs is None or not (mine.money_alone or theirs.money_alone):
                continue
            short = mine.ledger_nanos - mine.vendor_nanos
            if short > 0 and short == theirs.vendor_nanos - theirs.ledger_nanos:
                yield mine, theirs
                del open_cells[day], open_cells[other]


def _excess(cell: Cell) -> Amounts:
    """The vendor's tokens minus the ledger's."""
    meters = cell.shown.keys() | cell.metered.keys()
    return defaultdict(
        Fraction, {meter: cell.shown.get(meter, _ZERO) - cell.metered.get(meter, _ZERO) for meter in meters}
    )


def _same_tokens(excess: dict[date, Amounts]) -> Iterator[Move]:
    """Days of which one lacks at the vendor exactly what a neighbour has too much."""
    taken: set[date] = set()
    for day in sorted(excess):
        short = {meter: -amount for meter, amount in excess[day].items() if amount}
        if day in taken or not short or min(short.values()) < 0:
            continue
        for other in (day + _DAY, day - _DAY):
            beside = {meter: amount for meter, amount in excess.get(other, {}).items() if amount}
            if other not in taken and beside == short:
                taken |= {day, other}
                yield from (Move(day, other, meter, tokens) for meter, tokens in short.items())
                break


def _over_midnight(excess: dict[date, Amounts], crossing: dict[date, Amounts], meter: str) -> Iterator[Move]:
    """How much of a day's attempts the vendor has on the next day: as much as evens both out, and no more
    than was under way. A day may hand on what it took over in kind, so the days are gone through in a row."""
    days = sorted(excess)
    flows: dict[date, Fraction] = {}
    for day in days:
        if day + _DAY in excess:
            wanted = flows.get(day - _DAY, _ZERO) - excess[day].get(meter, _ZERO)
            flows[day] = max(_ZERO, min(wanted, crossing.get(day, {}).get(meter, _ZERO)))
    for day in reversed(days):
        # What the next day could not use stays: it is not late.
        if flows.get(day):
            after = excess[day + _DAY].get(meter, _ZERO) + flows.get(day + _DAY, _ZERO) - flows[day]
            flows[day] -= min(flows[day], max(_ZERO, -after))
    yield from (Move(day, day + _DAY, meter, flow) for day, flow in flows.items() if flow)
