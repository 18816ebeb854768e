"""Why a cell's two amounts differ, in exact fractions of a nano-dollar.

Per class of token, with p the vendor's price per token (its money by its tokens) and q the ledger's:

    vendor = p * (same + late in + estimated too few + bypassed)
    ledger = q * (same + late out + estimated too many + missing)

so the difference is `same * (p - q)` priced differently, and each of the others its tokens times its side's
price. Late tokens are worth the same on both days, the ledger's price; what the vendor took more is priced
differently.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction

from metering.reconcile.cells import Cell
from metering.reconcile.late import Move, money_moves, moves
from metering.reconcile.variance import Variance

_ZERO = Fraction(0)
Parts = dict[Variance, Fraction]


@dataclass(slots=True)
class Explained:
    cell: Cell
    parts: Parts = field(default_factory=lambda: defaultdict(Fraction))
    """Add up to the vendor's amount minus the ledger's."""
    unmetered: Fraction = _ZERO
    """Of the vendor's amount, what no ledger row explains."""


def explain(cells: Sequence[Cell], places_nanos: int = 0) -> list[Explained]:
    """Of the cells of one vendor's model. `places_nanos` is half of the smallest step of the vendor's
    amounts, beyond a nano-dollar."""
    found = [Explained(cell) for cell in cells]
    by_day = {each.cell.place[1]: each for each in found}
    late = moves(cells)
    prices = {day: _ledger_prices(each.cell) for day, each in by_day.items()}
    for each in found:
        for meter in sorted(_meters(each.cell)):
            _of_class(each, meter, late, prices)
        charged_at_all = each.cell.vendor_nanos or each.cell.shown
        each.parts[Variance.PRICED if charged_at_all else Variance.MISSING] -= each.cell.tokenless
    for mine, theirs in money_moves(cells):
        _move_money(by_day[mine.place[1]], by_day[theirs.place[1]])
    for each in found:
        _name_price(each, places_nanos)
    return found


def _meters(cell: Cell) -> set[str]:
    return cell.shown.keys() | cell.metered.keys() | cell.charged.keys() | cell.listed.keys()


def _ledger_prices(cell: Cell) -> Mapping[str, Fraction]:
    return {meter: cell.listed.get(meter, _ZERO) / tokens for meter, tokens in cell.metered.items() if tokens}


def _of_class(
    each: Explained, meter: str, late: Sequence[Move], prices: Mapping[date, Mapping[str, Fraction]]
) -> None:
    cell, parts = each.cell, each.parts
    charged, shown = cell.charged.get(meter, _ZERO), cell.shown.get(meter, _ZERO)
    listed, metered = cell.listed.get(meter, _ZERO), cell.metered.get(meter, _ZERO)
    if charged and shown <= 0:
        _without_tokens(each, charged, listed, metered)
        return
    if cell.money_alone:
        parts[Variance.UNEXPLAINED] -= listed
        return
    day = cell.place[1]
    p = charged / shown if shown else _ZERO
    q = prices[day].get(meter, _ZERO)
    late_in = [move for move in late if move.to_day == day and move.meter == meter]
    late_out = sum((m.tokens for m in late if m.from_day == day and m.meter == meter), _ZERO)
    came_in = sum((move.tokens for move in late_in), _ZERO)
    rest = (shown - came_in) - (metered - late_out)
    guessed = max(-_guessed(cell, meter), min(_guessed(cell, meter, more=True), rest))
    beyond = rest - guessed
    same = min(shown - came_in, metered - late_out)
    origins = [(move.tokens, prices[move.from_day].get(meter, _ZERO)) for move in late_in]
    parts[Variance.LATE] += sum((tokens * q0 for tokens, q0 in origins), _ZERO) - late_out * q
    parts[Variance.ESTIMATED] += guessed * (p if guessed > 0 else q)
    parts[Variance.BYPASSED if beyond > 0 else Variance.MISSING] += beyond * (p if beyond > 0 else q)
    dearer = same * (p - q) + sum((tokens * (p - q0) for tokens, q0 in origins), _ZERO)
    parts[Variance.FREE if shown and not charged else Variance.PRICED] += dearer
    each.unmetered += max(_ZERO, beyond) * p


def _without_tokens(each: Explained, charged: Fraction, listed: Fraction, metered: Fraction) -> None:
    """The vendor's money tells no tokens. With nothing beside it in the ledger it passed us by; else nobody
    can say whether tokens or prices differ."""
    cell = each.cell
    if not metered and not listed and not (cell.money_alone and cell.attempts):
        each.parts[Variance.BYPASSED] += charged
        each.unmetered += charged
    else:
        each.parts[Variance.UNEXPLAINED] += charged - listed
        each.unmetered += max(_ZERO, charged - listed)


def _guessed(cell: Cell, meter: str, *, more: bool = False) -> Fraction:
    """How many tokens the vendor may have fewer, or more, for rows whose tokens it did not tell us: as many
    as were counted or estimated, and for a row of unknown tokens as many as its neighbours had."""
    tokens = cell.unreported.get(meter, _ZERO)
    known = cell.attempts - cell.unknown_usage
    if more and cell.unknown_usage and known > 0:
        tokens += cell.metered.get(meter, _ZERO) * cell.unknown_usage / known
    return tokens


def _move_money(mine: Explained, theirs: Explained) -> None:
    """Amounts without tokens that are equal and a day apart."""
    amount = Fraction(mine.cell.ledger_nanos - mine.cell.vendor_nanos)
    mine.parts = defaultdict(Fraction, {Variance.LATE: -amount})
    theirs.parts = defaultdict(Fraction, {Variance.LATE: amount})
    theirs.unmetered = _ZERO


def _name_price(each: Explained, places_nanos: int) -> None:
    """A difference of money at the same tokens may be rounding, or the price that the ledger did not have."""
    cell, parts = each.cell, each.parts
    rounding = Fraction(cell.attempts + cell.lines, 2) + cell.lines * places_nanos
    for kind in (Variance.PRICED, Variance.FREE, Variance.UNEXPLAINED):
        amount = parts.pop(kind, _ZERO)
        if abs(amount) <= rounding:
            parts[Variance.ROUNDING] += amount
            rounding -= abs(amount)
        elif kind is Variance.PRICED and amount > 0 and cell.unpriced:
            parts[Variance.UNPRICED] += amount
        else:
            parts[kind] += amount
