"""What a gain model is calibrated on, out of the ledger: comparisons of a route, and what clients said."""

from __future__ import annotations

from typing import NamedTuple

from metering.ledger import LedgerReader
from metering.quality.labelled import labelled_readings
from router.model.reading import Reading


class LedgerLabels(NamedTuple):
    readings: list[Reading]
    small: list[float]
    large: list[float]
    """How well each tier answered, 0 to 1."""
    unreadable: int
    """Rows whose reading another version wrote: left out."""


def ledger_labels(reader: LedgerReader, route: str, from_us: int = 0) -> LedgerLabels:
    """Blocks. Raises LedgerError."""
    found = LedgerLabels([], [], [], 0)
    unreadable = 0
    for page in labelled_readings(reader, route, from_us):
        for row in page:
            try:
                reading = Reading.from_bytes(row.reading)
            except ValueError:
                unreadable += 1
                continue
            found.readings.append(reading)
            found.small.append(row.small_good)
            found.large.append(row.large_good)
    return found._replace(unreadable=unreadable)
