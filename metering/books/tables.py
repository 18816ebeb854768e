"""The books' tables, as the newest revision of metering/migrations leaves them."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Table, Text

from metering.store.tables import metadata


def _integer(name: str, *, nullable: bool = False, primary_key: bool = False) -> Column[int]:
    return Column(name, BigInteger, nullable=nullable, primary_key=primary_key)


def _text(name: str, *, nullable: bool = False, primary_key: bool = False) -> Column[str]:
    return Column(name, Text, nullable=nullable, primary_key=primary_key)


book_entries = Table(
    "book_entries",
    metadata,
    _text("id", primary_key=True),
    *map(_text, ("month", "tenant", "cost_center", "project", "kind", "category")),
    _integer("amount_nanos"),
    *map(_text, ("description", "reference")),
    _integer("created_us"),
    _text("created_by"),
    _text("statement_number", nullable=True),
    _text("details"),
)
"""Amounts that no usage of their month stands behind. Rows never change, but for the number of the statement
that takes them up, once."""

book_periods = Table(
    "book_periods",
    metadata,
    _text("month", primary_key=True),
    _text("time_zone"),
    *map(_integer, ("from_us", "until_us", "statements", "total_nanos", "total_cents")),
    *map(_integer, ("unknown_cost_events", "closed_us")),
    *map(_text, ("closed_by", "digest")),
)
"""A row for each closed month."""

statements = Table(
    "statements",
    metadata,
    _text("number", primary_key=True),
    *map(_text, ("month", "tenant", "time_zone")),
    *map(_integer, ("from_us", "until_us")),
    _text("currency"),
    *map(_integer, ("total_nanos", "total_cents", "lines", "unknown_cost_events", "closed_us")),
    *map(_text, ("closed_by", "digest")),
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
    _text("number", primary_key=True),
    _integer("line", primary_key=True),
    *map(_text, ("kind", "entry_id", "tenant", "cost_center", "project", "model", "backend", "category")),
    *map(_text, ("description", "reference")),
    *map(_integer, ("requests", *TOKEN_COLUMNS, "gpu_ns")),
    *(_integer(name, nullable=True) for name in ("list_nanos", "amount_nanos", "cents")),
    _integer("unknown_cost_events"),
)
"""NULL amounts are unknown: no row behind the line has a known cost."""
