"""Hourly and daily rollups: the sums that reports read instead of rows.

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
from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    Subquery,
    Table,
    Text,
    and_,
    cast,
    delete,
    func,
    literal_column,
    select,
    true,
)
from sqlalchemy.dialects import postgresql, sqlite

from metering.days import US_PER_DAY
from metering.store.measures import (
    EVENT_DIMENSIONS,
    EVENT_HOUR,
    EVENT_MEASURES,
    SHARE_DIMENSIONS,
    SHARE_HOUR,
    SHARE_MEASURES,
    STORAGE_DIMENSIONS,
    STORAGE_HOUR,
    STORAGE_MEASURES,
)
from metering.store.names import DIMENSION_COLUMNS, MEASURES
from metering.store.sql import POSTGRESQL, Query, Session
from metering.store.tables import (
    ROLLED_SEQ,
    cache_storage,
    events,
    gpu_shares,
    incoming_sums,
    ledger_state,
    rollup_daily,
    rollup_groups,
    rollup_hourly,
    rollup_pending,
)

BATCHES_AT_ONCE = 100
_ROWS_AT_ONCE = 200_000
_DIGEST_BYTES = 16
_GROUP_COLUMNS = ("group_id", *DIMENSION_COLUMNS)
_DAY = literal_column(str(US_PER_DAY), BigInteger)

Condition = ColumnElement[bool]


def contributions(condition: Condition) -> Subquery:
    """The chosen events as rows of a rollup: `hour_us`, `at_us`, dimensions, measures."""
    columns = {"hour_us": EVENT_HOUR, "at_us": events.c.started_us, **EVENT_DIMENSIONS, **EVENT_MEASURES}
    return select(*(columns[name].label(name) for name in columns)).where(condition).subquery("rows")


def share_contributions(condition: Condition) -> Subquery:
    """The chosen GPU shares, likewise."""
    columns = {
        "hour_us": SHARE_HOUR,
        "at_us": gpu_shares.c.window_start_us,
        **SHARE_DIMENSIONS,
        **SHARE_MEASURES,
    }
    return select(*(columns[name].label(name) for name in columns)).where(condition).subquery("shares")


def storage_contributions(condition: Condition) -> Subquery:
    """The chosen rows of the cache's storage, likewise."""
    columns = {
        "hour_us": STORAGE_HOUR,
        "at_us": cache_storage.c.at_us,
        **STORAGE_DIMENSIONS,
        **STORAGE_MEASURES,
    }
    return select(*(columns[name].label(name) for name in columns)).where(condition).subquery("storage")


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
    """Sum a piece of the tail, in the caller's transaction. Whether there may be more of it."""
    if session.dialect is POSTGRESQL:
        claimed = _claim_batches(session)
        if claimed:
            add(session, contributions(events.c.seq.in_(claimed)))
        return len(claimed) == BATCHES_AT_ONCE
    ((low, high),) = session.run(select(rolled_seq(), func.max(events.c.seq)).select_from(events))
    if high is None or high <= low:
        return False
    until = min(high, low + _ROWS_AT_ONCE)
    add(session, contributions(events.c.seq.between(low + 1, until)))
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


def add(session: Session, rows: Subquery, sign: int = 1) -> None:
    """Add (or, with -1, subtract) what `contributions` gave. Sums are written in the order of their keys, so
    that two that do this at the same time wait for each other and never deadlock."""
    given = incoming_sums.c
    session.make_temporary(incoming_sums)
    session.run(delete(incoming_sums))
    session.run(incoming_sums.insert().from_select(given.keys(), _hourly_sums(session, rows, sign)))
    groups = select(*(given[name] for name in _GROUP_COLUMNS)).distinct().order_by(given.group_id)
    session.run(_upsert(session, rollup_groups, groups).on_conflict_do_nothing())
    for table, start in (
        (rollup_hourly, given.hour_us),
        (rollup_daily, given.hour_us - given.hour_us % _DAY),
    ):
        keys = (start, given.group_id)
        sums = select(*keys, *(func.sum(given[name]) for name in MEASURES)).group_by(*keys).order_by(*keys)
        session.run(_adding(session, table, sums))


