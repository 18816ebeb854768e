"""What kept answers cost by what they occupy: byte-seconds at a price per gigabyte and month.

    nanos = byte_seconds * usd_per_gb_month / 2,628,000

for a gigabyte of 10**9 bytes, a month of 730 hours and nano-dollars of 10**-9 dollars. Rows are small, so
each is charged what it adds to the rounded cost of all that its tenant occupied in the UTC month so far: the
fraction of a nano-dollar that one row leaves is carried to the next, and a month's rows add up to the month's
cost, rounded once.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from metering.money import divide_half_even

BYTES_PER_GB = 10**9
SECONDS_PER_MONTH = 730 * 3600
_VERSION_START = "storage:"


class StorageCharge(NamedTuple):
    """What one tenant's answers occupied, and at what price. Booked once per `id`."""

    id: str
    at_us: int
    """The end of the time it was occupied, UTC microseconds: the row belongs to that moment."""
    tenant: str
    cost_center: str
    byte_seconds: int
    usd_per_gb_month: Decimal | None
    """None: storage has no price; its bytes are metered and cost 0."""
    factor: Decimal = Decimal(1)
    """The tenant's markup and discount, on top."""

    @property
    def price_version(self) -> str:
        """'' without a price."""
        return "" if self.usd_per_gb_month is None else f"{_VERSION_START}{self.usd_per_gb_month:f}"


class StorageMoney(NamedTuple):
    """Nano-dollars."""

    list_nanos: int
    cost_nanos: int


def storage_nanos(byte_seconds: int, usd_per_gb_month: Decimal, factor: Decimal = Decimal(1)) -> int:
    """Rounded once, half to even."""
    per_month = Fraction(usd_per_gb_month) * Fraction(factor)
    exact = byte_seconds * per_month / SECONDS_PER_MONTH
    return divide_half_even(exact.numerator, exact.denominator)


def storage_money(charge: StorageCharge, before: int) -> StorageMoney:
    """`before`: the byte-seconds that the tenant's rows of the month have already."""
    usd = charge.usd_per_gb_month
    if usd is None:
        return StorageMoney(0, 0)
    after = before + charge.byte_seconds
    return StorageMoney(
        storage_nanos(after, usd) - storage_nanos(before, usd),
        storage_nanos(after, usd, charge.factor) - storage_nanos(before, usd, charge.factor),
    )


def usd_per_gb_second(price_version: str) -> Fraction | None:
    """The price that a row's version names; None where it names none."""
    if not price_version.startswith(_VERSION_START):
        return None
    return Fraction(price_version.removeprefix(_VERSION_START)) / SECONDS_PER_MONTH
