"""The rows of a period, oldest first, page by page: in memory is one page, however long the period."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from metering.event import Event
from metering.ledger import LedgerReader
from metering.rows import COLUMNS, from_row

PAGE_ROWS = 5_000
_FOREVER_US = 1 << 62


class Period(NamedTuple):
    """UTC microseconds: rows whose `started_us` is at least the first and below the second."""

    from_us: int | None = None
    until_us: int | None = None

    @property
    def bounds(self) -> tuple[int, int]:
        """For SQL."""
        return self.from_us or 0, _FOREVER_US if self.until_us is None else self.until_us


def pages(
    reader: LedgerReader, period: Period, only: str, page_rows: int = PAGE_ROWS
) -> Iterator[list[Event]]:
    """`only` is a condition in SQL. Blocks. Raises LedgerError."""
    sql = f"""
SELECT {", ".join(COLUMNS)} FROM events
WHERE started_us >= ? AND started_us < ? AND (started_us > ? OR id > ?) AND {only}
ORDER BY started_us, id LIMIT ?
"""
    start, end = period.bounds
    last_id = ""
    while True:
        (page,) = reader.read((sql, (start, end, start, last_id, page_rows)))
        if not page:
            return
        events = [from_row(row) for row in page]
        yield events
        start, last_id = events[-1].started_us, events[-1].id
