"""What a repricing plan changes for whom, as values and as a table to read before anything is written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

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


def summary(plan: Plan) -> list[Change]:
    """By tenant and model, in alphabetical order."""
    changes: dict[tuple[str, str], Change] = {}
    for correction in plan.corrections:
        key = (correction.event.tenant, correction.event.served_model)
        changes.setdefault(key, Change(*key)).add(correction)
    return [changes[key] for key in sorted(changes)]


def render(plan: Plan) -> Iterator[str]:
    """Lines of text; the printed differences add up to the printed total."""
    changes = summary(plan)
    yield f"{plan.looked_at} rows looked at, {len(plan.corrections)} to correct"
    if changes:
        yield ""
        yield from _table(changes)
    for model, count in sorted(plan.unpriced.items()):
        yield f"{model}: {count} rows keep their cost: the new prices have none for them"
    for model, ratio in sorted(plan.jumps.items()):
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
