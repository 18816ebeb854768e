"""What the cache saved, and what it cost to know that it was right. Integers of nano-dollars."""

from __future__ import annotations

from typing import Literal, NamedTuple

Tier = Literal["exact", "canonical", "alias", "semantic"]


class Savings(NamedTuple):
    exact_nanos: int = 0
    canonical_nanos: int = 0
    alias_nanos: int = 0
    semantic_nanos: int = 0
    audit_nanos: int = 0
    """Fresh answers to served hits, embeddings and judges of all audits. A shadow hit's fresh answer was
    bought for the client and is no cost of the audit."""

    def with_hit(self, tier: Tier, nanos: int) -> Savings:
        """`nanos` is what the answer would have cost. Raises ValueError below 0."""
        return self._added(f"{tier}_nanos", nanos)

    def with_audit(self, nanos: int) -> Savings:
        """Raises ValueError below 0."""
        return self._added("audit_nanos", nanos)

    def plus(self, other: Savings) -> Savings:
        """Of two processes, or of two spans of time."""
        return Savings(*(one + another for one, another in zip(self, other, strict=True)))

    @property
    def gross_nanos(self) -> int:
        return self.exact_nanos + self.canonical_nanos + self.alias_nanos + self.semantic_nanos

    @property
    def net_nanos(self) -> int:
        """Below 0 where audits cost more than all hits saved."""
        return self.gross_nanos - self.audit_nanos

    def _added(self, name: str, nanos: int) -> Savings:
        if nanos < 0:
            raise ValueError(f"{nanos} nano-dollars; a saving and a cost are 0 or more")
        return self._replace(**{name: getattr(self, name) + nanos})
