"""Pricing an open period again: what a new price book changes, for whom, and the rows that change it.

Rows are never altered. A correction is a row of its own that carries the differences of list, cost and
baseline and no tokens, so that sums of tokens stay and sums of money become what the new book says. The plan
counts corrections already there, so that planning again after applying finds nothing to do.

A correction's id begins with the time in the id of the row that it corrects: both lie in one monthly
partition and are deleted together.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple, Protocol

from metering.correction import Amounts, correction_of
from metering.event import WAS_UNKNOWN, WAS_UNPRICED, Event
from metering.gpu_rates import paid_by_gpu_time
from metering.store.ids import id_beside

MAX_RATIO_UNASKED = 10
"""A list price that moves by more than this factor needs the operator's word."""


class Charge(NamedTuple):
    """What the new book says of one event."""

    price_version: str
    amounts: Amounts


class Book(Protocol):
    def charge(self, event: Event) -> Charge | None:
        """What this event costs under the new prices and terms; None where they know no price. An amount that
        this book does not determine (a baseline whose route is gone) is None and is left as it was."""
        ...


class Applied(NamedTuple):
    """The corrections that an event already has."""

    rows: int
    amounts: Amounts


@dataclass(frozen=True, slots=True)
class Correction:
    """Differences to add to one event, and the id that two runs of one plan share."""

    id: str
    event: Event
    price_version: str
    difference: Amounts
    """None adds nothing."""
    list_before: int | None
    was_unknown: bool
    """The event's cost was unknown until now."""
    was_unpriced: bool = False
    """Of a hit: what it avoided was unknown until now."""


@dataclass(frozen=True, slots=True)
class Plan:
    corrections: tuple[Correction, ...]
    looked_at: int
    unpriced: Mapping[str, int]
    """Model -> events with a known cost for which the new book has no price: they stay as they are."""
    jumps: Mapping[str, Fraction | None]
    """Model -> the largest factor, up or down, by which an event's list price moves, where that is more than
    MAX_RATIO_UNASKED; None from or to nothing."""
    by_gpu_time: int = 0
    """Events that GPU time paid for: token prices leave them alone."""

    @property
    def needs_yes(self) -> bool:
        return bool(self.jumps)


class NeedsYes(Exception):
    """A price moves by more than MAX_RATIO_UNASKED and nobody has said yes."""


class ClosedPeriod(Exception):
    """The plan touches a period whose books are closed."""


class Books(Protocol):
    """Where corrections go."""

    def is_open(self, started_us: int) -> bool:
        """Whether the period that an event of this instant belongs to still takes corrections."""
        ...

    def write(self, rows: Sequence[Event]) -> None:
        """Inserts rows, ignoring those whose id is there already."""
        ...


def applied(corrections: Iterable[tuple[str, *tuple[int | None, ...]]]) -> dict[str, Applied]:
    """(corrected id, list, cost, baseline, perhaps avoided) of every correction there is -> what each event
    has."""
    found: dict[str, Applied] = {}
    for corrected, *amounts in corrections:
        before = found.get(corrected, Applied(0, Amounts(None, None, None)))
        sums = Amounts(*(_plus(a, b) for a, b in zip(before.amounts, Amounts(*amounts), strict=True)))
        found[corrected] = Applied(before.rows + 1, sums)
    return found


def plan(events: Iterable[Event], already: Mapping[str, Applied], book: Book) -> Plan:
    """What the new book changes. `events` are attempts and hits with tokens, corrections left out; `already`
    is what `applied` makes of the corrections. Writes nothing."""
    corrections: list[Correction] = []
    unpriced: dict[str, int] = {}
    jumps: dict[str, Fraction | None] = {}
    looked_at = by_gpu_time = 0
    for event in events:
        if event.usage is None:
            continue
        looked_at += 1
        if paid_by_gpu_time(event.price_version):
            by_gpu_time += 1
            continue
        charge = book.charge(event)
        if charge is None:
            if event.cost_nanos is not None:
                unpriced[event.served_model] = unpriced.get(event.served_model, 0) + 1
            continue
        correction = _correction(event, already.get(event.id), charge)
        if correction is not None:
            corrections.append(correction)
            _note_jump(jumps, correction)
    return Plan(tuple(corrections), looked_at, unpriced, jumps, by_gpu_time)


def apply(plan: Plan, books: Books, *, yes: bool = False, batch: int = 1000) -> int:
    """Writes the plan's rows and returns how many. Running it again, or beside another run of the same plan,
    adds nothing: the rows' ids follow from what they change.

    Raises NeedsYes or ClosedPeriod before anything is written.
    """
    if plan.needs_yes and not yes:
        raise NeedsYes(
            f"the price of {', '.join(sorted(plan.jumps))} moves by more than {MAX_RATIO_UNASKED}x"
        )
    closed = next((c for c in plan.corrections if not books.is_open(c.event.started_us)), None)
    if closed is not None:
        raise ClosedPeriod(f"event {closed.event.id} lies in a closed period")
    rows = [correction_row(correction) for correction in plan.corrections]
    for start in range(0, len(rows), batch):
        books.write(rows[start : start + batch])
    return len(rows)


def correction_row(correction: Correction) -> Event:
    """The row that this plan writes for one event."""
    return correction_of(
        correction.event,
        id=correction.id,
        price_version=correction.price_version,
        difference=correction.difference,
        error=WAS_UNKNOWN if correction.was_unknown else WAS_UNPRICED if correction.was_unpriced else "",
    )


def _correction(event: Event, had: Applied | None, charge: Charge) -> Correction | None:
    count, sums = had or Applied(0, Amounts(None, None, None))
    stored = Amounts(event.list_nanos, event.cost_nanos, event.baseline_nanos, event.avoided_nanos)
    now = Amounts(*(_plus(a, b) for a, b in zip(stored, sums, strict=True)))
    difference = Amounts(*(_minus(new, old) for new, old in zip(charge.amounts, now, strict=True)))
    if now.avoided_nanos is not None:  # a row without it would stand for its baseline, as older ones do
        difference = difference._replace(avoided_nanos=difference.avoided_nanos or 0)
    unknown = now.cost_nanos is None and charge.amounts.cost_nanos is not None
    unpriced = now.avoided_nanos is None and charge.amounts.avoided_nanos is not None
    if not unknown and not unpriced and not any(difference):
        return None
    seed = f"{event.id}|{count}|{charge.price_version}|{difference}"
    return Correction(
        id=id_beside(event.id, hashlib.sha256(seed.encode()).digest()),
        event=event,
        price_version=charge.price_version,
        difference=difference,
        list_before=now.list_nanos,
        was_unknown=unknown,
        was_unpriced=unpriced,
    )


def _note_jump(jumps: dict[str, Fraction | None], correction: Correction) -> None:
    old, difference = correction.list_before, correction.difference.list_nanos
    if old is None or not difference:
        return
    model, new = correction.event.served_model, old + difference
    if old == 0 or new == 0:
        jumps[model] = None
        return
    ratio = max(Fraction(new, old), Fraction(old, new))
    largest = jumps.get(model, Fraction(MAX_RATIO_UNASKED))
    if largest is not None and ratio > largest:
        jumps[model] = ratio


def _plus(amount: int | None, more: int | None) -> int | None:
    return amount if more is None else more if amount is None else amount + more


def _minus(new: int | None, old: int | None) -> int | None:
    """None where nothing is to be added, because the new amount is not determined."""
    return None if new is None else new - (old or 0)
