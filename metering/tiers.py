"""Tiered charges of a monthly statement: graduated (each unit at its tier's rate), volume (all units at the
rate of the tier that the total reaches), and packages.

Units are tokens, requests or dollars, as whole numbers or exact fractions; amounts are exact dollars, rounded
once by the caller (`money.usd_to_nanos` takes a Decimal, `nanos` below a Fraction).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from metering.money import NANOS_PER_USD, divide_half_even

Units = int | Decimal | Fraction


@dataclass(frozen=True, slots=True)
class Tier:
    """Units above the tier before it, up to and with `up_to`.

    Raises ValueError for a negative or infinite rate or fee.
    """

    up_to: Units | None
    """None for the last tier: no end."""
    usd_per_unit: Decimal
    """For a tier on money, the share: 0.01 is one percent."""
    flat_usd: Decimal = Decimal(0)
    """Once, as soon as the tier is reached."""

    def __post_init__(self) -> None:
        for name, amount in (("usd_per_unit", self.usd_per_unit), ("flat_usd", self.flat_usd)):
            if not (amount.is_finite() and amount >= 0):
                raise ValueError(f"{name} must be a finite number of at least 0, not {amount}")


def graduated(units: Units, tiers: Sequence[Tier]) -> Fraction:
    """Dollars when each unit costs what its own tier says. Raises ValueError as `volume` does."""
    charged = Fraction(0)
    for lower, upper, tier in _bands(units, tiers):
        if units > lower:
            reached = Fraction(units) if upper is None else min(Fraction(units), upper)
            charged += (reached - lower) * Fraction(tier.usd_per_unit) + Fraction(tier.flat_usd)
    return charged


def volume(units: Units, tiers: Sequence[Tier]) -> Fraction:
    """Dollars when all units cost what the tier says that the total falls into.

    Raises ValueError for negative units, and for tiers that do not ascend to an endless last one.
    """
    for lower, upper, tier in _bands(units, tiers):
        if units > lower and (upper is None or units <= upper):
            return Fraction(units) * Fraction(tier.usd_per_unit) + Fraction(tier.flat_usd)
    return Fraction(0)


def package(units: Units, size: int, usd_per_package: Decimal, free_units: Units = 0) -> Fraction:
    """Dollars when units are sold in packages of `size`, the last one whole however little of it is used."""
    if size <= 0 or units < 0 or free_units < 0:
        raise ValueError("a package has at least one unit, and units are not negative")
    sold = max(Fraction(0), Fraction(units) - Fraction(free_units))
    return -(-sold // size) * Fraction(usd_per_package)


def nanos(usd: Fraction) -> int:
    """Nano-dollars, rounded once, half to even."""
    return divide_half_even(usd.numerator * NANOS_PER_USD, usd.denominator)


def _bands(units: Units, tiers: Sequence[Tier]) -> Iterator[tuple[Fraction, Fraction | None, Tier]]:
    """(above, up to, tier). Raises ValueError before the first if anything is out of order."""
    if units < 0:
        raise ValueError(f"{units} units cannot be charged")
    ends = [None if tier.up_to is None else Fraction(tier.up_to) for tier in tiers]
    finite = [Fraction(0), *(end for end in ends[:-1] if end is not None)]
    if not ends or ends[-1] is not None or len(finite) != len(ends) or finite != sorted(set(finite)):
        raise ValueError("tiers must ascend, and only the last has no end")
    return zip(finite, ends, tiers, strict=True)
