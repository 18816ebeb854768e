"""The ledger's tables, as the newest revision of metering/migrations leaves them."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, LargeBinary, MetaData, Table, Text

from metering.rows import AVOIDED_COLUMN, COLUMNS, ROUTING_COLUMNS
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
        *ROUTING_COLUMNS,
        AVOIDED_COLUMN,
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
    | (_MAY_BE_NULL - {"provenance", "gain_model", "route_needs"})
)

metadata = MetaData()


def integer_column(name: str, *, nullable: bool = False, primary_key: bool = False) -> Column[int]:
    return Column(name, BigInteger, nullable=nullable, primary_key=primary_key)


def text_column(name: str, *, nullable: bool = False, primary_key: bool = False) -> Column[str]:
    return Column(name, Text, nullable=nullable, primary_key=primary_key)


def _event_column(name: str) -> Column[int] | Column[str]:
    make = integer_column if name in INTEGER_COLUMNS else text_column
    return make(name, nullable=name in _MAY_BE_NULL)


def may_be_null(name: str) -> bool:
    """Whether this column of `events` holds None where nothing is known."""
    return name in _MAY_BE_NULL


events = Table("events", metadata, *(_event_column(name) for name in COLUMNS), integer_column("seq"))
"""`seq` says in which order rows came in. SQLite: a number per row, in the order of commits, since one
transaction writes at a time. PostgreSQL: the number of the batch, which stands in `rollup_pending` until it
is rolled up."""

rollup_pending = Table("rollup_pending", metadata, integer_column("seq", primary_key=True))
"""PostgreSQL only: batches of events that are not in the rollups yet."""

rollup_groups = Table(
    "rollup_groups",
    metadata,
    Column("group_id", LargeBinary, primary_key=True),
    *((integer_column if name in INTEGER_DIMENSIONS else text_column)(name) for name in DIMENSION_COLUMNS),
)
"""Each combination of dimensions once; `group_id` is a 128-bit digest of it."""


def _sums(name: str, start: str) -> Table:
    columns = (integer_column(measure, nullable=True) for measure in MEASURES)
    group = Column("group_id", LargeBinary, primary_key=True)
    return Table(name, metadata, integer_column(start, primary_key=True), group, *columns)


rollup_hourly = _sums("rollup_hourly", "hour_us")
"""Sums of `events`, `gpu_shares` and `cache_storage` per UTC hour and group. NULL where no row of the group
has the amount."""

rollup_daily = _sums("rollup_daily", "day_us")
"""The same per UTC day, for reports of whole days: a twentieth of the rows."""

gpu_windows = Table(
    "gpu_windows",
    metadata,
    text_column("backend", primary_key=True),
    integer_column("window_start_us", primary_key=True),
    integer_column("window_end_us"),
    integer_column("gpu_count"),
    integer_column("capacity_ns"),
    integer_column("capacity_nanos"),
    text_column("method"),
    text_column("digest"),
)
"""One closed window of a backend's GPU time. Its shares add up to its capacity."""

gpu_shares = Table(
    "gpu_shares",
    metadata,
    text_column("backend", primary_key=True),
    integer_column("window_start_us", primary_key=True),
    text_column("line", primary_key=True),
    text_column("event_id", primary_key=True),
    text_column("tenant", primary_key=True),
    text_column("cost_center", primary_key=True),
    text_column("project"),
    text_column("key"),
    text_column("model"),
    integer_column("gpu_ns"),
    integer_column("nanos"),
    text_column("method"),
    text_column("mark"),
)
"""Whose a window's GPU time was: `line` is request, aborted, warmup, idle or overhead."""

cache_storage = Table(
    "cache_storage",
    metadata,
    text_column("id", primary_key=True),
    integer_column("at_us"),
    *map(text_column, ("tenant", "cost_center")),
    integer_column("byte_seconds"),
    text_column("price_version"),
    *map(integer_column, ("list_nanos", "cost_nanos")),
)
"""What one tenant's kept answers occupied since the row before, up to that moment. `price_version` is ''
where storage had no price: its cost is 0 then."""

gpu_up = Table(
    "gpu_up",
    metadata,
    text_column("backend", primary_key=True),
    text_column("process", primary_key=True),
    integer_column("up_us", primary_key=True),
    integer_column("ready_us", nullable=True),
    integer_column("seen_us"),
    integer_column("down_us", nullable=True),
)
"""When a gateway process saw a backend up, on that process's clock."""

gpu_clocks = Table(
    "gpu_clocks",
    metadata,
    text_column("process", primary_key=True),
    integer_column("from_us", primary_key=True),
    integer_column("ahead_us"),
)
"""From when on a process's clock was how far ahead of the ledger server's; no row: not at all."""

gpu_weights = Table(
    "gpu_weights",
    metadata,
    text_column("backend", primary_key=True),
    integer_column("from_us", primary_key=True),
    integer_column("prefill_ns_per_token"),
    integer_column("decode_ns_per_token"),
    integer_column("prefill_ns_per_kilocontext"),
    integer_column("decode_ns_per_kilocontext"),
    text_column("method"),
)
"""What a token weighs on a backend in the windows from then on; fitted once, then never changed."""

audit_log = Table(
    "audit_log",
    metadata,
    integer_column("seq", primary_key=True),
    integer_column("at_us"),
    *(text_column(name) for name in ("who", "action", "subject")),
    *(text_column(name, nullable=True) for name in ("before", "after")),
    *(text_column(name) for name in ("request_id", "prev_hash", "hash")),
)
"""Every change that was made through management; each row's hash covers the one before (metering/audit)."""

incoming_sums = Table(
    "weir_sums",
    MetaData(),
    integer_column("hour_us"),
    Column("group_id", LargeBinary),
    *((integer_column if name in INTEGER_DIMENSIONS else text_column)(name) for name in DIMENSION_COLUMNS),
    *(integer_column(name, nullable=True) for name in MEASURES),
    prefixes=["TEMPORARY"],
)
"""What a transaction is about to add to the rollups; each connection has its own."""

ledger_state = Table("ledger_state", metadata, text_column("name", primary_key=True), text_column("value"))
"""Single facts: ROLLED_SEQ and RETAINED_FROM_US."""

ROLLED_SEQ = "rolled_seq"
"""SQLite: the highest `events.seq` that is in the rollups."""
RETAINED_FROM_US = "retained_from_us"
"""Events whose id is older were deleted by retention; their rollups stay."""
