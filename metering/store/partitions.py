"""PostgreSQL's monthly partitions of `events`.

The key is the id, not `started_us`: PostgreSQL holds a unique key across partitions only if the partition's
column is in it, and (id, started_us) would take the same id twice with two times, as two recoveries of one
interrupted request might write it. An id is a ULID and starts with its time, so ranges of ids are months,
and the id alone is the primary key. A correction lies in the month it was written in.

There is no default partition: a row of a month that was dropped must fail, not find a place where its id
was never seen.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import psycopg

from metering.ledger import EventRejected
from metering.store.ids import Month, lowest_id, month_start_us, next_month
from metering.store.pg_connection import PostgresSession
from metering.store.retention import begin_deletion, retained_from_us

_NAME = re.compile(r"events_(\d{4})_(\d{2})")
PARTITIONS_LOCK = 0x5745495200000002
"""Advisory: who makes and drops partitions."""

Connection = psycopg.Connection[tuple[Any, ...]]


def existing_months(connection: Connection) -> set[Month]:
    found = connection.execute(
        "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
        "WHERE i.inhparent = 'events'::regclass"
    ).fetchall()
    names = (_NAME.fullmatch(name) for (name,) in found)
    return {(int(name[1]), int(name[2])) for name in names if name}


def make_months(connection: Connection, wanted: Iterable[Month]) -> set[Month]:
    """Make these months' partitions and the one after each, if they are not there. Returns all there are.

    In the caller's transaction. Raises EventRejected for a month that retention dropped.
    """
    connection.execute("SELECT pg_advisory_xact_lock(%s)", (PARTITIONS_LOCK,))
    retained_us = retained_from_us(PostgresSession(connection))
    there = existing_months(connection)
    for month in sorted({each for one in wanted for each in (one, next_month(one))} - there):
        if month_start_us(next_month(month)) <= retained_us:
            raise EventRejected(f"events of {_text(month)} were deleted by retention, and cannot be checked")
        _make(connection, month)
        there.add(month)
    return there


def drop_months(connection: Connection, until_us: int) -> int:
    """Drop the months that end by then. In the caller's transaction. Raises LedgerUnavailable if one of their
    rows is not rolled up yet."""
    connection.execute("SELECT pg_advisory_xact_lock(%s)", (PARTITIONS_LOCK,))
    old = sorted(
        month for month in existing_months(connection) if month_start_us(next_month(month)) <= until_us
    )
    if not old:
        return 0
    for month in old:  # nobody writes to them from here on
        connection.execute(f"LOCK TABLE {_table(month)} IN ACCESS EXCLUSIVE MODE".encode())
    begin_deletion(PostgresSession(connection), month_start_us(next_month(old[-1])))
    for month in old:
        connection.execute(f"DROP TABLE {_table(month)}".encode())
    return len(old)


def _make(connection: Connection, month: Month) -> None:
    first, after = (lowest_id(month_start_us(each)) for each in (month, next_month(month)))
    connection.execute(
        f"CREATE TABLE {_table(month)} PARTITION OF events "
        f"FOR VALUES FROM ('{first}') TO ('{after}')".encode()
    )


def _table(month: Month) -> str:
    return f"events_{month[0]:04}_{month[1]:02}"


def _text(month: Month) -> str:
    return f"{month[0]:04}-{month[1]:02}"
