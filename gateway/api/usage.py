"""GET /v1/usage: what the asking key used, and nothing of any other."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any
from urllib.parse import parse_qsl

import orjson

from gateway.answering import json_headers
from gateway.errors import BadRequest
from gateway.front.client import Client
from gateway.instants import show_instant
from gateway.services import Services
from gateway.tenants import Caller
from metering.money import format_usd
from metering.periods import FIRST_DAY, LAST_DAY, ReportError, period_start_us
from metering.reports import TAG, ReportQuery, UsageReport, UsageSums

GROUPS = ("model", "requested_model", "backend", "api", "project", "category", "hour", "day", "month")
"""What a key may group its own usage by, beside `tag:NAME`."""
DEFAULT_GROUPS = "model,day"
PARAMETERS = ("from", "to", "group_by", "time_zone")
_MOST_GROUPS = 4


async def own_usage(services: Services, client: Client) -> None:
    """Raises BadRequest naming the parameter; Unauthorized; Unavailable."""
    caller = services.identify(client.header(b"authorization"), client.header(b"x-api-key"))
    query = own_query(caller, parameters(client.query))
    report = await services.usage.report(query)
    client.answer(200, json_headers(services.clock), orjson.dumps(body_of(caller, report)))


def parameters(query: bytes) -> dict[str, str]:
    """Raises BadRequest for a parameter that is unknown or stands there twice."""
    found: dict[str, str] = {}
    for name, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True):
        if name not in PARAMETERS:
            raise BadRequest(f"{name[:64]} is not known; it takes {', '.join(PARAMETERS)}.", param=name[:64])
        if name in found:
            raise BadRequest(f"{name} stands there twice.", param=name)
        found[name] = value
    return found


def own_query(caller: Caller, asked: Mapping[str, str]) -> ReportQuery:
    """Whose usage comes from the key alone. Raises BadRequest."""
    zone = asked.get("time_zone", "UTC")
    first, last = _day(asked, "from"), _day(asked, "to")
    try:
        return ReportQuery(
            group_by=_groups(asked.get("group_by", DEFAULT_GROUPS)),
            from_us=None if first is None else period_start_us(first, zone),
            until_us=None if last is None else period_start_us(last + timedelta(days=1), zone),
            where={"tenant": caller.tenant, "key": caller.key},
            time_zone=zone,
        )
    except ReportError as error:
        raise BadRequest(f"{error}.") from error


def _groups(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    for name in names:
        if name not in GROUPS and not (name.startswith(TAG) and name.isprintable()):
            allowed = f"{', '.join(GROUPS)} or {TAG}NAME"
            raise BadRequest(f"group_by: {name[:64]!r} is not known; use {allowed}.", param="group_by")
    if len(names) > _MOST_GROUPS:
        raise BadRequest(f"group_by takes at most {_MOST_GROUPS} names.", param="group_by")
    return names


def _day(asked: Mapping[str, str], name: str) -> date | None:
    if name not in asked:
        return None
    try:
        day = date.fromisoformat(asked[name])
    except ValueError:
        day = date.min
    if not FIRST_DAY <= day <= LAST_DAY:
        raise BadRequest(f"{name}: {asked[name][:64]!r} is not a day, such as 2026-12-31.", param=name)
    return day


def body_of(caller: Caller, report: UsageReport) -> dict[str, Any]:
    """A list as OpenAI's are, with the totals beside it."""
    query = report.query
    return {
        "object": "list",
        "tenant": caller.tenant,
        "key": caller.key,
        "from": show_instant(query.from_us),
        "until": show_instant(query.until_us),
        "time_zone": query.time_zone,
        "group_by": list(query.group_by),
        "data": [
            {"object": "usage", **dict(zip(query.group_by, row.group, strict=True)), **_sums(row.sums)}
            for row in report.rows
        ],
        "totals": {"object": "usage", **_sums(report.totals)},
        "has_more": False,
    }


def _sums(sums: UsageSums) -> dict[str, Any]:
    """What a tenant is charged, never what it is charged from: list prices are the house's own business."""
    return {
        "requests": sums.requests,
        "cached_requests": sums.hits,
        "input_tokens": sums.input_uncached_tokens + sums.cache_read_tokens + sums.cache_write_tokens,
        "input_cached_tokens": sums.cache_read_tokens,
        "output_tokens": sums.output_tokens,
        "output_reasoning_tokens": sums.reasoning_tokens,
        "served_from_cache_tokens": sums.served_from_cache_tokens,
        "cost_usd": None if sums.cost_nanos is None else format_usd(sums.cost_nanos),
        "unknown_cost_events": sums.unknown_cost_events,
        "unreported_cost_share": sums.unreported_cost_share,
        "gpu_seconds": sums.gpu_ns / 1e9,
        "provisional_gpu_seconds": sums.provisional_gpu_ns / 1e9,
    }
