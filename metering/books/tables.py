"""The books' tables, as the newest revision of metering/migrations leaves them."""

from __future__ import annotations

from sqlalchemy import Table

from metering.store.tables import integer_column, metadata, text_column

book_entries = Table(
    "book_entries",
    metadata,
    text_column("id", primary_key=True),
    *map(text_column, ("month", "tenant", "cost_center", "project", "kind", "category")),
    integer_column("amount_nanos"),
    *map(text_column, ("description", "reference")),
    integer_column("created_us"),
    text_column("created_by"),
    text_column("statement_number", nullable=True),
    text_column("details"),
)
"""Amounts that no usage of their month stands behind. Rows never change, but for the number of the statement
that takes them up, once."""

book_periods = Table(
    "book_periods",
    metadata,
    text_column("month", primary_key=True),
    text_column("time_zone"),
    *map(integer_column, ("from_us", "until_us", "statements", "total_nanos", "total_cents")),
    *map(integer_column, ("unknown_cost_events", "closed_us")),
    *map(text_column, ("closed_by", "digest")),
)
"""A row for each closed month."""

statements = Table(
    "statements",
    metadata,
    text_column("number", primary_key=True),
    *map(text_column, ("month", "tenant", "time_zone")),
    *map(integer_column, ("from_us", "until_us")),
    text_column("currency"),
    *map(integer_column, ("total_nanos", "total_cents", "lines", "unknown_cost_events", "closed_us")),
    *map(text_column, ("closed_by", "digest")),
)

TOKEN_COLUMNS = (
    "input_uncached_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "output_tokens",
    "reasoning_tokens",
    "served_from_cache_tokens",
)

statement_lines = Table(
    "statement_lines",
    metadata,
    text_column("number", primary_key=True),
    integer_column("line", primary_key=True),
    *map(
        text_column, ("kind", "entry_id", "tenant", "cost_center", "project", "model", "backend", "category")
    ),
    *map(text_column, ("description", "reference")),
    *map(integer_column, ("requests", *TOKEN_COLUMNS, "gpu_ns")),
    *(integer_column(name, nullable=True) for name in ("list_nanos", "amount_nanos", "cents")),
    integer_column("unknown_cost_events"),
)
"""NULL amounts are unknown: no row behind the line has a known cost."""
