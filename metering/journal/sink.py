"""Where the shipper brings rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from metering.ledger import Row


class RowSink(Protocol):
    def append_rows(self, rows: Sequence[Row]) -> int:
        """Keep all or none; a row whose id is there already is passed over. Returns how many were new.

        Blocks; one thread calls it. Raises LedgerUnavailable or EventRejected (metering.ledger).
        """
        ...
