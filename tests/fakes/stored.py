"""What kept answers occupied, for tests: an hour's worth of a gigabyte unless told otherwise."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from metering.storage_price import BYTES_PER_GB, StorageCharge
from tests.fakes.events import NEW_YEAR_2026_US

GB_HOUR = BYTES_PER_GB * 3600


def stored(number: int, **changes: Any) -> StorageCharge:
    """At 0.73 USD a gigabyte-month: 0.001 USD an hour."""
    typical = StorageCharge(
        f"sto_{number:024x}", NEW_YEAR_2026_US, "acme", "CC-100", GB_HOUR, Decimal("0.73"), Decimal(1)
    )
    return typical._replace(**changes)
