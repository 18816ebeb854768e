"""Single events of the ledger, for looking at what happened."""

from __future__ import annotations

from metering.event import Event
from metering.ledger import LedgerReader, Parameter
from metering.rows import COLUMNS, from_row

MAX_EVENTS = 1000


def query_events(
    reader: LedgerReader,
    *,
    request_id: str | None = None,
    tenant: str | None = None,
    limit: int = 100,
    after: str | None = None,
    newest_first: bool = False,
) -> list[Event]:
    """Up to `limit` events (1 to MAX_EVENTS) in the order of their ids, which is the order of time.

    `after` is the id of the last event of the page before. Blocks. Raises ValueError and LedgerError.
    """
    if not 1 <= limit <= MAX_EVENTS:
        raise ValueError(f"limit must be between 1 and {MAX_EVENTS}, not {limit}")
    comparison, direction = ("<", "DESC") if newest_first else (">", "ASC")
    given = (("request_id = ?", request_id), ("tenant = ?", tenant), (f"id {comparison} ?", after))
    conditions = [(condition, value) for condition, value in given if value is not None]
    where = " AND ".join(condition for condition, _ in conditions) or "1 = 1"
    parameters: list[Parameter] = [*(value for _, value in conditions), limit]
    sql = f"SELECT {', '.join(COLUMNS)} FROM events WHERE {where} ORDER BY id {direction} LIMIT ?"
    (rows,) = reader.read((sql, parameters))
    return [from_row(row) for row in rows]
