"""What a vendor would report of some use, in each of the forms that are imported: made here, amount by
amount."""

from __future__ import annotations

import csv
import io
import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from metering.reconcile.detect import VendorFile

FIRST = date(2026, 10, 1)
CLASSES = ("input", "cache_read", "cache_write", "output")

_OPENAI_ITEMS = {
    "input": "input", "cache_read": "cached input", "cache_write": "cache write", "output": "output",
}  # fmt: skip
_ANTHROPIC_TYPES = {
    "input": "uncached_input_tokens",
    "cache_read": "cache_read_input_tokens",
    "cache_write": "cache_creation.ephemeral_5m_input_tokens",
    "output": "output_tokens",
}
_FOCUS_METERS = {
    "input": "Input Tokens", "cache_read": "Cached Input Tokens",
    "cache_write": "Cache Write Tokens", "output": "Output Tokens",
}  # fmt: skip


@dataclass(frozen=True)
class Use:
    """Tokens of one class, of a model on a day, and what the vendor charges for them."""

    day: date
    model: str
    meter: str
    tokens: int
    nanos: int


@dataclass(frozen=True)
class Extra:
    """An amount that is no model's tokens; `what` is a class of variance."""

    day: date
    what: str
    nanos: int


def day_at(number: int) -> date:
    return FIRST + timedelta(days=number)


def openai(uses: Sequence[Use], extras: Sequence[Extra] = ()) -> list[VendorFile]:
    """Costs by line item, with snapshots' names as the vendor writes them, and usage by model."""
    costs: dict[date, list[Any]] = defaultdict(list)
    for use in uses:
        item = f"{use.model}-2025-08-07, {_OPENAI_ITEMS[use.meter]}"
        costs[use.day].append(_openai_cost(item, use.nanos))
    for extra in extras:
        costs[extra.day].append(_openai_cost("web search tool calls", extra.nanos))
    usage: dict[date, list[Any]] = defaultdict(list)
    for (day, model), tokens in _by_model(uses).items():
        read, write = tokens["cache_read"], tokens["cache_write"]
        usage[day].append(
            {
                "object": "organization.usage.completions.result",
                "model": f"{model}-2025-08-07",
                "input_tokens": tokens["input"] + read + write,
                "input_cached_tokens": read,
                "input_cache_write_tokens": write,
                "output_tokens": tokens["output"],
                "num_model_requests": 7,
                "project_id": None,
            }
        )
    pages = (_page(costs, _openai_bucket), _page(usage, _openai_bucket))
    return [_file(f"{name}.json", page) for name, page in zip(("costs", "usage"), pages, strict=True)]


def anthropic(uses: Sequence[Use], extras: Sequence[Extra] = ()) -> list[VendorFile]:
    """Costs by description, in cents, and usage by model."""
    costs: dict[date, list[Any]] = defaultdict(list)
    for use in uses:
        costs[use.day].append(
            {
                "amount": _shifted(use.nanos, -7),
                "currency": "USD",
                "cost_type": "tokens",
                "token_type": _ANTHROPIC_TYPES[use.meter],
                "model": f"{use.model}-20250514",
                "workspace_id": None,
            }
        )
    for extra in extras:
        amount = _shifted(extra.nanos, -7)
        costs[extra.day].append(
            {"amount": amount, "currency": "USD", "cost_type": "web_search", "model": None}
        )
    usage: dict[date, list[Any]] = defaultdict(list)
    for (day, model), tokens in _by_model(uses).items():
        usage[day].append(
            {
                "model": f"{model}-20250514",
                "uncached_input_tokens": tokens["input"],
                "cache_read_input_tokens": tokens["cache_read"],
                "cache_creation": {
                    "ephemeral_5m_input_tokens": tokens["cache_write"],
                    "ephemeral_1h_input_tokens": 0,
                },
                "output_tokens": tokens["output"],
            }
        )
    pages = (_page(costs, _anthropic_bucket), _page(usage, _anthropic_bucket))
    return [_file(f"{name}.json", page) for name, page in zip(("costs", "usage"), pages, strict=True)]


