"""What a row of `events`, `gpu_shares` or `cache_storage` adds to a report: dimensions and measures, as SQL.

Every measure of a report is the sum of these over the rows chosen, so sums of sums are the same sums.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import BigInteger, ColumnElement, Integer, and_, case, cast, func, literal_column, null, or_
from sqlalchemy.sql.elements import SQLCoreOperations

from metering.event import UNPRICED, WAS_UNKNOWN, WAS_UNPRICED
from metering.house import CACHE_AUDITS, HOUSE_TENANT
from metering.store.names import DIMENSION_COLUMNS, MEASURES, US_PER_HOUR
from metering.store.tables import cache_storage, events, gpu_shares

Expression = ColumnElement[object]
_E, _S, _K = events.c, gpu_shares.c, cache_storage.c


def _text(value: str) -> Expression:
    """Written out, not bound: it is ours, and a plan can count on it."""
    return literal_column(f"'{value}'")


def _number(value: int) -> Expression:
    return literal_column(str(value), Integer)


_CORRECTION = _E.kind == _text("correction")
_HIT = _E.outcome == _text("cached")
_AUDIT = and_(_E.tenant == _text(HOUSE_TENANT), _E.key.in_([_text(name) for name in CACHE_AUDITS]))
_BY_GPU_TIME = or_(_E.gpu_ns.is_not(None), _E.price_version.like(_text("gpu:%")))
"""A correction of what GPU time paid for repeats no GPU time, but is of its kind."""
_NONE = null()
_NO_AMOUNT: Expression = cast(_NONE, BigInteger)


def _one_if(condition: ColumnElement[bool]) -> Expression:
    return case((condition, _number(1)), else_=_number(0))


def _if(
    condition: ColumnElement[bool], value: SQLCoreOperations[object], otherwise: object = _NONE
) -> Expression:
    return case((condition, value), else_=otherwise)


def hour_of(instant_us: ColumnElement[int]) -> ColumnElement[int]:
    """The UTC hour's first microsecond."""
    return instant_us - instant_us % literal_column(str(US_PER_HOUR), Integer)


def _difference() -> Expression:
    """A correction's amounts are differences, and None there adds nothing; of a first price nothing is
    claimed as saved unless its baseline came with it."""
    corrected = func.coalesce(_E.baseline_nanos, _number(0)) - func.coalesce(_E.cost_nanos, _number(0))
    first_price = and_(_E.error == _text(WAS_UNKNOWN), _E.baseline_nanos.is_(None))
    return case(
        (and_(_CORRECTION, first_price), _number(0)),
        (_CORRECTION, corrected),
        else_=_E.baseline_nanos - _E.cost_nanos,
    )


def _saved_by_hit() -> Expression:
    """What buying the answer again would have cost, where the row knows it; of older rows their baseline."""
    return case(
        (_E.avoided_nanos.is_not(None), _E.avoided_nanos - func.coalesce(_E.cost_nanos, _number(0))),
        (_E.price_version == _text(UNPRICED), _NO_AMOUNT),
        else_=_difference(),
    )


def _routed_hit() -> Expression:
    """What a hit's baseline is more than what the cache saved: buying again would have been routed too."""
    baseline = _if(_CORRECTION, func.coalesce(_E.baseline_nanos, _number(0)), _E.baseline_nanos)
    return case(
        (_E.avoided_nanos.is_not(None), baseline - _E.avoided_nanos),
        (_E.price_version == _text(UNPRICED), _NO_AMOUNT),
        else_=_number(0),
    )


def _unpriced_hit() -> Expression:
    return case(
        (and_(_CORRECTION, _E.error == _text(WAS_UNPRICED)), _number(-1)),
        (and_(_HIT, ~_CORRECTION, _saved_by_hit().is_(None)), _number(1)),
        else_=_number(0),
    )


def _unknown_cost() -> Expression:
    return case(
        (and_(_CORRECTION, _E.error == _text(WAS_UNKNOWN)), _number(-1)),
        (and_(~_CORRECTION, _E.cost_nanos.is_(None)), _number(1)),
        else_=_number(0),
    )


def _worked(column: str) -> Expression:
    return _if(~_HIT, _E[column])


_SERVED_TOKENS = _E.input_uncached_tokens + _E.cache_read_tokens + _E.cache_write_tokens + _E.output_tokens

