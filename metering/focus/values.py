"""Exact numbers and instants as FOCUS files hold them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal
from fractions import Fraction

from metering.money import divide_half_even

PRICE_PLACES = 18
"""Digits after the point of a unit price in USD: a rate per million tokens with a dozen of them is exact."""
NANO_PLACES = 9
EXACT = Context(prec=200)
"""Products and sums of what stands in a file are exact in this many digits."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def decimal_of(number: Fraction | Decimal | int, places: int) -> Decimal:
    """Rounded once, half to even, to that many places; exact where it has no more."""
    numerator, denominator = number.as_integer_ratio()
    units = divide_half_even(numerator * 10**places, denominator)
    return EXACT.scaleb(EXACT.create_decimal(units), -places)


def unit_price(usd: Fraction | Decimal) -> Decimal:
    """USD for one unit."""
    return decimal_of(usd, PRICE_PLACES)


def usd_of(nanos: int) -> Decimal:
    """Nano-dollars in USD, exactly."""
    return EXACT.scaleb(EXACT.create_decimal(nanos), -NANO_PLACES)


def seconds_of(nanoseconds: int) -> Decimal:
    """Nanoseconds in seconds, exactly."""
    return EXACT.scaleb(EXACT.create_decimal(nanoseconds), -NANO_PLACES)


def product(price: Decimal, quantity: Decimal) -> Decimal:
    """Exactly."""
    return EXACT.multiply(price, quantity)


def plain(number: Decimal) -> str:
    """Without an exponent and with at least one digit after the point: a reader that guesses types from what
    it sees must not take a column of whole numbers for integers."""
    text = format(number.normalize(EXACT), "f")
    if text in {"-0", "0"}:
        return "0.0"
    return text if "." in text else f"{text}.0"


def instant(epoch_us: int) -> str:
    """UTC microseconds as `2026-10-01T00:00:00Z`."""
    return (_EPOCH + timedelta(microseconds=epoch_us)).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment(epoch_us: int) -> datetime:
    return _EPOCH + timedelta(microseconds=epoch_us)
