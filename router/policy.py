"""Policies: from a predicted gain to a tier.

Every policy comes down to bounds: for each tier but the dearest, the gain from which a conversation goes
above it. A share takes them from what the gain model was calibrated on; dollars take them from what each tier
is expected to cost for this very request.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

SHARES: Mapping[str, float] = {"economy": 0.1, "balanced": 0.3, "quality": 0.6}
"""Policy -> the share of conversations that leave the cheapest tier, of those the model was calibrated on."""
NANOS = 1_000_000_000
NEVER = 9.0
"""A bound that no gain reaches: gains end at 1. Its negative is reached by all."""
_ALMOST_NOTHING = 1e-12
"""USD per gain where pacing leaves none: only what costs nothing more is worth it."""


@dataclass(frozen=True, slots=True)
class Policy:
    """`usd_per_gain` None: a share of dear calls. Else dollars decide, and the share stands in where a price
    is unknown."""

    name: str
    """As the file says it: `balanced`, `large_share 0.3`, `usd_per_gain 0.02`. Names it for good."""
    share: float
    usd_per_gain: float | None = None


def named(name: str) -> Policy:
    """economy, balanced or quality."""
    return Policy(name, SHARES[name])


def large_share(share: float) -> Policy:
    return Policy(f"large_share {share}", share)


def usd_per_gain(usd: float) -> Policy:
    """Up while the extra dollars are at most the gain times that."""
    return Policy(f"usd_per_gain {usd}", SHARES["balanced"], usd)


class Calibrated(Protocol):
    """What a share needs of a gain model."""

    def threshold(self, large_share: float) -> float: ...


def share_bounds(model: Calibrated, share: float, tiers: int) -> tuple[float, ...]:
    """Ascending: `share` of the conversations leave the cheapest tier, and each dearer tier has an equal part
    of them. No share is never, a share of 1 always."""
    steps = range(tiers - 1, 0, -1)
    return tuple([_bound(model, share * step / (tiers - 1)) for step in steps])


def _bound(model: Calibrated, share: float) -> float:
    if share <= 0.0:
        return NEVER
    return -NEVER if share >= 1.0 else model.threshold(share)


def dollar_bounds(costs: Sequence[int | float], usd_per_gain: float) -> tuple[float, ...]:
    """From each tier's expected nano-dollars. The gain is taken to grow by equal steps from tier to tier, and
    the tier is best whose quality is worth most above its cost. Bounds ascend; where two are equal, the tier
    between them is never best."""
    per_step = max(usd_per_gain, _ALMOST_NOTHING) * NANOS / max(1, len(costs) - 1)
    return tuple([_leaves(tier, costs, per_step) for tier in range(len(costs) - 1)])


def _leaves(tier: int, costs: Sequence[int | float], per_step: float) -> float:
    """The least gain at which some dearer tier is worth more than this one and all below it."""
    bound = min(
        max((costs[upper] - costs[lower]) / (per_step * (upper - lower)) for lower in range(tier + 1))
        for upper in range(tier + 1, len(costs))
    )
    return min(NEVER, max(-NEVER, bound))


def tier_at(gain: float, bounds: Sequence[float]) -> int:
    """The tier of a conversation with this gain: above every bound that it reaches."""
    return bisect_right(bounds, gain)
