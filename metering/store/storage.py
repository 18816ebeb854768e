"""What kept answers occupied: a row per tenant and taking, written once, and its place in the rollups.

A table of its own beside `events`, as GPU shares have: nobody asked for anything, so the row has no request,
attempt, outcome or tokens, its id is the store's and no ULID, and it must count as nobody's request.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from sqlalchemy import func, insert, select

from metering.ledger import EventRejected
from metering.storage_price import StorageCharge, storage_money
from metering.store.ids import month_start_us, next_month
from metering.store.rollup import add, storage_contributions
from metering.store.sql import Session
from metering.store.tables import cache_storage

_AT_ONCE = 500
"""Ids in one statement: databases bound the number of parameters."""
_K = cache_storage.c
Span = tuple[int, int]


def write_storage(session: Session, charges: Sequence[StorageCharge]) -> int:
    """In the caller's transaction, which no other of these overlaps. What is there already, by its id, is
    passed over; returns how many were new. Raises EventRejected for less than nothing."""
    given = {charge.id: charge for charge in charges}
    for charge in given.values():
        if charge.byte_seconds < 0:
            raise EventRejected(f"storage {charge.id}: {charge.byte_seconds} byte-seconds")
    ids = sorted(given)
    new = 0
    for start in range(0, len(ids), _AT_ONCE):
        new += _write(session, [given[each] for each in ids[start : start + _AT_ONCE]])
    return new


def _write(session: Session, charges: Sequence[StorageCharge]) -> int:
    ids = [charge.id for charge in charges]
    there = {str(row[0]) for row in session.run(select(_K.id).where(_K.id.in_(ids)))}
    new = [charge for charge in charges if charge.id not in there]
    if not new:
        return 0
    sums = _sums(session, new)
    rows = []
    for charge in new:
        place = charge.tenant, _month(charge.at_us)
        money = storage_money(charge, sums[place])
        sums[place] += charge.byte_seconds
        row = {name: getattr(charge, name) for name in ("id", "at_us", "tenant", "cost_center")}
        rows.append(
            {
                **row,
                "byte_seconds": charge.byte_seconds,
                "price_version": charge.price_version,
                **money._asdict(),
            }
        )
    session.run_many(insert(cache_storage), rows)
    add(session, storage_contributions(_K.id.in_([charge.id for charge in new])))
    return len(new)


def _sums(session: Session, charges: Sequence[StorageCharge]) -> dict[tuple[str, Span], int]:
    """(tenant, month) -> the byte-seconds that are there."""
    found: dict[tuple[str, Span], int] = {}
    for month, tenants in _by_month(charges):
        found.update(dict.fromkeys(((tenant, month) for tenant in tenants), 0))
        chosen = select(_K.tenant, func.sum(_K.byte_seconds)).where(
            _K.tenant.in_(tenants), _K.at_us >= month[0], _K.at_us < month[1]
        )
        for tenant, byte_seconds in session.run(chosen.group_by(_K.tenant)):
            found[str(tenant), month] = int(byte_seconds)
    return found


def _by_month(charges: Sequence[StorageCharge]) -> Iterator[tuple[Span, list[str]]]:
    months: dict[Span, set[str]] = {}
    for charge in charges:
        months.setdefault(_month(charge.at_us), set()).add(charge.tenant)
    for month, tenants in months.items():
        yield month, sorted(tenants)


def _month(at_us: int) -> Span:
    """The UTC month, `[from, until)`."""
    at = datetime.fromtimestamp(at_us // 1_000_000, UTC)
    return month_start_us((at.year, at.month)), month_start_us(next_month((at.year, at.month)))
