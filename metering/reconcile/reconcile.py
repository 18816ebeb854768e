"""A vendor's lines and a ledger held against each other: what differs where, by name, and what is left."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from itertools import groupby
from typing import NamedTuple

from metering.reconcile.cells import Rates, join
from metering.reconcile.explain import explain
from metering.reconcile.ledger_side import LedgerCell, Place
from metering.reconcile.line import LineKind, VendorLine
from metering.reconcile.names import NO_MODEL, ModelNames
from metering.reconcile.variance import Variance, whole_parts

_CLASS_OF = {
    LineKind.OTHER: Variance.OTHER,
    LineKind.CREDIT: Variance.FREE,
    LineKind.TAX: Variance.TAX,
    LineKind.PURCHASE: Variance.PURCHASE,
    LineKind.ADJUSTMENT: Variance.ADJUSTED,
}


@dataclass(slots=True)
class Row:
    """One vendor's model on one UTC day. Nano-dollars; `classes` add up to vendor minus ledger."""

    vendor: str
    day: date
    model: str
    vendor_nanos: int = 0
    ledger_nanos: int = 0
    classes: dict[Variance, int] = field(default_factory=lambda: defaultdict(int))

    @property
    def variance_nanos(self) -> int:
        return self.vendor_nanos - self.ledger_nanos


@dataclass(slots=True)
class Result:
    rows: list[Row]
    """By vendor, day and model."""
    usage_nanos: int
    """What the vendor charged for use: tokens and other meters, before credits, taxes and purchases."""
    explained_nanos: int
    """Of it, what metered rows explain."""
    without_tokens: int
    """Rows for which the vendor told no tokens: their differences cannot be told apart."""

    @property
    def vendor_nanos(self) -> int:
        return sum(row.vendor_nanos for row in self.rows)

    @property
    def ledger_nanos(self) -> int:
        return sum(row.ledger_nanos for row in self.rows)

    @property
    def variance_nanos(self) -> int:
        return self.vendor_nanos - self.ledger_nanos

    @property
    def classes(self) -> dict[Variance, int]:
        """Sums over all rows, `unexplained` last and computed: the whole difference minus the named
        classes."""
        named: dict[Variance, int] = {
            kind: sum(row.classes.get(kind, 0) for row in self.rows)
            for kind in Variance
            if kind is not Variance.UNEXPLAINED and any(kind in row.classes for row in self.rows)
        }
        return {**named, Variance.UNEXPLAINED: self.variance_nanos - sum(named.values())}

    @property
    def coverage(self) -> Fraction | None:
        """Share of what the vendor charged for use that metered rows explain; None if it charged nothing."""
        return Fraction(self.explained_nanos, self.usage_nanos) if self.usage_nanos > 0 else None

    @property
    def moved_nanos(self) -> int:
        """What was only late, which adds up to 0 where both days are in the period."""
        return sum(max(0, row.classes.get(Variance.LATE, 0)) for row in self.rows)


class Own(NamedTuple):
    """The gateway's own projects and keys at the vendor; empty: all of them are."""

    projects: Collection[str] = ()
    keys: Collection[str] = ()

    def has(self, line: VendorLine) -> bool:
        """A line that names no project or key may be ours."""
        return not (
            (self.projects and line.project and line.project not in self.projects)
            or (self.keys and line.key and line.key not in self.keys)
        )


EVERYTHING = Own()


def reconcile(
    lines: Iterable[VendorLine],
    ledger: Mapping[Place, LedgerCell],
    names: ModelNames,
    rates: Rates,
    *,
    own: Own = EVERYTHING,
    places_nanos: int = 0,
) -> Result:
    """Every difference by class. A pure function; `lines` and `ledger` are of the same days.

    `rates` says what the gateway's prices are, for splitting a row's money over token classes only.
    """
    every = list(lines)
    mine = [line for line in every if own.has(line)]
    rows: dict[Place, Row] = {}
    explained = Fraction(0)
    cells = join(mine, ledger, names, rates)
    for _, same_model in groupby(cells, key=lambda cell: (cell.place[0], cell.place[2])):
        for each in explain(list(same_model), places_nanos):
            cell = each.cell
            row = _row(rows, cell.place)
            row.vendor_nanos += cell.vendor_nanos
            row.ledger_nanos += cell.ledger_nanos
            _add(row, whole_parts(each.parts, cell.vendor_nanos - cell.ledger_nanos))
            explained += cell.vendor_nanos - each.unmetered
    for line in every:
        _add_charge(rows, line, names, ours=own.has(line))
    used = [line for line in every if line.kind in (LineKind.TOKENS, LineKind.OTHER)]
    return Result(
        sorted(rows.values(), key=lambda row: (row.vendor, row.day, row.model)),
        sum(line.cost_nanos or 0 for line in used),
        round(explained),
        sum(cell.money_alone and cell.vendor_nanos != cell.ledger_nanos for cell in cells),
    )


def _add_charge(rows: dict[Place, Row], line: VendorLine, names: ModelNames, *, ours: bool) -> None:
    """What stands for itself: other meters, credits, taxes, and all use of keys that are not the
    gateway's."""
    if not line.cost_nanos or (ours and line.kind is LineKind.TOKENS):
        return
    kind = _CLASS_OF.get(line.kind, Variance.BYPASSED)
    model = NO_MODEL if line.model is None else names.of(line.model)
    row = _row(rows, (line.vendor, line.day, model))
    row.vendor_nanos += line.cost_nanos
    _add(row, {kind: line.cost_nanos})


def _row(rows: dict[Place, Row], place: Place) -> Row:
    return rows.setdefault(place, Row(*place))


def _add(row: Row, classes: Mapping[Variance, int]) -> None:
    for kind, amount in classes.items():
        row.classes[kind] += amount


def models_of(rows: Sequence[Row], kind: Variance) -> list[str]:
    """Where this class appears, the largest amount first."""
    amounts: dict[str, int] = defaultdict(int)
    for row in rows:
        amounts[row.model] += abs(row.classes.get(kind, 0))
    return [
        model for model, amount in sorted(amounts.items(), key=lambda each: (-each[1], each[0])) if amount
    ]
