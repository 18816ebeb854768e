"""The classes into which a difference between a vendor's invoice and the ledger falls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from fractions import Fraction
from math import floor


class Variance(StrEnum):
    MISSING = "missing"
    """Ledger rows that the vendor does not show: negative, the vendor charged less."""
    BYPASSED = "bypassed"
    """Usage at the vendor that no ledger row explains: it did not pass the gateway."""
    LATE = "late"
    """The same tokens on a neighbouring day: adds up to 0 over the days."""
    PRICED = "priced differently"
    """The same tokens for other money."""
    ESTIMATED = "estimated"
    """The vendor's tokens against rows whose tokens were counted, estimated or not known."""
    UNPRICED = "unpriced"
    """The same tokens, and the ledger knew no price for some of them."""
    ROUNDING = "rounding"
    """Within what rounding of rows and lines can make."""
    FREE = "free/credits"
    """Tokens that the vendor did not charge, and credits."""
    OTHER = "other charges"
    """Meters that the gateway does not have: searches, code execution, storage."""
    TAX = "taxes"
    PURCHASE = "purchases"
    """Commitments and prepaid amounts."""
    ADJUSTED = "vendor adjustments"
    UNEXPLAINED = "unexplained"
    """The rest: the whole difference minus all classes above."""


def whole_parts(parts: Mapping[Variance, Fraction], total: int) -> dict[Variance, int]:
    """Exact parts as integers that add up to `total`, each less than one from its exact value; zeros left
    out.

    Raises ValueError if the parts do not add up to `total`.
    """
    if sum(parts.values(), Fraction(0)) != total:
        raise ValueError(f"the parts of {total} do not add up to it")
    rounded = {kind: floor(amount) for kind, amount in parts.items()}
    left = total - sum(rounded.values())
    for kind in _by_remainder(parts)[:left]:
        rounded[kind] += 1
    return {kind: amount for kind, amount in rounded.items() if amount}


def _by_remainder(parts: Mapping[Variance, Fraction]) -> Sequence[Variance]:
    return sorted(parts, key=lambda kind: (-(parts[kind] - floor(parts[kind])), kind.value))
