"""A month of synthetic events, made inside PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import psycopg

from metering.days import day_start_us
from metering.store.ids import lowest_id
from metering.store.names import US_PER_HOUR

FIRST, UNTIL = date(2026, 9, 1), date(2026, 10, 1)
FROM_US, UNTIL_US = day_start_us(FIRST), day_start_us(UNTIL)
TENANTS, KEYS_EACH, MODELS = 100, 2, 5
ROWS_PER_BATCH = 5000

# Few tenants and few models do most of the work, as everywhere. A key has one project and one task. The
# first six models are a vendor's, one is an engine's; what is random is drawn once per row.
_INSERT = f"""
WITH drawn AS (
  SELECT i, %(hour_us)s + (random() * 3599e6)::bigint AS at_us,
    floor({TENANTS} * random() ^ 2)::int AS tenant, floor({KEYS_EACH} * random())::int AS key,
    floor({MODELS} * random() ^ 2)::int AS model, random() AS fate,
    (200 + 3000 * random() ^ 3)::bigint AS input, (20 + 800 * random() ^ 2)::bigint AS output
  FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS i
), told AS (
  SELECT *,
    CASE WHEN fate < 0.90 THEN 'completed' WHEN fate < 0.98 THEN 'cached' ELSE 'client_gone' END AS outcome,
    CASE WHEN fate BETWEEN 0.90 AND 0.98 THEN 0 ELSE (input * 150 + output * 600) * (model + 1) END AS cost
  FROM drawn
)
INSERT INTO events (
  id, request_id, attempt, started_us, finished_us, tenant, cost_center, project, key, tags, api,
  requested_model, route, tier, reason, backend, served_model, outcome, status, error, stream,
  input_uncached_tokens,
  cache_read_tokens, cache_write_tokens, output_tokens, reasoning_tokens, provenance, price_version,
  list_nanos, cost_nanos, baseline_nanos, cache_status, queue_us, first_token_us, total_us, overhead_us,
  stand_in, process,
  prefill_us, decode_us, gpu_ns, gpu_nanos, kind, corrects, seq)
SELECT %(prefix)s || lpad(i::text, 16, '0'), 'req_' || i, CASE outcome WHEN 'cached' THEN 0 ELSE 1 END,
  at_us, at_us + 900000, 'tenant-' || tenant, 'CC-' || tenant / 5, 'project-' || key, 'key-' || key,
  '{{"task":"task-' || key || '"}}', 'chat.completions', 'auto', 'auto', 'tier-' || model / 2, 'score',
  'backend-' || model, 'model-' || model, outcome, 200, '', 1, input, 0, 0, output, 0,
  CASE outcome WHEN 'client_gone' THEN 'counted' ELSE 'vendor' END, 'rates:2026-01-01:abcdef01',
  cost, cost, (input * 150 + output * 600) * 6, CASE outcome WHEN 'cached' THEN 'exact' ELSE 'miss' END,
  10, 200000, 900000, 300, 0, 'p1', NULL, NULL,
  CASE model WHEN 4 THEN 800000000 END, CASE model WHEN 4 THEN 500000 END,
  CASE outcome WHEN 'cached' THEN 'hit' ELSE 'attempt' END, '', i / {ROWS_PER_BATCH}
FROM told
"""


def fill(connection: psycopg.Connection[tuple[object, ...]], count: int) -> None:
    """`count` events over the month's hours, and their batches among the pending."""
    for first, last, hour_us in _hours(count):
        values = {"first": first, "last": last, "hour_us": hour_us, "prefix": lowest_id(hour_us)}
        connection.execute(_INSERT.encode(), values)
    connection.execute(
        "INSERT INTO rollup_pending OVERRIDING SYSTEM VALUE SELECT DISTINCT i FROM generate_series(0, %s) i",
        (count // ROWS_PER_BATCH,),
    )


def _hours(count: int) -> Iterator[tuple[int, int, int]]:
    """(first, last, hour): the events' numbers of every hour."""
    hours = range(FROM_US, UNTIL_US, US_PER_HOUR)
    for at, hour_us in enumerate(hours):
        first, after = count * at // len(hours), count * (at + 1) // len(hours)
        if first < after:
            yield first, after - 1, hour_us