def _hourly_sums(session: Session, rows: Subquery, sign: int) -> Select[*tuple[Any, ...]]:
    keys = [rows.c.hour_us, *(rows.c[name] for name in DIMENSION_COLUMNS)]
    group = group_id(session, keys[1:])
    sums = (sign * func.sum(rows.c[name]) for name in MEASURES)
    return select(keys[0], group, *keys[1:], *sums).group_by(*keys)


def group_id(session: Session, dimensions: Sequence[ColumnElement[Any]]) -> ColumnElement[bytes]:
    """128 bits of a cryptographic hash: nobody can make two groups one, by chance or by choice of names."""
    if session.dialect is POSTGRESQL:
        text = cast(func.json_build_array(*dimensions), Text)
        return func.substring(func.sha256(func.convert_to(text, "UTF8")), 1, _DIGEST_BYTES)
    return func.weir_group_id(*dimensions)


def digest_of(*dimensions: str | int) -> bytes:
    """SQLite's `weir_group_id`."""
    return sha256(json.dumps(dimensions).encode()).digest()[:_DIGEST_BYTES]


def insert_into(session: Session, table: Any) -> Any:
    """Either dialect's INSERT ... ON CONFLICT."""
    return postgresql.insert(table) if session.dialect is POSTGRESQL else sqlite.insert(table)


def _upsert(session: Session, table: Table, rows: Select[*tuple[Any, ...]]) -> Any:
    """SQLite needs a WHERE to tell ON CONFLICT from a join's ON."""
    return insert_into(session, table).from_select(table.c.keys(), rows.where(true()))


def _adding(session: Session, table: Table, rows: Select[*tuple[Any, ...]]) -> Query:
    """An amount that neither side knows stays unknown."""
    insert = _upsert(session, table, rows)
    old, new = table.c, insert.excluded
    total = {name: func.coalesce(old[name] + new[name], old[name], new[name]) for name in MEASURES}
    adding: Query = insert.on_conflict_do_update(index_elements=list(table.primary_key), set_=total)
    return adding


def set_state(session: Session, name: str, value: str) -> None:
    insert = insert_into(session, ledger_state).values(name=name, value=value)
    session.run(insert.on_conflict_do_update(index_elements=[ledger_state.c.name], set_={"value": value}))


def get_state(session: Session, name: str) -> str | None:
    found = session.run(select(ledger_state.c.value).where(ledger_state.c.name == name))
    return found[0][0] if found else None


def rebuild(session: Session, from_us: int | None) -> None:
    """The rollups of all days from this one on (None: all) made again from rows. The caller's transaction
    sees one moment, and nothing else rolls up meanwhile."""
    since = 0 if from_us is None else from_us
    session.run(delete(rollup_hourly).where(rollup_hourly.c.hour_us >= since))
    session.run(delete(rollup_daily).where(rollup_daily.c.day_us >= since))
    add(session, contributions(tail(session) & (events.c.started_us < since)))
    for first, until in _days(session, events.c.started_us, since):
        add(session, contributions(_within(events.c.started_us, first, until)))
    for first, until in _days(session, gpu_shares.c.window_start_us, since):
        add(session, share_contributions(_within(gpu_shares.c.window_start_us, first, until)))
    for first, until in _days(session, cache_storage.c.at_us, since):
        add(session, storage_contributions(_within(cache_storage.c.at_us, first, until)))
    _nothing_left(session)


def _nothing_left(session: Session) -> None:
    """The tail is empty."""
    if session.dialect is POSTGRESQL:
        session.run(delete(rollup_pending))
        return
    ((seq,),) = session.run(select(func.coalesce(func.max(events.c.seq), 0)))
    set_state(session, ROLLED_SEQ, str(max(seq, int(get_state(session, ROLLED_SEQ) or 0))))


def _days(session: Session, column: ColumnElement[int], since: int) -> Iterator[tuple[int, int]]:
    """The days that have rows: one at a time is summed in memory."""
    first = since
    while True:
        ((found,),) = session.run(select(func.min(column)).where(column >= first))
        if found is None:
            return
        first = found - found % US_PER_DAY + US_PER_DAY
        yield max(since, first - US_PER_DAY), first


def _within(column: ColumnElement[int], first: int, until: int) -> Condition:
    return and_(column >= first, column < until)
