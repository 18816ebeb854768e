"""What a repricing plan changes for whom, as values and as a table to read before anything is written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction

from metering.money import format_usd, places_to_show, round_to_places
from metering.reprice import MAX_RATIO_UNASKED, Correction, Plan


@dataclass(slots=True)
class Change:
    """All corrections of one tenant's use of one model."""

    tenant: str
    model: str
    rows: int = 0
    newly_priced: int = 0
    """Of these, rows whose cost was unknown."""
    list_nanos: int = 0
    cost_nanos: int = 0
    baseline_nanos: int = 0
    """Differences, added up."""

    def add(self, correction: Correction) -> None:
        difference = correction.difference
        self.rows += 1
        self.newly_priced += correction.was_unknown
        self.list_nanos += difference.list_nanos or 0
        self.cost_nanos += difference.cost_nanos or 0
        self.baseline_nanos += difference.baseline_nanos or 0


@dataclass(slots=True)
class Summary:
    """Of one plan, or of the plans of many pages, without their rows."""

    looked_at: int = 0
    corrections: int = 0
    by_gpu_time: int = 0
    unpriced: dict[str, int] = field(default_factory=dict)
    """See Plan."""
    jumps: dict[str, Fraction | None] = field(default_factory=dict)
    """See Plan."""
    _changes: dict[tuple[str, str], Change] = field(default_factory=dict)

    def add(self, plan: Plan) -> None:
        self.looked_at += plan.looked_at
        self.corrections += len(plan.corrections)
        self.by_gpu_time += plan.by_gpu_time
        for model, rows in plan.unpriced.items():
            self.unpriced[model] = self.unpriced.get(model, 0) + rows
        for model, ratio in plan.jumps.items():
            known = self.jumps.get(model, ratio)
            self.jumps[model] = None if known is None or ratio is None else max(known, ratio)
        for correction in plan.corrections:
            key = (correction.event.tenant, correction.event.served_model)
            self._changes.setdefault(key, Change(*key)).add(correction)

    @property
    def needs_yes(self) -> bool:
        return bool(self.jumps)

    @property
    def changes(self) -> list[Change]:
        """By tenant and model, in alphabetical order."""
        return [self._changes[key] for key in sorted(self._changes)]


def summary(*plans: Plan) -> Summary:
    total = Summary()
    for plan in plans:
        total.add(plan)
    return total


def render(total: Summary) -> Iterator[str]:
    """Lines of text; the printed differences add up to the printed total."""
    yield f"{total.looked_at} rows looked at, {total.corrections} to correct"
    if total.changes:
        yield ""
        yield from _table(total.changes)
    if total.by_gpu_time:
        yield f"{total.by_gpu_time} rows keep their cost: GPU time paid for them, not tokens"
    for model, count in sorted(total.unpriced.items()):
        yield f"{model}: {count} rows keep their cost: the new prices have none for them"
    for model, ratio in sorted(total.jumps.items()):
        size = "from or to nothing" if ratio is None else f"by a factor of {float(ratio):.1f}"
        yield f"{model}: the list price moves {size}, over {MAX_RATIO_UNASKED}: say --yes if that is meant"


def _table(changes: list[Change]) -> Iterator[str]:
    places = places_to_show([change.cost_nanos for change in changes])
    costs, total = round_to_places([change.cost_nanos for change in changes], places)
    rows = [("tenant", "model", "rows", "newly priced", "cost in USD")]
    for change, cost in zip(changes, costs, strict=True):
        rows.append(
            (change.tenant, change.model, str(change.rows), str(change.newly_priced), _signed(cost, places))
        )
    count, priced = sum(c.rows for c in changes), sum(c.newly_priced for c in changes)
    rows.append(("total", "", str(count), str(priced), _signed(total, places)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        left = [cell.ljust(width) for cell, width in zip(row[:2], widths[:2], strict=True)]
        right = [cell.rjust(width) for cell, width in zip(row[2:], widths[2:], strict=True)]
        yield "  ".join(left + right)


def _signed(nanos: int, places: int) -> str:
    return ("+" if nanos > 0 else "") + format_usd(nanos, places)