def focus(uses: Sequence[Use], extras: Sequence[Extra] = (), version: str = "1.2") -> list[VendorFile]:
    """A CSV with the columns that matter, named as that version names them."""
    rows = [_focus_row(use.day, use.nanos) | _focus_use(use) for use in uses]
    rows += [_focus_row(extra.day, extra.nanos) | _focus_extra(extra) for extra in extras]
    provider = "ServiceProviderName" if version in ("1.3", "1.4") else "ProviderName"
    titles = [provider, *(_focus_row(FIRST, 0) | _focus_use(Use(FIRST, "m", "input", 1, 1)))]
    out = io.StringIO()
    writer = csv.DictWriter(out, titles, restval="")
    writer.writeheader()
    writer.writerows({provider: "OpenAI", **row} for row in rows)
    return [VendorFile("focus.csv", out.getvalue().encode())]


FORMS: dict[str, Callable[[Sequence[Use], Sequence[Extra]], list[VendorFile]]] = {
    "openai": openai,
    "anthropic": anthropic,
    "focus": focus,
}


def _focus_row(day: date, nanos: int) -> dict[str, str]:
    money = _shifted(nanos, -9)
    return {
        "ChargePeriodStart": f"{day}T00:00:00Z",
        "ChargePeriodEnd": f"{day + timedelta(days=1)}T00:00:00Z",
        "BilledCost": money,
        "EffectiveCost": money,
        "BillingCurrency": "USD",
        "ServiceCategory": "AI and Machine Learning",
    }


def _focus_use(use: Use) -> dict[str, str]:
    return {
        "ChargeCategory": "Usage",
        "SkuMeter": _FOCUS_METERS[use.meter],
        "SkuPriceDetails": json.dumps({"x_ModelId": f"{use.model}-2025-08-07"}),
        "ConsumedQuantity": str(use.tokens),
        "ConsumedUnit": "Tokens",
    }


def _focus_extra(extra: Extra) -> dict[str, str]:
    category = {
        "other charges": "Usage", "taxes": "Tax", "purchases": "Purchase", "free/credits": "Credit",
        "vendor adjustments": "Adjustment",
    }  # fmt: skip
    meter = "Web Search" if extra.what == "other charges" else ""
    return {"ChargeCategory": category[extra.what], "SkuMeter": meter}


def _by_model(uses: Sequence[Use]) -> dict[tuple[date, str], dict[str, int]]:
    found: dict[tuple[date, str], dict[str, int]] = {}
    for use in uses:
        tokens = found.setdefault((use.day, use.model), dict.fromkeys(CLASSES, 0))
        tokens[use.meter] += use.tokens
    return found


def _openai_cost(item: str, nanos: int) -> dict[str, Any]:
    """A float, as the vendor sends."""
    amount = {"value": nanos / 1e9, "currency": "usd"}
    return {"object": "organization.costs.result", "amount": amount, "line_item": item, "project_id": None}


def _openai_bucket(day: date) -> dict[str, Any]:
    start = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
    return {"object": "bucket", "start_time": start, "end_time": start + 86_400}


def _anthropic_bucket(day: date) -> dict[str, Any]:
    return {"starting_at": f"{day}T00:00:00Z", "ending_at": f"{day + timedelta(days=1)}T00:00:00Z"}


def _page(results: dict[date, list[Any]], bucket: Callable[[date], dict[str, Any]]) -> dict[str, Any]:
    data = [{**bucket(day), "results": found} for day, found in sorted(results.items())]
    return {"object": "page", "data": data, "has_more": False, "next_page": None}


def _file(name: str, page: dict[str, Any]) -> VendorFile:
    return VendorFile(name, json.dumps(page).encode())


def _shifted(nanos: int, digits: int) -> str:
    return format(Decimal(nanos).scaleb(digits), "f")
