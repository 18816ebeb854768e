"""The ledger's tables, as the newest revision of metering/migrations leaves them."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, LargeBinary, MetaData, Table, Text

from metering.rows import COLUMNS
from metering.store.names import DIMENSION_COLUMNS, INTEGER_DIMENSIONS, MEASURES

_MAY_BE_NULL = frozenset(
    {
        "input_uncached_tokens",
        "cache_read_tokens",
        "cache_write_tokens",
        "output_tokens",
        "reasoning_tokens",
        "cache_write_1h_tokens",
        "provenance",
        "list_nanos",
        "cost_nanos",
        "baseline_nanos",
        "first_token_us",
        "prefill_us",
        "decode_us",
        "gpu_ns",
        "gpu_nanos",
    }
)
INTEGER_COLUMNS = frozenset(
    {
        "attempt",
        "status",
        "stream",
        "stand_in",
        "started_us",
        "finished_us",
        "queue_us",
        "total_us",
        "overhead_us",
    }
    | (_MAY_BE_NULL - {"provenance"})
)

metadata = MetaData()


def _integer(name: str, *, nullable: bool = False, primary_key: bool = False) -> Column[int]:
    return Column(name, BigInteger, nullable=nullable, primary_key=primary_key)


def _text(name: str, *, nullable: bool = False, primary_key: bool = False) -> Column[str]:
    return Column(name, Text, nullable=nullable, primary_key=primary_key)


def _event_column(name: str) -> Column[int] | Column[str]:
    make = _integer if name in INTEGER_COLUMNS else _text
    return make(name, nullable=name in _MAY_BE_NULL)


def may_be_null(name: str) -> bool:
    """Whether this column of `events` holds None where nothing is known."""
    return name in _MAY_BE_NULL


events = Table("events", metadata, *(_event_column(name) for name in COLUMNS), _integer("seq"))
"""`seq` says in which order rows came in. SQLite: a number per row, in the order of commits, since one
transaction writes at a time. PostgreSQL: the number of the batch, which stands in `rollup_pending` until it
is rolled up."""

rollup_pending = Table("rollup_pending", metadata, _integer("seq", primary_key=True))
"""PostgreSQL only: batches of events that are not in the rollups yet."""

rollup_groups = Table(
    "rollup_groups",
    metadata,
    Column("group_id", LargeBinary, primary_key=True),
    *((_integer if name in INTEGER_DIMENSIONS else _text)(name) for name in DIMENSION_COLUMNS),
)
"""Each combination of dimensions once; `group_id` is a 128-bit digest of it."""


def _sums(name: str, start: str) -> Table:
    columns = (_integer(measure, nullable=True) for measure in MEASURES)
    group = Column("group_id", LargeBinary, primary_key=True)
    return Table(name, metadata, _integer(start, primary_key=True), group, *columns)


rollup_hourly = _sums("rollup_hourly", "hour_us")
"""Sums of `events` and `gpu_shares` per UTC hour and group. NULL where no row of the group has the amount."""

rollup_daily = _sums("rollup_daily", "day_us")
"""The same per UTC day, for reports of whole days: a twentieth of the rows."""

gpu_windows = Table(
    "gpu_windows",
    metadata,
    _text("backend", primary_key=True),
    _integer("window_start_us", primary_key=True),
    _integer("window_end_us"),
    _integer("gpu_count"),
    _integer("capacity_ns"),
    _integer("capacity_nanos"),
    _text("method"),
    _text("digest"),
)
"""One closed window of a backend's GPU time. Its shares add up to its capacity."""

gpu_shares = Table(
    "gpu_shares",
    metadata,
    _text("backend", primary_key=True),
    _integer("window_start_us", primary_key=True),
    _text("line", primary_key=True),
    _text("event_id", primary_key=True),
    _text("tenant", primary_key=True),
    _text("cost_center", primary_key=True),
    _text("project"),
    _text("key"),
    _text("model"),
    _integer("gpu_ns"),
    _integer("nanos"),
    _text("method"),
    _text("mark"),
)
"""Whose a window's GPU time was: `line` is request, aborted, warmup, idle or overhead."""

gpu_up = Table(
    "gpu_up",
    metadata,
    _text("backend", primary_key=True),
    _text("process", primary_key=True),
    _integer("up_us", primary_key=True),
    _integer("ready_us", nullable=True),
    _integer("seen_us"),
    _integer("down_us", nullable=True),
)
"""When a gateway process saw a backend up, on that process's clock."""

gpu_clocks = Table(
    "gpu_clocks",
    metadata,
    _text("process", primary_key=True),
    _integer("from_us", primary_key=True),
    _integer("ahead_us"),
)
"""From when on a process's clock was how far ahead of the ledger server's; no row: not at all."""

gpu_weights = Table(
    "gpu_weights",
    metadata,
    _text("backend", primary_key=True),
    _integer("from_us", primary_key=True),
    _integer("prefill_ns_per_token"),
    _integer("decode_ns_per_token"),
    _integer("prefill_ns_per_kilocontext"),
    _integer("decode_ns_per_kilocontext"),
    _text("method"),
)
"""What a token weighs on a backend in the windows from then on; fitted once, then never changed."""

audit_log = Table(
    "audit_log",
    metadata,
    _integer("seq", primary_key=True),
    _integer("at_us"),
    *(_text(name) for name in ("who", "action", "subject")),
    *(_text(name, nullable=True) for name in ("before", "after")),
    *(_text(name) for name in ("request_id", "prev_hash", "hash")),
)
"""Every change that was made through management; each row's hash covers the one before (metering/audit)."""

incoming_sums = Table(
    "weir_sums",
    MetaData(),
    _integer("hour_us"),
    Column("group_id", LargeBinary),
    *((_integer if name in INTEGER_DIMENSIONS else _text)(name) for name in DIMENSION_COLUMNS),
    *(_integer(name, nullable=True) for name in MEASURES),
    prefixes=["TEMPORARY"],
)
"""What a transaction is about to add to the rollups; each connection has its own."""

ledger_state = Table("ledger_state", metadata, _text("name", primary_key=True), _text("value"))
"""Single facts: ROLLED_SEQ and RETAINED_FROM_US."""

ROLLED_SEQ = "rolled_seq"
"""SQLite: the highest `events.seq` that is in the rollups."""
RETAINED_FROM_US = "retained_from_us"
"""Events whose id is older were deleted by retention; their rollups stay."""
