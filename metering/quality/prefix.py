"""What leaving the dearest model loses of its prompt cache: an estimate.

Unrouted, every turn of a conversation would be the dearest tier's, and would find its prefix in that tier's
cache as often as the turns do that it answers now. The input of the other tiers is taken to have been read
from it at the same rate; what their own caches gave is in the baseline already.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

_NANOS_PER_TOKEN_AT_ONE_USD_PER_MILLION = 1000


class TierInput(NamedTuple):
    """Of the answers on a tier."""

    tokens: int
    """All input."""
    read: int
    """The part that came out of the upstream's prompt cache, as far as it says so."""


def lost_nanos(
    tiers: Mapping[str, TierInput], dearest: str, discount: Decimal, factor: Fraction
) -> int | None:
    """Nano-dollars. `discount` is what a million tokens of the dearest model cost less out of its cache, USD
    at list price, `factor` what tenants pay of list prices.

    None where the dearest tier never read from a cache, or never said so: nobody knows the rate then.
    """
    there = tiers.get(dearest)
    if there is None or not there.read:
        return None
    rate = Fraction(there.read, there.tokens)
    others = (of for tier, of in tiers.items() if tier != dearest)
    lost_tokens = sum((max(Fraction(0), rate * of.tokens - of.read) for of in others), Fraction(0))
    return round(lost_tokens * Fraction(discount) * _NANOS_PER_TOKEN_AT_ONE_USD_PER_MILLION * factor)
