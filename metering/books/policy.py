"""How a house keeps its books: whose months, when they close, who pays shared costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

By = Literal["use", "even", "fixed"]
US_PER_DAY = 86_400_000_000


@dataclass(frozen=True, slots=True)
class SplitRule:
    """A cost of the house that tenants share when a month closes."""

    cost: str
    """A category: idle, overhead, vendor, gpu."""
    by: By
    backend: str | None = None
    """None: of every backend, each split by its own use."""
    weights: Mapping[str, Decimal] = field(default_factory=dict)
    """For `fixed`: tenant -> weight. Only their proportions count."""

    def covers(self, category: str, backend: str) -> bool:
        return self.cost == category and self.backend in (None, backend)


@dataclass(frozen=True, slots=True)
class BooksPolicy:
    time_zone: str = "UTC"
    close_after_us: int = 2 * US_PER_DAY
    """A month may be closed that long after its end: time for what is late."""
    splits: tuple[SplitRule, ...] = ()
    """The first that covers a cost splits it."""
