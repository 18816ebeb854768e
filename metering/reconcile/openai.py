"""OpenAI's organisation reports: pages of `/v1/organization/costs` and `/v1/organization/usage/...`.

Costs are what is invoiced, per line item (`gpt-5-mini-2025-08-07, cached input`). Usage is tokens without
money; its `input_tokens` hold the cached ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from metering.reconcile.buckets import import_buckets
from metering.reconcile.line import TOTAL, Imported, ImportFailed, LineKind, NanoRounder, VendorLine
from metering.reconcile.meters import token_class, tokens_per_unit
from metering.reconcile.record import Record

VENDOR = "openai"


def import_openai(name: str, data: bytes) -> Imported:
    """Of one file, which may hold costs, usage, or both. Raises ImportFailed."""
    return import_buckets(name, data, lambda bucket: bucket.day_of_seconds("start_time"), _result)


def _result(result: Record, day: date, rounder: NanoRounder) -> Iterator[VendorLine]:
    if "amount" in result:
        yield _cost(result, day, rounder)
    elif "input_tokens" in result:
        yield from _usage(result, day)
    else:
        raise ImportFailed(f"{result.where}: neither a cost (amount) nor tokens (input_tokens)")


def _cost(result: Record, day: date, rounder: NanoRounder) -> VendorLine:
    amount = result.record("amount")
    if amount is None:
        result.fail("amount", "is missing")
    usd = amount.number("value")
    if usd is None:
        amount.fail("value", "is missing")
    if (currency := amount.text("currency").upper() or "USD") != "USD":
        amount.fail("currency", f"{currency[:10]}: only USD can be held against the ledger")
    item = result.text("line_item")
    kind, model, meter = line_item(item) if item else (LineKind.TOKENS, None, None)
    if usd < 0 and kind is LineKind.OTHER:
        kind = LineKind.CREDIT
    return VendorLine(
        VENDOR,
        day,
        kind,
        model,
        meter,
        _quantity(result, kind),
        rounder.nanos(usd),
        project=result.text("project_id"),
        key=result.text("api_key_id"),
        reference=result.where,
    )


def _quantity(result: Record, kind: LineKind) -> Decimal | None:
    quantity = result.number("quantity")
    if quantity is None or kind is not LineKind.TOKENS:
        return quantity
    unit = result.text("quantity_unit") or "tokens"
    factor = tokens_per_unit(unit)
    return None if factor is None else quantity * factor


def line_item(item: str) -> tuple[LineKind, str | None, str | None]:
    """`gpt-5-mini, cached input` -> (tokens, gpt-5-mini, cache_read); `web search` -> (other, None, ...)."""
    model, comma, meter = (part.strip() for part in item.partition(","))
    if comma:
        found = token_class(meter)
        return (LineKind.OTHER, model, meter) if found is None else (LineKind.TOKENS, model, found)
    if " " in item.strip():
        return LineKind.OTHER, None, item
    return LineKind.TOKENS, item.strip(), TOTAL


def _usage(result: Record, day: date) -> Iterator[VendorLine]:
    whole = result.count("input_tokens")
    read, write = result.count("input_cached_tokens"), result.count("input_cache_write_tokens")
    if read + write > whole:
        result.fail("input_tokens", f"{whole} is less than the {read + write} cached and newly cached in it")
    tokens = {
        "input": whole - read - write,
        "cache_read": read,
        "cache_write": write,
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
                project=result.text("project_id"),
                key=result.text("api_key_id"),
                reference=result.where,
            )
