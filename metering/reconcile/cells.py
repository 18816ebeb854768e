"""Vendor's lines and ledger's sums brought to one place: per day and model, in token classes both sides
have."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction

from metering.reconcile.ledger_side import LedgerCell, Place
from metering.reconcile.line import TOTAL, LineKind, VendorLine
from metering.reconcile.names import ALL_MODELS, ModelNames

Rates = Callable[[str, str, date], Mapping[str, Fraction] | None]
"""(vendor, model, day) -> nano-dollars per token of each class at the gateway's prices; None if unknown."""
Amounts = dict[str, Fraction]
"""Class -> nano-dollars or tokens."""

_FINE, _IN_OUT, _TOTAL = "fine", "in-out", "total"


@dataclass(slots=True)
class Cell:
    """One vendor's model on one UTC day."""

    place: Place
    vendor_nanos: int = 0
    """Of lines about tokens."""
    ledger_nanos: int = 0
    charged: Amounts = field(default_factory=dict)
    """The vendor's money by class; adds up to `vendor_nanos`."""
    listed: Amounts = field(default_factory=dict)
    """The ledger's; adds up to `ledger_nanos` together with `tokenless`."""
    tokenless: Fraction = Fraction(0)
    """Of the ledger's money, what belongs to no token: corrections on a day without any."""
    shown: Amounts = field(default_factory=dict)
    """The vendor's tokens by class; a class is absent where the vendor does not say."""
    metered: Amounts = field(default_factory=dict)
    """The ledger's tokens."""
    unreported: Amounts = field(default_factory=dict)
    crossing: Amounts = field(default_factory=dict)
    lines: int = 0
    attempts: int = 0
    unpriced: int = 0
    unknown_usage: int = 0

    @property
    def money_alone(self) -> bool:
        """The vendor charged and says of no class how many tokens."""
        return self.vendor_nanos != 0 and not self.shown


def join(
    lines: Iterable[VendorLine], ledger: Mapping[Place, LedgerCell], names: ModelNames, rates: Rates
) -> list[Cell]:
    """Cells of token lines and ledger rows, by vendor, model and day. Lines of other kinds are passed
    over."""
    token_lines = [line for line in lines if line.kind is LineKind.TOKENS]
    whole = {line.vendor for line in token_lines if line.model is None}
    by_place: dict[Place, list[VendorLine]] = defaultdict(list)
    for line in token_lines:
        model = ALL_MODELS if line.vendor in whole else names.of(line.model or "")
        by_place[line.vendor, line.day, model].append(line)
    ledger_by_place: dict[Place, list[tuple[str, LedgerCell]]] = defaultdict(list)
    for (vendor, day, model), known in ledger.items():
        place = (vendor, day, ALL_MODELS if vendor in whole else model)
        ledger_by_place[place].append((model, known))
    levels = _levels(by_place, ledger_by_place)
    return [
        _cell(place, by_place[place], ledger_by_place[place], levels[place[0], place[2]], rates)
        for place in sorted(by_place.keys() | ledger_by_place.keys(), key=lambda p: (p[0], p[2], p[1]))
    ]


def _levels(
    lines: Mapping[Place, list[VendorLine]], ledger: Mapping[Place, list[tuple[str, LedgerCell]]]
) -> Mapping[tuple[str, str], str]:
    """Which classes a vendor's model is compared in: those that the vendor tells apart in the period."""
    told: dict[tuple[str, str], set[str]] = defaultdict(set)
    for (vendor, _, model), found in lines.items():
        counted = {line.meter or TOTAL for line in found if line.quantity is not None}
        told[vendor, model] |= counted or {line.meter for line in found if line.meter is not None}
    hidden = _counted_as_input(lines, ledger)
    levels: dict[tuple[str, str], str] = defaultdict(lambda: _FINE)
    for key, meters in told.items():
        if TOTAL in meters or not meters:
            levels[key] = _TOTAL
        elif key in hidden and not meters & {"cache_read", "cache_write"} and "input" in meters:
            levels[key] = _IN_OUT
    return levels


