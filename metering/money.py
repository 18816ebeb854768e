"""Money as integer nano-dollars (1e-9 USD): exact sums, one rounding, parts that add up to the whole."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from math import lcm

NANOS_PER_USD = 1_000_000_000
_NANO_DIGITS = 9
_MIN_PLACES = 2


def divide_half_even(numerator: int, denominator: int) -> int:
    """The quotient rounded once, ties to even. The denominator must be positive."""
    quotient, remainder = divmod(numerator, denominator)
    doubled = 2 * remainder
    if doubled > denominator or (doubled == denominator and quotient & 1):
        return quotient + 1
    return quotient


def usd_to_nanos(usd: Decimal) -> int:
    """Dollars to nano-dollars, rounded once, half to even. Raises ValueError for NaN and infinity."""
    if not usd.is_finite():
        raise ValueError(f"{usd} is not an amount of money")
    numerator, denominator = usd.as_integer_ratio()
    return divide_half_even(numerator * NANOS_PER_USD, denominator)


def apply_markup(nanos: int, factor: Decimal) -> int:
    """`nanos` times `factor` (1.1 is ten percent on top), rounded once, half to even.

    Raises ValueError if the factor is negative or not finite.
    """
    if factor == 1:
        return nanos
    if not factor.is_finite() or factor < 0:
        raise ValueError(f"markup must be a finite number of at least 0, not {factor}")
    numerator, denominator = factor.as_integer_ratio()
    return divide_half_even(nanos * numerator, denominator)


def split_by_largest_remainder(total: int, weights: Sequence[int | Fraction | Decimal]) -> list[int]:
    """Shares of `total` in proportion to `weights`, whole units that add up to `total` exactly.

    Each share differs from its exact value by less than one unit; what is left after rounding down goes
    to the largest remainders, earlier positions first. A negative total is split like its opposite.
    Raises ValueError for a negative weight, and for a total with nothing to carry it (no positive weight).
    """
    whole = _integer_weights(weights)
    if min(whole, default=0) < 0:
        raise ValueError("weights must not be negative")
    weight_sum = sum(whole)
    if weight_sum == 0:
        if total != 0:
            raise ValueError(f"no positive weight to carry {total}")
        return [0] * len(whole)
    if total < 0:
        return [-share for share in split_by_largest_remainder(-total, weights)]
    parts = [divmod(total * weight, weight_sum) for weight in whole]
    return _hand_out(total, parts)


def round_to_places(amounts: Sequence[int], places: int) -> tuple[list[int], int]:
    """Amounts in nanos -> (rounded amounts, rounded total), in nanos, whole multiples of 10**-places USD.

    The rounded amounts add up to the rounded total, so a printed column adds up to its last line.
    Raises ValueError unless 0 <= places <= 9.
    """
    unit = _unit_nanos(places)
    total_units = divide_half_even(sum(amounts), unit)
    units = _hand_out(total_units, [divmod(amount, unit) for amount in amounts])
    return [count * unit for count in units], total_units * unit


def split_units(amounts: Sequence[int], total_units: int, unit: int) -> list[int]:
    """Amounts -> whole units that add up to `total_units`, each within one unit of its amount.

    What is left after rounding down goes to the largest remainders, earlier positions first. Raises
    ValueError unless the total is the amounts' sum rounded down or up.
    """
    total = sum(amounts)
    if not total // unit <= total_units <= -(-total // unit):
        raise ValueError(f"{total_units} units of {unit} are not {total} rounded")
    return _hand_out(total_units, [divmod(amount, unit) for amount in amounts])


def format_usd(nanos: int | None, places: int | None = None) -> str:
    """Plain decimal dollars without a sign of currency: `0.0012`; `-` for an unknown amount.

    With `places`, rounded half to even to that many; without, exact, in no fewer than two places.
    """
    if nanos is None:
        return "-"
    unit = _unit_nanos(_NANO_DIGITS if places is None else places)
    whole, fraction = divmod(abs(divide_half_even(nanos, unit) * unit), NANOS_PER_USD)
    digits = f"{fraction:0{_NANO_DIGITS}d}"
    digits = digits.rstrip("0").ljust(_MIN_PLACES, "0") if places is None else digits[:places]
    sign = "-" if nanos < 0 and (whole or digits.strip("0")) else ""
    return f"{sign}{whole}.{digits}" if digits else f"{sign}{whole}"


def places_to_show(amounts: Sequence[int]) -> int:
    """Decimal places at which every non-zero amount shows two digits of itself: 2 at least, 9 at most."""
    smallest = min((abs(amount) for amount in amounts if amount), default=NANOS_PER_USD)
    leading_zeros = _NANO_DIGITS - len(str(smallest))
    return max(_MIN_PLACES, min(_NANO_DIGITS, leading_zeros + 2))


def _unit_nanos(places: int) -> int:
    if not 0 <= places <= _NANO_DIGITS:
        raise ValueError(f"places must be between 0 and {_NANO_DIGITS}, not {places}")
    return int(10 ** (_NANO_DIGITS - places))


def _integer_weights(weights: Sequence[int | Fraction | Decimal]) -> list[int]:
    ratios = [weight.as_integer_ratio() for weight in weights]
    common = lcm(*(denominator for _, denominator in ratios))
    return [numerator * (common // denominator) for numerator, denominator in ratios]


def _hand_out(total: int, parts: Sequence[tuple[int, int]]) -> list[int]:
    """Quotients that add up to `total`: one unit more for the largest remainders.

    `total` lies between the sum of the quotients and that sum plus the number of parts.
    """
    shares = [quotient for quotient, _ in parts]
    left = total - sum(shares)
    by_remainder = sorted(range(len(parts)), key=lambda position: -parts[position][1])
    for position in by_remainder[:left]:
        shares[position] += 1
    return shares