EVENT_HOUR = hour_of(_E.started_us)
EVENT_DIMENSIONS: Mapping[str, Expression] = {
    **{name: _E[name] for name in DIMENSION_COLUMNS if name in _E},
    "provenance": func.coalesce(_E.provenance, _text("")),
    "cache_status": case(
        (and_(_HIT, _E.reason.like(_text("cache:%"))), func.substr(_E.reason, _number(7))),
        else_=_E.cache_status,
    ),
    "category": case((_HIT, _text("cache")), (_BY_GPU_TIME, _text("gpu")), else_=_text("vendor")),
    "line": _text(""),
}
EVENT_MEASURES: Mapping[str, Expression] = {
    "events": _number(1),
    "requests": _one_if(and_(~_CORRECTION, _E.attempt <= _number(1))),
    "attempts": _one_if(and_(~_CORRECTION, _E.outcome.not_in([_text("cached"), _text("rejected")]))),
    "hits": _one_if(and_(~_CORRECTION, _HIT)),
    "corrections": _one_if(_CORRECTION),
    "input_uncached_tokens": _worked("input_uncached_tokens"),
    "cache_read_tokens": _worked("cache_read_tokens"),
    "cache_write_tokens": _worked("cache_write_tokens"),
    "output_tokens": _worked("output_tokens"),
    "reasoning_tokens": _worked("reasoning_tokens"),
    "served_from_cache_tokens": _if(_HIT, _SERVED_TOKENS),
    "list_nanos": _E.list_nanos,
    "cost_nanos": _E.cost_nanos,
    "baseline_nanos": _if(or_(_HIT, _E.outcome == _text("completed")), _E.baseline_nanos),
    "saved_by_cache_nanos": _if(_HIT, _saved_by_hit(), _number(0)),
    "saved_by_route_nanos": case(
        (_E.route == _text(""), _number(0)),
        (_E.outcome == _text("completed"), _difference()),
        (_HIT, _routed_hit()),
        (_E.outcome == _text("escalated"), _number(0) - _E.cost_nanos),
        else_=_number(0),
    ),
    "unknown_cost_events": _unknown_cost(),
    "counted_cost_nanos": _if(_E.provenance == _text("counted"), _E.cost_nanos),
    "estimated_cost_nanos": _if(_E.provenance == _text("estimated"), _E.cost_nanos),
    "stand_in_events": _if(~_CORRECTION, _E.stand_in, _number(0)),
    "provisional_gpu_ns": _E.gpu_ns,
    "provisional_gpu_nanos": _E.gpu_nanos,
    "gpu_ns": _NO_AMOUNT,
    "gpu_nanos": _NO_AMOUNT,
    "unpriced_hits": _unpriced_hit(),
    "cache_audit_nanos": _if(_AUDIT, _E.cost_nanos),
    "storage_byte_seconds": _NO_AMOUNT,
    "unpriced_storage_byte_seconds": _NO_AMOUNT,
}
"""The cache status of a hit is the tier that found it, as its reason says."""

SHARE_HOUR = hour_of(_S.window_start_us)
SHARE_DIMENSIONS: Mapping[str, Expression] = {
    **dict.fromkeys(DIMENSION_COLUMNS, _text("")),
    **{name: _S[name] for name in ("tenant", "cost_center", "project", "key", "backend", "line")},
    "served_model": _S.model,
    "stand_in": _number(0),
    "tags": _text("{}"),
    "category": case(
        (_S.line == _text("idle"), _text("idle")),
        (_S.line.in_([_text("request"), _text("aborted")]), _text("gpu")),
        else_=_text("overhead"),
    ),
}
"""A share carries no labels, route or outcome of its request: those stand in the event."""
SHARE_MEASURES: Mapping[str, Expression] = {
    **dict.fromkeys(MEASURES, _NO_AMOUNT),
    "gpu_ns": _S.gpu_ns,
    "gpu_nanos": _S.nanos,
}

STORAGE = "cache storage"
"""The category of what kept answers occupy; `cache` is that of hits."""
STORAGE_HOUR = hour_of(_K.at_us)
STORAGE_DIMENSIONS: Mapping[str, Expression] = {
    **dict.fromkeys(DIMENSION_COLUMNS, _text("")),
    **{name: _K[name] for name in ("tenant", "cost_center")},
    "stand_in": _number(0),
    "tags": _text("{}"),
    "category": _text(STORAGE),
}
STORAGE_MEASURES: Mapping[str, Expression] = {
    **dict.fromkeys(MEASURES, _NO_AMOUNT),
    "list_nanos": _K.list_nanos,
    "cost_nanos": _K.cost_nanos,
    "storage_byte_seconds": _K.byte_seconds,
    "unpriced_storage_byte_seconds": _if(_K.price_version == _text(""), _K.byte_seconds),
}