def _counted_as_input(
    lines: Mapping[Place, list[VendorLine]], ledger: Mapping[Place, list[tuple[str, LedgerCell]]]
) -> set[tuple[str, str]]:
    """Models with cached tokens in the ledger whose input at the vendor is nearer to all input than to what
    no cache held: a vendor that never names the cache counts its tokens as input."""
    shown: dict[tuple[str, str], Fraction] = defaultdict(Fraction)
    fresh: dict[tuple[str, str], int] = defaultdict(int)
    cached: dict[tuple[str, str], int] = defaultdict(int)
    for (vendor, _, model), found in lines.items():
        inputs = [line.quantity for line in found if line.meter == "input" and line.quantity is not None]
        shown[vendor, model] += sum(map(Fraction, inputs), Fraction(0))
    for (vendor, _, model), known in ledger.items():
        for _, cell in known:
            fresh[vendor, model] += cell.tokens.get("input", 0)
            cached[vendor, model] += cell.tokens.get("cache_read", 0) + cell.tokens.get("cache_write", 0)
    return {
        key
        for key, tokens in cached.items()
        if tokens and abs(shown[key] - fresh[key] - tokens) <= abs(shown[key] - fresh[key])
    }


def _at(level: str, meter: str) -> str:
    if level == _TOTAL:
        return TOTAL
    return "input" if level == _IN_OUT and meter != "output" else meter


def _cell(
    place: Place,
    lines: list[VendorLine],
    ledger: list[tuple[str, LedgerCell]],
    level: str,
    rates: Rates,
) -> Cell:
    cell = Cell(place, lines=len(lines))
    pool = _add_lines(cell, lines, level)
    at_rates: Amounts = defaultdict(Fraction)
    for model, known in ledger:
        cell.ledger_nanos += known.list_nanos
        cell.attempts += known.attempts
        cell.unpriced += known.unpriced
        cell.unknown_usage += known.unknown_usage
        for of_cell, of_known in (
            (cell.metered, known.tokens),
            (cell.unreported, known.unreported),
            (cell.crossing, known.crossing),
        ):
            for meter, tokens in of_known.items():
                _put(of_cell, _at(level, meter), Fraction(tokens))
        per_token = rates(place[0], model, place[1]) or {}
        for meter, tokens in known.tokens.items():
            at_rates[_at(level, meter)] += tokens * per_token.get(meter, Fraction(0))
    _split_pool(cell, pool, rates)
    _split_ledger(cell, at_rates)
    return cell


def _add_lines(cell: Cell, lines: list[VendorLine], level: str) -> int:
    """Returns the money of lines that name no class. Where a usage report counts tokens, what cost lines say
    of quantities is the same tokens again."""
    of_usage = [line for line in lines if line.cost_nanos is None]
    for line in of_usage or lines:
        if line.quantity is not None:
            _put(cell.shown, _at(level, line.meter or TOTAL), Fraction(line.quantity))
    pool = 0
    for line in lines:
        cost = line.cost_nanos or 0
        cell.vendor_nanos += cost
        if line.meter is None and level != _TOTAL:
            pool += cost
        elif line.cost_nanos is not None:
            _put(cell.charged, _at(level, line.meter or TOTAL), Fraction(cost))
    return pool


def _split_pool(cell: Cell, pool: int, rates: Rates) -> None:
    """Money of no class goes to the classes in proportion to what their tokens cost at the gateway's
    prices."""
    if not pool:
        return
    per_token = rates(cell.place[0], cell.place[2], cell.place[1]) or {}
    weights = {meter: tokens * per_token.get(meter, Fraction(0)) for meter, tokens in cell.shown.items()}
    parts = _in_proportion(Fraction(pool), weights, cell.shown) or {TOTAL: Fraction(pool)}
    for meter, part in parts.items():
        _put(cell.charged, meter, part)


def _split_ledger(cell: Cell, at_rates: Amounts) -> None:
    """A row has one price: its money by class is what today's prices say, or the vendor's, or by tokens."""
    total = Fraction(cell.ledger_nanos)
    at_vendor = {
        meter: tokens * cell.charged.get(meter, Fraction(0)) / cell.shown[meter]
        for meter, tokens in cell.metered.items()
        if cell.shown.get(meter)
    }
    priced = all(at_rates.get(meter, 0) for meter, tokens in cell.metered.items() if tokens)
    compared = all(at_vendor.get(meter, 0) for meter, tokens in cell.metered.items() if tokens)
    weights = at_rates if priced else at_vendor if compared else {}
    cell.listed = _in_proportion(total, weights, cell.metered)
    cell.tokenless = total - sum(cell.listed.values(), Fraction(0))


def _in_proportion(total: Fraction, weights: Mapping[str, Fraction], otherwise: Amounts) -> Amounts:
    """`total` by weight, or by `otherwise` where no weight is positive; nothing where neither is."""
    for shares in (weights, otherwise):
        whole = sum(shares.values(), Fraction(0))
        if whole > 0:
            return {meter: total * share / whole for meter, share in shares.items() if share}
    return {}


def _put(amounts: Amounts, meter: str, amount: Fraction) -> None:
    amounts[meter] = amounts.get(meter, Fraction(0)) + amount
