"""Hourly rollups: the sums that reports read instead of rows.

    append           rows come in, once each, and are not in the rollups yet (the tail)
    roll_up          the tail is summed into the rollups, and is the tail no more, in one transaction
    report           rollups + tail, as of one moment: exact at any time

Which rows are the tail is a matter of what was committed, never of clocks. SQLite has one writing transaction
at a time, so `events.seq` rises in the order of commits and one number parts rolled-up rows from the tail.
PostgreSQL has many: each batch commits its rows together with an entry in `rollup_pending`, and rolling up
takes the entries that it sees away. A batch that commits late shows its entry late, and is never missed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Subquery, and_, cast, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite

from metering.days import US_PER_DAY
from metering.store.measures import (
    EVENT_DIMENSIONS,
    EVENT_HOUR,
    EVENT_MEASURES,
    SHARE_DIMENSIONS,
    SHARE_HOUR,
    SHARE_MEASURES,
)
from metering.store.names import DIMENSION_COLUMNS, MEASURES
from metering.store.sql import POSTGRESQL, Query, Row, Session
from metering.store.tables import (
    ROLLED_SEQ,
    events,
    gpu_shares,
    ledger_state,
    rollup_groups,
    rollup_hourly,
    rollup_pending,
)

BATCHES_AT_ONCE = 2000
_ROWS_AT_ONCE = 200_000
_WIDTH = len(DIMENSION_COLUMNS)

Condition = ColumnElement[bool]


def contributions(condition: Condition) -> Subquery:
    """The chosen events as rows of a rollup: `hour_us`, `at_us`, dimensions, measures."""
    columns = {"hour_us": EVENT_HOUR, "at_us": events.c.started_us, **EVENT_DIMENSIONS, **EVENT_MEASURES}
    return select(*(columns[name].label(name) for name in columns)).where(condition).subquery("rows")


def share_contributions(condition: Condition) -> Subquery:
    """The chosen GPU shares, likewise."""
    columns = {"hour_us": SHARE_HOUR, "at_us": gpu_shares.c.window_start_us, **SHARE_DIMENSIONS, **SHARE_MEASURES}
    return select(*(columns[name].label(name) for name in columns)).where(condition).subquery("shares")


def hourly_sums(rows: Subquery) -> Query:
    """(hour, dimensions ..., measures ...) of what `contributions` gave."""
    keys = [rows.c.hour_us, *(rows.c[name] for name in DIMENSION_COLUMNS)]
    return select(*keys, *(func.sum(rows.c[name]) for name in MEASURES)).group_by(*keys)


def tail(session: Session) -> Condition:
    """Which events are not in the rollups."""
    if session.dialect is POSTGRESQL:
        return events.c.seq.in_(select(rollup_pending.c.seq))
    return events.c.seq > rolled_seq()


def rolled_seq() -> ColumnElement[int]:
    """SQLite's watermark, 0 before the first rollup."""
    stored = select(cast(ledger_state.c.value, BigInteger)).where(ledger_state.c.name == ROLLED_SEQ)
    return func.coalesce(stored.scalar_subquery(), 0)


def roll_up(session: Session) -> bool:
    """Sum a piece of the tail into the rollups. Whether there may be more of it. In the caller's transaction."""
    if session.dialect is POSTGRESQL:
        claimed = _claim_batches(session)
        add(session, session.run(hourly_sums(contributions(events.c.seq.in_(claimed)))))
        return len(claimed) == BATCHES_AT_ONCE
    ((low, high),) = session.run(select(rolled_seq(), func.max(events.c.seq)).select_from(events))
    if high is None or high <= low:
        return False
    until = min(high, low + _ROWS_AT_ONCE)
    add(session, session.run(hourly_sums(contributions(events.c.seq.between(low + 1, until)))))
    set_state(session, ROLLED_SEQ, str(until))
    return bool(until < high)


