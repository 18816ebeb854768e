"""Whether a conversation stays on the model that answered it last: bounds that lean towards it.

A change costs twice: the tone of another model, for which the gain must be clear of the bound by a margin,
and the vendor's prefix cache, which forgets the conversation. The second is money, so it moves the bounds as
dearer tiers would.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from router.decision import Candidate, Previous
from router.policy import NEVER, tier_at

PREFIX_KEPT_S = 300.0
"""How long a vendor is taken to keep a prefix: five minutes after its last use."""
PREFIX_AT_LEAST_TOKENS = 1024
"""Vendors keep none that is shorter."""


def kept_tokens(previous: Previous, prompt_tokens: int) -> int:
    """How much of this prompt the last model's vendor has in its prefix cache, at best."""
    kept = min(previous.prompt_tokens, prompt_tokens)
    return kept if kept >= PREFIX_AT_LEAST_TOKENS and previous.age_s <= PREFIX_KEPT_S else 0


def saved_nanos(candidate: Candidate, tokens: int) -> float:
    """What the prefix cache takes off the price of an answer; 0 where its price is unknown."""
    whole, cached = candidate.input_nanos_per_token, candidate.cached_nanos_per_token
    return 0.0 if whole is None or cached is None else max(0.0, tokens * (whole - cached))


def stay(gain: float, bounds: Sequence[float], before: int, margin: float) -> int:
    """The tier of a conversation that was on tier `before`: another one only where the gain is beyond the
    bound between them by the margin."""
    tier = tier_at(gain, bounds)
    if tier > before:
        return tier if gain >= bounds[before] + margin else before
    if tier < before:
        return tier if gain < bounds[before - 1] - margin else before
    return tier


def priced(
    bounds: Sequence[float], costs: Sequence[int | float | None], before: int, saved: float
) -> tuple[float, ...]:
    """Bounds of a share, moved by what a change from tier `before` throws away.

    A bound says how much gain the extra dollars between two tiers must buy. Where staying saves some of its
    own, a dearer tier costs that much more beside it, and a cheaper one saves that much less: the bound moves
    in proportion. Not where a cost is unknown, or the dearer tier is not dearer.
    """
    return tuple(accumulate([_moved(bounds, costs, tier, before, saved) for tier in range(len(bounds))], max))


def _moved(
    bounds: Sequence[float], costs: Sequence[int | float | None], tier: int, before: int, saved: float
) -> float:
    """The bound between `tier` and the next."""
    upwards, bound = tier >= before, bounds[tier]
    here, other = costs[before], costs[tier + 1 if upwards else tier]
    if here is None or other is None or bound >= NEVER:
        return bound
    extra = other - here if upwards else here - other
    if extra <= 0:
        return bound
    change = max(0.0, bound) * saved / extra
    return min(NEVER, bound + change) if upwards else bound - change
