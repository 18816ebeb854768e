"""An event as a row of columns, and back."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from metering.event import Event, Routing
from metering.ledger import EventRejected, Row
from metering.outcome import Outcome
from metering.usage import Provenance, TokenUsage

USAGE_COLUMNS = (
    "input_uncached_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "output_tokens",
    "reasoning_tokens",
    "provenance",
)
ROUTING_COLUMNS = (
    "route_gain",
    "route_threshold",
    "route_known",
    "gain_model",
    "prompt_tokens_estimate",
    "route_needs",
)
"""In the order of Routing."""
AVOIDED_COLUMN = "avoided_nanos"
_FIELDS = tuple(field.name for field in fields(Event) if field.name not in ("routing", AVOIDED_COLUMN))
_USAGE_AT = _FIELDS.index("usage")
_FIRST_COLUMNS = (*_FIELDS[:_USAGE_AT], *USAGE_COLUMNS, *_FIELDS[_USAGE_AT + 1 :])
ADDED_COLUMNS = ("cache_write_1h_tokens", *ROUTING_COLUMNS, AVOIDED_COLUMN)
"""Part of the usage too, the routing, and what a hit avoided. At the end, in the order in which they were
added: a journal may hold rows that were written before there were these."""
COLUMNS = (*_FIRST_COLUMNS, *ADDED_COLUMNS)
"""The columns of `events`, in the order of `to_row`: Event's fields, `usage` and `routing` spread out."""

_NO_USAGE = (None,) * len(USAGE_COLUMNS)
_NO_ROUTING = (None,) * len(ROUTING_COLUMNS)
_MISSING_IN_OLDER = frozenset({len(ADDED_COLUMNS), len(ROUTING_COLUMNS) + 1, 1})


def to_row(e: Event) -> Row:
    """Written out for speed: this runs once per event beside a busy event loop."""
    u = e.usage
    return (
        e.id, e.request_id, e.attempt, e.started_us, e.finished_us,
        e.tenant, e.cost_center, e.project, e.key, e.tags,
        e.api, e.requested_model, e.route, e.tier, e.reason, e.backend, e.served_model,
        e.outcome.value, e.status, e.error, 1 if e.stream else 0,
        *(_NO_USAGE if u is None else (
            u.input_uncached, u.cache_read, u.cache_write, u.output, u.reasoning, u.provenance.value
        )),
        e.price_version, e.list_nanos, e.cost_nanos, e.baseline_nanos,
        e.cache_status, e.queue_us, e.first_token_us, e.total_us, e.overhead_us,
        1 if e.stand_in else 0,
        e.process, e.prefill_us, e.decode_us, e.gpu_ns, e.gpu_nanos, e.kind, e.corrects,
        None if u is None else u.cache_write_1h,
        *(e.routing or _NO_ROUTING),
        e.avoided_nanos,
    )  # fmt: skip


def whole(row: Row) -> Row:
    """A row of an older, shorter form with None for what it lacks; any other row as it is."""
    missing = len(COLUMNS) - len(row)
    return (*row, *(None,) * missing) if missing in _MISSING_IN_OLDER else row


def storable(row: Row) -> Row:
    """The whole row, as a ledger takes it. Raises EventRejected for one of another length."""
    stored = whole(row)
    if len(stored) != len(COLUMNS):
        raise EventRejected(f"not a row of this version: it has {len(row)} values, not {len(COLUMNS)}")
    return stored


def from_row(row: Row) -> Event:
    """The event that `to_row` made this row of, be it in this form or a shorter one."""
    named: dict[str, Any] = dict(zip(COLUMNS, whole(row), strict=True))
    uncached, read, write, output, reasoning, said_by = (named.pop(column) for column in USAGE_COLUMNS)
    write_1h = named.pop("cache_write_1h_tokens")
    routing = Routing._make(named.pop(column) for column in ROUTING_COLUMNS)
    named["routing"] = None if routing.prompt_tokens is None else routing
    named["usage"] = (
        None
        if said_by is None
        else TokenUsage(uncached, read, write, output, reasoning, Provenance(said_by), write_1h or 0)
    )
    named["outcome"] = Outcome(named["outcome"])
    named["stream"] = bool(named["stream"])
    named["stand_in"] = bool(named["stand_in"])
    return Event(**named)
