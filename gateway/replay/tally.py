"""The sums of a replay: exact integers per tenant and route, and how the expected quality moves."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from math import sqrt

Z95 = 1.959964
"""Standard errors on either side of a mean that hold it with 95 %."""


@dataclass(slots=True)
class Sums:
    """Of one tenant on one route. Money is nano-dollars of rows whose cost is known."""

    rows: int = 0
    """Attempts and hits."""
    decided: int = 0
    """Of these, decided again; the others stay as they were."""
    moved: int = 0
    """Of these, to another model."""
    large_before: int = 0
    large_after: int = 0
    """Decided rows on the dearest tier."""
    before_nanos: int = 0
    after_nanos: int = 0
    unknown_before: int = 0
    """Rows whose cost nobody knows: missing in the sums, not 0."""
    unknown_after: int = 0
    by_gpu_time: int = 0
    """Moved rows priced at what GPU time cost per token: an estimate."""

    def add(self, other: Sums) -> None:
        for each in fields(Sums):
            setattr(self, each.name, getattr(self, each.name) + getattr(other, each.name))

    @property
    def change_nanos(self) -> int:
        return self.after_nanos - self.before_nanos


@dataclass(slots=True)
class Quality:
    """Expected quality, in units of gain: 1 is one answer that only the dearest tier gets right."""

    rows: int = 0
    """Decided rows that have a gain."""
    unknown: int = 0
    """Of these, rows where the model's prior spoke."""
    before: float = 0.0
    after: float = 0.0
    """Sums over the rows of gain times how far up the tiers each went (0 cheapest, 1 dearest)."""
    _squares: float = 0.0
    """Of the rows' differences."""

    def add(self, gain: float, known: bool, before: float, after: float) -> None:
        self.rows += 1
        self.unknown += not known
        self.before += gain * before
        self.after += gain * after
        self._squares += (gain * (after - before)) ** 2

    @property
    def change(self) -> float:
        return self.after - self.before

    def interval(self) -> tuple[float, float] | None:
        """95 % of the change, by how it differs between requests: what other traffic of the same kind may
        give. The model's own error is not in it. None for fewer than two rows."""
        if self.rows < 2:
            return None
        mean = self.change / self.rows
        variance = max(0.0, self._squares / self.rows - mean**2) * self.rows / (self.rows - 1)
        half = Z95 * sqrt(variance * self.rows)
        return self.change - half, self.change + half


@dataclass(slots=True)
class Tally:
    sums: dict[tuple[str, str], Sums] = field(default_factory=dict)
    """(tenant, route); the route is '' where the client named a model."""
    kept: dict[str, int] = field(default_factory=dict)
    """Why rows stay as they were -> how many."""
    quality: Quality = field(default_factory=Quality)
    repeated: int = 0
    """Decided rows for which the present file chooses what was chosen then."""
    comparable: int = 0
    """Decided rows that the present file could decide too."""

    def of(self, tenant: str, route: str) -> Sums:
        return self.sums.setdefault((tenant, route), Sums())

    def by_tenant(self) -> dict[str, Sums]:
        found: dict[str, Sums] = {}
        for (tenant, _), sums in sorted(self.sums.items()):
            found.setdefault(tenant, Sums()).add(sums)
        return found

    def total(self) -> Sums:
        whole = Sums()
        for sums in self.sums.values():
            whole.add(sums)
        return whole
