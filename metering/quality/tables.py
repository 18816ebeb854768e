"""The tables of comparisons and feedback, as the newest revision of metering/migrations leaves them."""

from __future__ import annotations

from sqlalchemy import Column, Double, LargeBinary, Table

from metering.store.tables import integer_column, metadata, text_column


def _share_column(name: str, *, nullable: bool = False) -> Column[float]:
    return Column(name, Double, nullable=nullable)


quality_verdicts = Table(
    "quality_verdicts",
    metadata,
    text_column("id", primary_key=True),
    integer_column("at_us"),
    *map(text_column, ("request_id", "event_id", "tenant", "route")),
    *map(text_column, ("served", "served_tier", "served_model", "other_tier", "other_model")),
    *(_share_column(name, nullable=True) for name in ("gain", "threshold")),
    integer_column("known", nullable=True),
    text_column("model_version"),
    text_column("verdict"),
    *(_share_column(name, nullable=True) for name in ("small_good", "large_good")),
    *map(text_column, ("method", "judge_model")),
    integer_column("cost_nanos", nullable=True),
    Column("reading", LargeBinary, nullable=True),
)
"""One row per routed request whose answer was compared with another tier's. No text of either is in it."""

feedback = Table(
    "feedback",
    metadata,
    *(text_column(name, primary_key=True) for name in ("tenant", "key", "request_id")),
    integer_column("at_us"),
    _share_column("score"),
    text_column("comment"),
)
"""What a key says of an answer; what it says last counts."""
