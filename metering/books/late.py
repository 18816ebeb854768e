"""Usage of closed months that came in late: entries of the next open month, for the difference alone.

What a closed month's ledger says now, less what its statements said, less what was already entered as late:
a second look enters nothing, and a second late row only what it adds. A correction, or a GPU window that was
closed again, counts like any row.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import func, select

from metering.books.charges import ChargeKey, ChargeLine, charges_between
from metering.books.entries import Entry, entry_id
from metering.books.periods import ClosedPeriod
from metering.books.tables import book_entries, statement_lines, statements
from metering.ledger import LedgerReader
from metering.periods import ReportError

Frozen = dict[tuple[str, ChargeKey], int]
"""(month, key) -> nano-dollars."""
_LINE = statement_lines.c


def late_entries(
    reader: LedgerReader, closed: Sequence[ClosedPeriod], into: str, created_us: int, created_by: str
) -> list[Entry]:
    """Entries for month `into`. Writes nothing. Raises LedgerError.

    In time zones that are no whole number of hours from UTC a month cannot be summed again once retention
    has deleted a part of it; its late rows are refused by the ledger then.
    """
    told = _frozen(reader)
    told.update(_entered(reader))
    found: list[Entry] = []
    for period in closed:
        try:
            lines = charges_between(reader, period.from_us, period.until_us)
        except ReportError:
            continue
        found += _differences(period.month, lines, told, into, created_us, created_by)
    return found


def _differences(
    month: str,
    lines: Iterable[ChargeLine],
    told: Counter[tuple[str, ChargeKey]],
    into: str,
    created_us: int,
    created_by: str,
) -> Iterator[Entry]:
    now = {line.key: line.cost_nanos or 0 for line in lines}
    keys = {*now, *(key for of_month, key in told if of_month == month)}
    for key in sorted(keys):
        difference = now.get(key, 0) - told[month, key]
        if difference:
            yield _entry(month, key, difference, told[month, key], into, created_us, created_by)


def _entry(
    month: str, key: ChargeKey, nanos: int, before: int, into: str, created_us: int, created_by: str
) -> Entry:
    what = " on ".join(name for name in (key.model, key.backend) if name) or key.category
    return Entry(
        id=entry_id(created_us, f"late|{month}|{key}|{before}"),
        month=into,
        tenant=key.tenant,
        cost_center=key.cost_center,
        project=key.project,
        kind="late",
        category=key.category,
        amount_nanos=nanos,
        description=f"late usage of {month}: {what}",
        reference=f"late:{month}",
        created_us=created_us,
        created_by=created_by,
        details=json.dumps({"month": month, "model": key.model, "backend": key.backend}, sort_keys=True),
    )


def _frozen(reader: LedgerReader) -> Counter[tuple[str, ChargeKey]]:
    names = [_LINE[name] for name in ChargeKey._fields]
    chosen = (
        select(statements.c.month, *names, func.coalesce(func.sum(_LINE.amount_nanos), 0))
        .join(statements, statements.c.number == _LINE.number)
        .where(_LINE.kind == "charge")
        .group_by(statements.c.month, *names)
    )
    (rows,) = reader.read(chosen)
    return Counter({(str(month), ChargeKey(*map(str, key))): int(nanos or 0) for month, *key, nanos in rows})


def _entered(reader: LedgerReader) -> Counter[tuple[str, ChargeKey]]:
    c = book_entries.c
    columns = (c.tenant, c.cost_center, c.project, c.category, c.amount_nanos, c.details)
    (rows,) = reader.read(select(*columns).where(c.kind == "late"))
    found: Counter[tuple[str, ChargeKey]] = Counter()
    for tenant, cost_center, project, category, nanos, details in rows:
        of: dict[str, Any] = json.loads(str(details))
        key = ChargeKey(
            str(tenant), str(cost_center), str(project), of["model"], of["backend"], str(category)
        )
        found[of["month"], key] += int(nanos or 0)
    return found
