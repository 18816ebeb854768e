"""Anthropic's organisation reports: pages of `usage_report/messages` and `cost_report`.

An amount of the cost report is a decimal text in **cents**. Priority-tier tokens are in the usage and not in
the costs.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from metering.reconcile.buckets import import_buckets
from metering.reconcile.line import Imported, ImportFailed, LineKind, NanoRounder, VendorLine
from metering.reconcile.meters import token_class
from metering.reconcile.record import Record

VENDOR = "anthropic"
_CENTS_IN_USD_DIGITS = -2


def import_anthropic(name: str, data: bytes) -> Imported:
    """Of one file, which may hold costs, usage, or both. Raises ImportFailed."""
    return import_buckets(name, data, lambda bucket: bucket.day_of_instant("starting_at"), _result)


def _result(result: Record, day: date, rounder: NanoRounder) -> Iterator[VendorLine]:
    if "amount" in result:
        yield _cost(result, day, rounder)
    elif "uncached_input_tokens" in result or "output_tokens" in result:
        yield from _usage(result, day)
    else:
        raise ImportFailed(f"{result.where}: neither a cost (amount) nor tokens (uncached_input_tokens)")


def _cost(result: Record, day: date, rounder: NanoRounder) -> VendorLine:
    cents = result.number("amount")
    if cents is None:
        result.fail("amount", "is missing")
    if (currency := result.text("currency").upper() or "USD") != "USD":
        result.fail("currency", f"{currency[:10]}: only USD can be held against the ledger")
    kind, meter = _meter(result)
    if cents < 0 and kind is LineKind.OTHER:
        kind = LineKind.CREDIT
    return VendorLine(
        VENDOR,
        day,
        kind,
        result.text("model") or None,
        meter,
        None,
        rounder.nanos(cents.scaleb(_CENTS_IN_USD_DIGITS)),
        project=result.text("workspace_id"),
        reference=result.where,
    )


def _meter(result: Record) -> tuple[LineKind, str | None]:
    """A report that is not grouped by description says neither type nor model: then it is all of them."""
    cost_type, token_type = result.text("cost_type"), result.text("token_type")
    if cost_type not in ("", "tokens"):
        return LineKind.OTHER, cost_type
    if not token_type:
        return LineKind.TOKENS, None
    found = token_class(token_type)
    if found is None:
        result.fail("token_type", f"{token_type[:60]!r} is not known")
    return LineKind.TOKENS, found


def _usage(result: Record, day: date) -> Iterator[VendorLine]:
    written = result.record("cache_creation")
    names = ("ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens")
    tokens = {
        "input": result.count("uncached_input_tokens"),
        "cache_read": result.count("cache_read_input_tokens"),
        "cache_write": 0 if written is None else sum(written.count(name) for name in names),
        "output": result.count("output_tokens"),
    }
    for meter, count in tokens.items():
        if count:
            yield VendorLine(
                VENDOR,
                day,
                LineKind.TOKENS,
                result.text("model") or None,
                meter,
                Decimal(count),
                None,
                project=result.text("workspace_id"),
                key=result.text("api_key_id"),
                reference=result.where,
            )