def _claim_batches(session: Session) -> list[int]:
    """Taken from the pending ones; another that rolls up at the same time takes others."""
    seen = (
        select(rollup_pending.c.seq)
        .order_by(rollup_pending.c.seq)
        .limit(BATCHES_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    claim = delete(rollup_pending).where(rollup_pending.c.seq.in_(seen)).returning(rollup_pending.c.seq)
    return sorted(seq for (seq,) in session.run(claim))


def add(session: Session, sums: Iterable[Row], sign: int = 1) -> None:
    """Add (or, with -1, subtract) rows of `hourly_sums`. In the order of their keys, so that two that do this
    at the same time wait for each other and never deadlock."""
    keyed = sorted((_keyed(row, sign) for row in sums), key=lambda row: (row["hour_us"], row["group_id"]))
    if not keyed:
        return
    groups = {row["group_id"]: row for row in keyed}
    new_groups = [_pick(groups[one], rollup_groups.c.keys()) for one in sorted(groups)]
    session.run_many(insert_into(session, rollup_groups).on_conflict_do_nothing(), new_groups)
    session.run_many(_adding(session), [_pick(row, rollup_hourly.c.keys()) for row in keyed])


def _keyed(row: Row, sign: int) -> dict[str, Any]:
    dimensions = row[1 : 1 + _WIDTH]
    sums = [None if value is None else sign * int(value) for value in row[1 + _WIDTH :]]
    values = zip((*DIMENSION_COLUMNS, *MEASURES), (*dimensions, *sums), strict=True)
    return {"hour_us": row[0], "group_id": group_id(dimensions), **dict(values)}


def group_id(dimensions: Sequence[str | int]) -> bytes:
    """128 bits: among 10**9 groups the chance of two alike is 10**-21."""
    return blake2b(json.dumps(dimensions, ensure_ascii=True).encode(), digest_size=16).digest()


def _pick(row: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: row[name] for name in names}


def insert_into(session: Session, table: Any) -> Any:
    """Either dialect's INSERT ... ON CONFLICT."""
    return postgresql.insert(table) if session.dialect is POSTGRESQL else sqlite.insert(table)


def _adding(session: Session) -> Query:
    """An amount that neither side knows stays unknown."""
    insert = insert_into(session, rollup_hourly)
    old, new = rollup_hourly.c, insert.excluded
    total = {name: func.coalesce(old[name] + new[name], old[name], new[name]) for name in MEASURES}
    adding: Query = insert.on_conflict_do_update(index_elements=[old.hour_us, old.group_id], set_=total)
    return adding


def set_state(session: Session, name: str, value: str) -> None:
    insert = insert_into(session, ledger_state).values(name=name, value=value)
    session.run(insert.on_conflict_do_update(index_elements=[ledger_state.c.name], set_={"value": value}))


def get_state(session: Session, name: str) -> str | None:
    found = session.run(select(ledger_state.c.value).where(ledger_state.c.name == name))
    return found[0][0] if found else None


def rebuild(session: Session, from_us: int | None) -> None:
    """The rollups of all hours from this one on (None: all) made again from rows. The caller's transaction
    sees one moment, and nothing else rolls up meanwhile."""
    since = 0 if from_us is None else from_us
    session.run(delete(rollup_hourly).where(rollup_hourly.c.hour_us >= since))
    add(session, session.run(hourly_sums(contributions(tail(session) & (events.c.started_us < since)))))
    for first, until in _days(session, events.c.started_us, since):
        add(session, session.run(hourly_sums(contributions(_within(events.c.started_us, first, until)))))
    for first, until in _days(session, gpu_shares.c.window_start_us, since):
        chosen = _within(gpu_shares.c.window_start_us, first, until)
        add(session, session.run(hourly_sums(share_contributions(chosen))))
    _nothing_left(session)


def _nothing_left(session: Session) -> None:
    """The tail is empty."""
    if session.dialect is POSTGRESQL:
        session.run(delete(rollup_pending))
        return
    ((seq,),) = session.run(select(func.coalesce(func.max(events.c.seq), 0)))
    set_state(session, ROLLED_SEQ, str(max(seq, int(get_state(session, ROLLED_SEQ) or 0))))


def _days(session: Session, column: ColumnElement[int], since: int) -> Iterator[tuple[int, int]]:
    """The days that have rows: a rebuild holds one at a time in memory."""
    first = since
    while True:
        ((found,),) = session.run(select(func.min(column)).where(column >= first))
        if found is None:
            return
        first = found - found % US_PER_DAY + US_PER_DAY
        yield max(since, first - US_PER_DAY), first


def _within(column: ColumnElement[int], first: int, until: int) -> Condition:
    return and_(column >= first, column < until)
