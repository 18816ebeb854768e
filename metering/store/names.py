"""The names that rollups, reports and migrations share."""

from __future__ import annotations

US_PER_HOUR = 3_600_000_000

INTEGER_DIMENSIONS = frozenset({"stand_in"})
DIMENSION_COLUMNS = (
    "tenant",
    "cost_center",
    "project",
    "key",
    "api",
    "requested_model",
    "served_model",
    "route",
    "tier",
    "backend",
    "outcome",
    "cache_status",
    "provenance",
    "stand_in",
    "category",
    "line",
    "tags",
)
"""What rollups keep apart. '' where a row has no such thing."""

MEASURES = (
    "events",
    "requests",
    "attempts",
    "hits",
    "corrections",
    "input_uncached_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "output_tokens",
    "reasoning_tokens",
    "served_from_cache_tokens",
    "list_nanos",
    "cost_nanos",
    "baseline_nanos",
    "saved_by_cache_nanos",
    "saved_by_route_nanos",
    "unknown_cost_events",
    "counted_cost_nanos",
    "estimated_cost_nanos",
    "stand_in_events",
    "provisional_gpu_ns",
    "provisional_gpu_nanos",
    "gpu_ns",
    "gpu_nanos",
    "unpriced_hits",
    "cache_audit_nanos",
    "storage_byte_seconds",
    "unpriced_storage_byte_seconds",
)
"""What rollups sum; metering/store/measures.py defines each."""
